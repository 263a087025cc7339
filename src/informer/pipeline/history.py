"""Traffic that a workspace has seen: what it learned from, and every range it looked at since."""

import numpy as np
import orjson
import pyarrow as pa

from informer.core.tables import TABLES
from informer.core.types import Bools, Grid, Json, PatternGraph, PatternTraffic, Series
from informer.detections.calibrate import SECONDS_A_DAY
from informer.pipeline.workspace import Workspace
from informer.traffic.series import to_series

CONTEXT_DAYS = 14  # of traffic before a range, so that levels and networks are warm
LONGEST_GAP_DAYS = 60  # beyond it, what was before says nothing about now


def keep_range(home: Workspace, grid: Grid, traffic: pa.Table, workloads: pa.Table) -> None:
    """Add a range to the history; its steps replace those kept before."""
    bounds = {"first": grid.start_ns, "end": grid.end_ns}
    steps = pa.table({"step_start_ns": grid.starts_ns(), "seen": grid.seen})
    for name, rows in (("traffic", traffic), ("workloads", workloads), ("steps", steps)):
        home.engine.run(
            f'delete from "{name}" where step_start_ns >= $first and step_start_ns < $end', **bounds
        )
        home.engine.append(name, rows.select(TABLES[name].names))


def forget_other_steps(home: Workspace, step_s: int) -> None:
    """Drop what was kept in steps of another length: counts of the two are not alike."""
    if home.get("trained").get("step_s", step_s) != step_s:
        for name in ("traffic", "workloads", "steps", "irregular_steps"):
            home.engine.run(f'delete from "{name}"')


def keep_irregular(home: Workspace, grid: Grid, irregular: dict[str, Bools]) -> None:
    """Mark steps that must not teach; they replace the marks of the range."""
    starts = grid.starts_ns()
    found = [(p, int(t)) for p, steps in sorted(irregular.items()) for t in starts[steps]]
    rows = TABLES["irregular_steps"].of(
        [{"pattern_id": p, "step_start_ns": t} for p, t in found],
    )
    home.engine.run(
        "delete from irregular_steps where step_start_ns >= $first and step_start_ns < $end",
        first=grid.start_ns,
        end=grid.end_ns,
    )
    home.engine.append("irregular_steps", rows)


def forgive(home: Workspace, patterns: list[str], from_ns: int, until_ns: int) -> None:
    """Let steps teach again: what happened in them was legitimate."""
    for pattern_id in patterns:
        home.engine.run(
            "delete from irregular_steps where pattern_id = $pattern_id "
            "and step_start_ns >= $from_ns and step_start_ns < $until_ns",
            pattern_id=pattern_id,
            from_ns=from_ns,
            until_ns=until_ns,
        )


def history(
    home: Workspace, graphs: list[PatternGraph], step_s: int, from_ns: int, until_ns: int
) -> dict[str, PatternTraffic]:
    """Kept traffic of these patterns in a range, every step.

    Irregular steps and those of rejected incidents count as not seen. Empty when nothing was kept
    there.
    """
    bounds = {"first": from_ns, "end": until_ns}
    where = "step_start_ns >= $first and step_start_ns < $end"
    steps = home.engine.query(
        f"select step_start_ns, seen from steps where {where} order by 1", **bounds
    )
    if steps.num_rows == 0:
        return {}
    grid = _grid(steps, step_s)
    rows = home.engine.query(f"select * from traffic where {where} and calls > 0", **bounds)
    marks = home.engine.query(f"select * from irregular_steps where {where}", **bounds).to_pylist()
    traffic = to_series(rows, graphs, grid)
    rejected = rejected_steps(home, grid)
    irregular = {p: rejected.get(p, np.zeros(len(grid.seen), dtype=bool)) for p in traffic}
    for mark in marks:
        if mark["pattern_id"] in irregular:
            step = (mark["step_start_ns"] - grid.start_ns) // grid.step_ns
            irregular[mark["pattern_id"]][step] = True
    return {p: unseen(t, irregular[p]) for p, t in traffic.items()}


def rejected_steps(home: Workspace, grid: Grid) -> dict[str, Bools]:
    """Steps of a grid that lie in incidents a person rejected, by pattern; [t] each."""
    starts = grid.starts_ns()
    found: dict[str, Bools] = {}
    for incident in home.table("incidents").to_pylist():
        if incident["verdict"] == "rejected":
            until_ns = ends_ns(incident, grid.step_ns)
            inside = (starts >= incident["opened_ns"]) & (starts < until_ns)
            for pattern_id in incident["patterns"]:
                found[pattern_id] = found.get(pattern_id, np.zeros_like(inside)) | inside
    return found


def ends_ns(incident: Json, step_ns: int) -> int:
    """End of an incident's last step; of one that was still open, the last that was looked at."""
    if incident["resolved_ns"] is not None:
        return int(incident["resolved_ns"])
    cells = orjson.loads(incident["evidence"])["detections"]
    return max(int(cell["step_start_ns"]) for cell in cells) + step_ns


def _grid(steps: pa.Table, step_s: int) -> Grid:
    """Every step from the first to the last; what lies in no range was not seen."""
    starts = steps["step_start_ns"].to_numpy()
    empty = Grid(int(starts[0]), step_s, np.zeros(0, dtype=bool))
    place = (starts - starts[0]) // empty.step_ns
    seen = np.zeros(int(place[-1]) + 1, dtype=bool)
    seen[place] = steps["seen"].to_numpy(zero_copy_only=False)
    return Grid(int(starts[0]), step_s, seen)


def unseen(traffic: PatternTraffic, steps: Bools) -> PatternTraffic:
    """The same traffic with more steps, [t], marked as not seen: they hold zeros."""
    s, kept = traffic.series, ~steps[:, None]
    series = Series(s.graph, s.start_ns, s.step_s, s.calls * kept, s.seen & ~steps)
    return PatternTraffic(
        series,
        traffic.failures * kept,
        traffic.refusals * kept,
        np.where(kept, traffic.latency_ms, np.nan),
    )


def context_start_ns(start_ns: int) -> int:
    """From when on kept traffic is context for a range that starts at `start_ns`."""
    return start_ns - (CONTEXT_DAYS + LONGEST_GAP_DAYS) * SECONDS_A_DAY * 10**9


def joined(before: PatternTraffic | None, now: PatternTraffic) -> tuple[Series, int]:
    """One series out of context and range, and how many of its steps are context.

    What lies between the two was not seen. Context that ends long before, or is none, is left out.
    """
    series = now.series
    if before is None:
        return series, 0
    past = before.series
    step_ns = series.step_s * 10**9
    gap = (series.start_ns - past.start_ns) // step_ns - past.steps
    if gap < 0 or gap * series.step_s > LONGEST_GAP_DAYS * SECONDS_A_DAY:
        return series, 0
    keep = min(past.steps, CONTEXT_DAYS * SECONDS_A_DAY // series.step_s)
    past = past.slice(past.steps - keep, past.steps)
    rpcs = past.calls.shape[1]
    calls = np.concatenate([past.calls, np.zeros((gap, rpcs)), series.calls])
    seen = np.concatenate([past.seen, np.zeros(gap, dtype=bool), series.seen])
    return Series(series.graph, past.start_ns, series.step_s, calls, seen), keep + int(gap)
