"""Which steps may teach: not what was irregular, unless somebody accepted it."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import orjson

from informer.core.tables import TABLES
from informer.core.types import LEGITIMATE, Bools, Grid, Json, PatternTraffic
from informer.pipeline.accepts import Accept, accepted_steps, leaps_of
from informer.pipeline.workspace import Workspace

LEAST_SILENT_S = 3 * 86_400
LEAST_TIMES = 2


def keep_irregular(home: Workspace, grid: Grid, irregular: dict[str, Bools]) -> None:
    """Mark steps that must not teach; they replace the marks of the range."""
    starts = grid.starts_ns()
    found = [(p, int(t)) for p, steps in sorted(irregular.items()) for t in starts[steps]]
    rows = TABLES["irregular_steps"].of(
        [{"pattern_id": p, "step_start_ns": t} for p, t in found],
    )
    home.replace_between("irregular_steps", "step_start_ns", grid.start_ns, grid.end_ns, rows)


def barred_steps(
    home: Workspace, grid: Grid, accepts: Sequence[Accept], *, undecided: bool = True
) -> dict[str, Bools]:
    """Steps of a grid that must not teach, by pattern; [t] each, none where all may.

    Those whose volume was irregular, until they are accepted; those of incidents that were
    rejected; and those of misuse that nobody decided on, unless `undecided` is false.
    """
    accepted = accepted_steps(accepts, grid)
    none = np.zeros(len(grid.seen), dtype=bool)
    found: dict[str, Bools] = {}
    marks = home.engine.query(
        "select * from irregular_steps where step_start_ns >= $first and step_start_ns < $end",
        first=grid.start_ns,
        end=grid.end_ns,
    )
    for mark in marks.to_pylist():
        pattern_id, step = mark["pattern_id"], (mark["step_start_ns"] - grid.start_ns)
        found.setdefault(pattern_id, none.copy())[step // grid.step_ns] = True
    for pattern_id in found:
        found[pattern_id] &= ~accepted.get(pattern_id, none)
    starts = grid.starts_ns()
    for incident in home.table("incidents").to_pylist():
        if incident["verdict"] == "rejected" or (undecided and _is_undecided_misuse(incident)):
            until_ns = ends_ns(incident, grid.step_ns)
            inside = (starts >= incident["opened_ns"]) & (starts < until_ns)
            for pattern_id in incident["patterns"]:
                found[pattern_id] = found.get(pattern_id, none) | inside
    return {pattern_id: steps for pattern_id, steps in found.items() if steps.any()}


def unseen(traffic: PatternTraffic, steps: Bools) -> PatternTraffic:
    """The same traffic with more steps, [t], marked as not seen: they hold zeros."""
    s, kept = traffic.series, ~steps[:, None]
    return PatternTraffic(
        replace(s, calls=s.calls * kept, seen=s.seen & ~steps),
        traffic.failures * kept,
        traffic.refusals * kept,
        np.where(kept, traffic.latency_ms, np.nan),
    )


def since_birth(traffic: PatternTraffic) -> PatternTraffic:
    """Without the silence before the pattern's first call, where that was no ordinary one.

    It must be longer than a weekend, and twice as long as any silence after it.
    """
    series = traffic.series
    busy = np.flatnonzero(series.seen & (series.calls[:, 0] > 0))
    if len(busy) == 0:
        return traffic
    silent = int(series.seen[: busy[0]].sum())
    longest = int(np.diff([*busy, series.steps]).max())
    if silent * series.step_s < LEAST_SILENT_S or silent <= LEAST_TIMES * longest:
        return traffic
    return unseen(traffic, np.arange(series.steps) < busy[0])


def since_leap(accepts: Sequence[Accept], traffic: PatternTraffic) -> PatternTraffic:
    """Only what came after the pattern's traffic last changed for good."""
    leaps = leaps_of(accepts, traffic.series.graph.pattern_id)
    if not leaps:
        return traffic
    return unseen(traffic, traffic.series.step_starts_ns() < leaps[-1].since_ns)


def ends_ns(incident: Json, step_ns: int) -> int:
    """End of an incident's last step; of one that was still open, the last that was looked at.

    One that is open and is of no steps ends where it began.
    """
    if incident["resolved_ns"] is not None:
        return int(incident["resolved_ns"])
    cells = orjson.loads(incident["evidence"])["detections"]
    last_ns = max((int(cell["step_start_ns"]) for cell in cells), default=None)
    return int(incident["opened_ns"]) if last_ns is None else last_ns + step_ns


def _is_undecided_misuse(incident: Json) -> bool:
    return incident["verdict"] == "open" and incident["kind"] not in LEGITIMATE
