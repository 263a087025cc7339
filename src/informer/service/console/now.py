"""The page Now: what is open, how well detection sees, and the busiest patterns."""

from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from informer.core.types import NS_PER_S, Json
from informer.pipeline.curves import curves
from informer.pipeline.glance import glance
from informer.pipeline.rpcs import rpcs_named
from informer.pipeline.steps import step_ns_of
from informer.pipeline.workspace import Workspace
from informer.service.console.charts import Charts
from informer.service.console.health import tiles
from informer.service.console.visit import Desks, Range, shown
from informer.web.cards import Chart

INCIDENTS, PATTERNS = 8, 12
MOST_STEPS = 720  # of so many patterns: more take long to read, and small charts cannot show them


@dataclass(frozen=True, slots=True)
class Small:
    """A pattern as a small chart of its entry."""

    pattern_id: str
    label: str
    share: float
    state: str
    score_now: float  # over its threshold
    chart: Chart


def now_page(desks: Desks) -> Any:
    """GET /."""

    async def page(request: Request) -> Response:
        return await shown(desks, request, "now", lambda home, over: _filled(desks, home, over))

    return page


def _filled(desks: Desks, home: Workspace, over: Range) -> Json:
    seen = glance(home, over.from_ns, over.until_ns, incidents=INCIDENTS, patterns=PATTERNS)
    step_ns = step_ns_of(home)
    cells = [(p["pattern_id"], p["entry_rpc_id"]) for p in seen.busiest]
    is_long = (over.until_ns - over.from_ns) // step_ns > MOST_STEPS
    found = curves(home, cells, over.from_ns, over.until_ns, by_hour=is_long)
    charts = Charts(rpcs_named(home, [rpc_id for _, rpc_id in cells]), over, points=240)
    scores = desks.parts.loop.figures.scores
    drawn = [
        Small(
            pattern["pattern_id"],
            pattern["label"],
            pattern["share"],
            pattern["state"],
            scores.get(pattern["pattern_id"], 0.0),
            charts.add(curve),
        )
        for pattern, curve in zip(seen.busiest, found, strict=bool(found))
        if len(curve.starts_ns)
    ]
    going_on = [i for i in seen.incidents if i["resolved_ns"] is None]
    return {
        "incidents": seen.incidents,
        "going_on": seen.going_on,
        "over": seen.over,
        "worst": going_on[0]["severity"] if going_on else "",
        "watched": sum(seen.states.values()),
        "tiles": tiles(desks.parts, seen, step_ns),
        "cards": drawn,
        "every_s": found[0].every_s if found else step_ns // NS_PER_S,
        "payload": charts.payload,
    }
