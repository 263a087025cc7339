"""One request of the console: who asks, which range they look at, how it is answered."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from informer.config.console import ConsoleSettings
from informer.core.types import EVER, NS_PER_S
from informer.pipeline.steps import last_looked_ns, step_ns_of
from informer.pipeline.workspace import Workspace
from informer.service.api.desk import Desk
from informer.service.api.problems import RefusedError
from informer.service.console.door import session_of
from informer.service.console.pulse import Pulse
from informer.service.parts import Parts
from informer.web.console import Shell, render

RANGES = {"1h": 3_600, "6h": 21_600, "24h": 86_400, "7d": 604_800, "30d": 2_592_000}
FEWEST_STEPS = 144  # of a range that nobody chose: fewer say little, more take longer
MOST_CHARACTERS = 3_000  # of a value in an address


@dataclass(frozen=True, slots=True)
class Range:
    """A range of time to look at."""

    name: str  # one of RANGES; empty = the person gave both ends
    from_ns: int
    until_ns: int


@dataclass(frozen=True, slots=True)
class Desks:
    """What all pages need."""

    parts: Parts
    pulse: Pulse
    settings: ConsoleSettings

    @property
    def desk(self) -> Desk:
        """Where the workspace is read."""
        return self.parts.desk


Fill = Callable[[Workspace, Range], dict[str, Any]]


async def shown(
    desks: Desks, request: Request, page: str, fill: Fill, status: int = 200
) -> Response:
    """A page, filled and drawn beside the loop."""
    session = session_of(request)
    version, why = desks.pulse.version, desks.parts.why_not_ready()

    def made(home: Workspace) -> str:
        looked_ns = desks.parts.loop.figures.closed_ns or last_looked_ns(home)
        over = range_of(request, looked_ns, step_ns_of(home))
        shell = Shell(
            page=page,
            path=request.url.path,
            query=request.url.query,
            version=version,
            looked_ns=looked_ns,
            not_ready=tuple(why),
            who=session.holder.who,
            may_decide=session.holder.may_decide,
            form_key=session.form_key,
            range=over.name,
            from_ns=over.from_ns,
            until_ns=over.until_ns,
            by_token=desks.pulse.by_token,
        )
        return render(page, shell, **fill(home, over))

    return Response(await desks.desk.read(made), status, media_type="text/html")


def range_of(request: Request, looked_ns: int, step_ns: int) -> Range:
    """The range that an address names; the shortest with enough steps where it names none."""
    asked = request.query_params
    name = asked.get("range", "")
    if name == "" and "from" in asked and "until" in asked:
        from_ns, until_ns = whole(request, "from"), whole(request, "until")
        if from_ns >= until_ns:
            raise RefusedError(422, "from must be before until")
        return Range("", from_ns, until_ns)
    if name not in ("", *RANGES):
        raise RefusedError(422, f"range must be one of {', '.join(RANGES)}")
    enough = (n for n, s in RANGES.items() if s * NS_PER_S >= FEWEST_STEPS * step_ns)
    name = name or next(enough, "30d")
    return Range(name, max(looked_ns - RANGES[name] * NS_PER_S, 0), looked_ns)


def whole(request: Request, name: str) -> int:
    """A time in an address, in ns."""
    text = request.query_params.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) > EVER:
        raise RefusedError(422, f"{name} must be a time in ns since 1970")
    return int(text)


def word(request: Request, name: str, among: tuple[str, ...] = ()) -> str:
    """A word in an address; empty where there is none, or none of these."""
    text = request.query_params.get(name, "")[:MOST_CHARACTERS]
    return text if not among or text in among else ""


def place_of(request: Request) -> int:
    """Where in a list a page begins."""
    text = request.query_params.get("first", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0
