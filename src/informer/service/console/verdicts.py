"""Verdicts of people, carried out beside their pages as the API does it."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from informer.core.errors import InformerError
from informer.core.types import Json
from informer.pipeline.audit import MOST_CHARACTERS, Decider
from informer.pipeline.decisions import INCIDENT, PATTERN, carry_out
from informer.service.api.desk import Desk
from informer.service.api.problems import RefusedError
from informer.service.api.roles import DECIDE
from informer.service.console.door import form_of, session_of

ACTIONS = {INCIDENT: ("accept", "reject"), PATTERN: ("accept", "reject", "revert")}
SOON_S = 1.5  # what is done by then is seen at once
MOST = 200  # that are remembered
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Said:
    """A verdict, and what became of it."""

    action: str
    who: str
    state: str = "under way"  # or done, or failed
    why: str = ""
    models: tuple[tuple[str, str], ...] = ()  # pattern and version, now in force because of it


class Verdicts:
    """Those since the start, the last for each thing; the audit log has them all."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._last: dict[tuple[str, str], Said] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def last(self, what: str, its_id: str) -> Said | None:
        """The last one on a thing, if any."""
        return self._last.get((what, its_id))

    def answer(self, what: str) -> Callable[[Request], object]:
        """POST of a verdict on an incident or a pattern."""

        async def decide(request: Request) -> Response:
            holder, given = session_of(request).holder, form_of(request)
            its_id, action = request.path_params["id"], given.get("action", "")
            if not holder.may_decide:
                raise RefusedError(403, f"this takes the role {DECIDE}, you have {holder.role}")
            if action not in ACTIONS[what]:
                raise RefusedError(422, f"action must be one of {', '.join(ACTIONS[what])}")
            note = given.get("reason", "").strip()
            if len(note) > MOST_CHARACTERS:
                raise RefusedError(422, f"a reason may have {MOST_CHARACTERS} characters")
            await self._decide(what, action, its_id, Decider(holder.who, holder.role, note))
            place = given.get("back", "")
            inside = place.startswith(("/incidents/", "/patterns/")) and place.isprintable()
            return RedirectResponse(place if inside else f"/{what}s/{its_id}", 303)

        return decide

    async def _decide(self, what: str, action: str, its_id: str, by: Decider) -> None:
        key = (what, its_id)
        before = self._last.get(key)
        if before is not None and before.state == "under way":
            raise RefusedError(409, f"{before.who} decides on it right now")
        self._last.pop(key, None)
        self._last[key] = Said(action, by.who)
        while len(self._last) > MOST:
            del self._last[next(iter(self._last))]
        task = asyncio.create_task(self._carry_out(key, action, by))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        await asyncio.wait([task], timeout=SOON_S)

    async def _carry_out(self, key: tuple[str, str], action: str, by: Decider) -> None:
        what, its_id = key
        said = self._last[key]
        try:
            done: Json = await self._desk.decide(
                lambda home, training: carry_out(home, what, action, its_id, by, training)
            )
            told = replace(said, state="done", models=tuple(sorted(done["models"].items())))
        except (InformerError, RefusedError) as error:
            told = replace(said, state="failed", why=str(error))
        except Exception as error:
            log.error("a verdict could not be carried out", exc_info=error)
            told = replace(said, state="failed", why="this is a defect of Informer; see its log")
        self._last[key] = told
