"""The pages of patterns: the list, one with its graph and traffic, two of its models."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import Response

from informer.core.types import NS_PER_S, Json
from informer.pipeline.accepts import accepts_in
from informer.pipeline.catalogue import OnePattern, catalogue, one_pattern
from informer.pipeline.curves import Curve, curves
from informer.pipeline.decisions import PATTERN
from informer.pipeline.found import incidents_of_pattern, said_of
from informer.pipeline.hours import HOUR_NS, rolled_until_ns
from informer.pipeline.steps import step_ns_of
from informer.pipeline.versions import as_expected_by, made, versions_of
from informer.pipeline.workspace import Workspace
from informer.service.console.charts import Charts
from informer.service.console.verdicts import Verdicts
from informer.service.console.visit import Desks, Range, place_of, shown, word
from informer.web.charts import sparkline
from informer.web.documents import pattern_of
from informer.web.graph import draw

A_PAGE = 50
STATES = ("ready", "learning", "stale")
SIGNALS = ("calls", "failures", "refusals", "latency")
MOST_RPCS, MOST_INCIDENTS, MOST_COMPARED = 24, 12, 6
TREND_HOURS, DAY_HOURS = 7 * 24, 24


@dataclass(frozen=True, slots=True)
class Listed:
    """A pattern as a row of the list."""

    row: Json
    forecaster: str
    gain: str  # of its forecaster over the clock, in the backtest
    spark: str
    trend: float | None  # calls of the last day over those of the day a week before
    changed: datetime | None
    version: str
    open_incidents: int
    score_now: float | None  # over its threshold


def patterns_page(desks: Desks) -> Any:
    """GET /patterns."""

    async def page(request: Request) -> Response:
        words, state, first = word(request, "q"), word(request, "state", STATES), place_of(request)

        def fill(home: Workspace, over: Range) -> Json:
            found = catalogue(home, words, state, first=first, most=A_PAGE)
            days = _week(home, [(r["pattern_id"], r["entry_rpc_id"]) for r in found.rows])
            scores = desks.parts.loop.figures.scores
            rows = []
            for i, row in enumerate(found.rows):
                pattern_id = row["pattern_id"]
                backtest = found.backtests.get(pattern_id, {})
                version = found.versions.get(pattern_id, "")
                rows.append(
                    Listed(
                        row,
                        str(backtest.get("chosen", "none")),
                        gain(backtest),
                        sparkline(days[i].observed) if days else "",
                        _trend(days[i]) if days else None,
                        made(home, pattern_id, version) if version else None,
                        version,
                        found.open_incidents.get(pattern_id, 0),
                        scores.get(pattern_id),
                    )
                )
            return {
                "rows": rows,
                "words": words,
                "state": state,
                "found": found.found,
                "next": first + A_PAGE if first + A_PAGE < found.found else None,
                "previous": max(first - A_PAGE, 0) if first else None,
            }

        return await shown(desks, request, "patterns", fill)

    return page


def pattern_page(desks: Desks, verdicts: Verdicts) -> Any:
    """GET /patterns/{id}."""

    async def page(request: Request) -> Response:
        its_id = request.path_params["id"]
        signal = word(request, "signal", SIGNALS) or "calls"
        compared = word(request, "compare")
        now = verdicts.last(PATTERN, its_id)  # before the look: what is done by now is in it

        def fill(home: Workspace, over: Range) -> Json:
            one = one_pattern(home, its_id)
            charts = Charts(one.rpcs, over, points=_points(len(one.rpc_ids)))
            cells = [(its_id, rpc_id) for rpc_id in one.rpc_ids[:MOST_RPCS]]
            found = curves(home, cells, over.from_ns, over.until_ns, signal)
            drawn = [charts.add(curve) for curve in found if len(curve.starts_ns)]
            scores = {
                r: s for (p, r), s in desks.parts.loop.figures.rpc_scores.items() if p == its_id
            }
            pattern = pattern_of(one.document, one.rpc_ids, str(one.backtest.get("reason", "")))
            accepts = accepts_in(home)
            versions = versions_of(home, its_id, one.version, accepts)
            return {
                "pattern": pattern,
                "why": one.document["why"],
                "backtest": one.backtest,
                "graph": draw(pattern.rpcs, pattern.edges, scores=scores),
                "judged": bool(scores),
                "charts": drawn,
                "signal": signal,
                "signals": SIGNALS,
                "every_s": found[0].every_s if found else step_ns_of(home) // NS_PER_S,
                "left_out": max(len(one.rpc_ids) - MOST_RPCS, 0),
                "versions": versions,
                "accept": next((a for a in accepts[::-1] if a.pattern_id == its_id), None),
                "compared": _compared(home, charts, one, compared, over),
                "incidents": incidents_of_pattern(home, its_id, most=MOST_INCIDENTS),
                "said": said_of(home, f"pattern {its_id}"),
                "verdict_now": now,
                "payload": charts.payload,
            }

        return await shown(desks, request, "pattern", fill)

    return page


def gain(backtest: Json) -> str:
    """How much better than the clock the forecaster was that runs; empty where the clock runs."""
    scores, chosen = backtest.get("scores", {}), backtest.get("chosen", "")
    if chosen == "seasonal" or chosen not in scores or "seasonal" not in scores:
        return ""
    clock, own = scores["seasonal"]["crps"], scores[chosen]["crps"]
    return f"{100 * (1 - own / clock):.0f} % better than the clock" if clock else ""


def _week(home: Workspace, cells: list[tuple[str, str]]) -> list[Curve]:
    """The last eight days of some rpcs, hour by hour, as far as they were rolled up."""
    until_ns = rolled_until_ns(home)
    from_ns = max(until_ns - (TREND_HOURS + DAY_HOURS) * HOUR_NS, 0)
    return curves(home, cells, from_ns, until_ns, by_hour=True) if until_ns else []


def _trend(curve: Curve) -> float | None:
    last, before = curve.observed[-DAY_HOURS:], curve.observed[:-TREND_HOURS]
    if len(before) < DAY_HOURS or np.isnan(before).all() or np.isnan(last).all():
        return None
    mean = float(np.nanmean(before))
    return float(np.nanmean(last)) / mean if mean > 0 else None


def _points(charts: int) -> int:
    """Of a chart, so that a page stays light."""
    return max(120, min(600, 9_000 // max(charts, 1)))


def _compared(
    home: Workspace, charts: Charts, one: OnePattern, version: str, over: Range
) -> Json | None:
    """The last day as two versions of the model would have expected it."""
    now = one.version
    if not version or not now or version == now:
        return None
    wanted = one.rpc_ids[:MOST_COMPARED]
    found = as_expected_by(home, one.document["id"], (now, version), over.until_ns, wanted)
    sides = {
        name: [charts.add(curve, over_all=True) for curve in side] for name, side in found.items()
    }
    pairs = {chart.rpc.rpc_id: [chart] for chart in sides[now]}
    for chart in sides[version]:
        pairs.setdefault(chart.rpc.rpc_id, []).append(chart)
    return {"now": now, "other": version, "pairs": [p for p in pairs.values() if len(p) == 2]}
