"""Traffic that a workspace has seen: what it learned from, and every range it looked at since."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from informer.core.tables import TABLES
from informer.core.types import Floats, Grid, PatternGraph, PatternTraffic, Series
from informer.detections.calibrate import SECONDS_A_DAY
from informer.pipeline.accepts import Accept, accepts_in, levelled
from informer.pipeline.hours import forget_hours
from informer.pipeline.teaching import barred_steps, since_birth, unseen
from informer.pipeline.workspace import Workspace
from informer.traffic.series import to_series

CONTEXT_DAYS = 14  # of traffic before a range, so that levels and networks are warm
LONGEST_GAP_DAYS = 60  # beyond it, what was before says nothing about now


def keep_range(home: Workspace, grid: Grid, traffic: pa.Table, workloads: pa.Table) -> None:
    """Add a range to the history; its steps replace those kept before."""
    forget_hours(home, grid.start_ns)
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
        forget_hours(home, 0)
        for name in ("traffic", "workloads", "steps", "irregular_steps"):
            home.engine.run(f'delete from "{name}"')


def history(
    home: Workspace,
    graphs: list[PatternGraph],
    step_s: int,
    from_ns: int,
    until_ns: int,
    *,
    accepts: Sequence[Accept] | None = None,
    undecided: bool = False,
    stands_for: Mapping[str, float] | None = None,
) -> dict[str, PatternTraffic]:
    """Kept traffic of these patterns in a range, every step; empty when nothing was kept there.

    Steps that must not teach count as not seen (`undecided` as in `barred_steps`), and neither do
    those before a pattern was born. `accepts` are those of the workspace if not given. Levels are
    as known. Calls are counted as in `to_series`, each as it `stands_for`.
    """
    found = kept(home, graphs, step_s, from_ns, until_ns, stands_for)
    if found is None:
        return {}
    grid, traffic = found
    accepts = accepts_in(home) if accepts is None else accepts
    barred = barred_steps(home, grid, accepts, undecided=undecided)
    traffic = {p: since_birth(t) for p, t in traffic.items()}
    return {
        p: levelled(accepts, unseen(t, barred[p]) if p in barred else t) for p, t in traffic.items()
    }


def kept(
    home: Workspace,
    graphs: list[PatternGraph],
    step_s: int,
    from_ns: int,
    until_ns: int,
    stands_for: Mapping[str, float] | None = None,
) -> tuple[Grid, dict[str, PatternTraffic]] | None:
    """Kept traffic as it was seen, with the steps that must not teach; None when there is none."""
    bounds = {"first": from_ns, "end": until_ns}
    where = "step_start_ns >= $first and step_start_ns < $end"
    steps = home.engine.query(
        f"select step_start_ns, seen from steps where {where} order by 1", **bounds
    )
    if steps.num_rows == 0:
        return None
    grid = _grid(steps, step_s)
    rows = home.engine.query(f"select * from traffic where {where} and calls > 0", **bounds)
    return grid, to_series(rows, graphs, grid, stands_for)


def _grid(steps: pa.Table, step_s: int) -> Grid:
    """Every step from the first to the last; what lies in no range was not seen."""
    starts = steps["step_start_ns"].to_numpy()
    empty = Grid(int(starts[0]), step_s, np.zeros(0, dtype=bool))
    place = (starts - starts[0]) // empty.step_ns
    seen = np.zeros(int(place[-1]) + 1, dtype=bool)
    seen[place] = steps["seen"].to_numpy(zero_copy_only=False)
    return Grid(int(starts[0]), step_s, seen)


def context_start_ns(start_ns: int) -> int:
    """From when on kept traffic is context for a range that starts at `start_ns`."""
    return start_ns - (CONTEXT_DAYS + LONGEST_GAP_DAYS) * SECONDS_A_DAY * 10**9


def joined(before: PatternTraffic | None, now: PatternTraffic) -> tuple[Series, int]:
    """One series out of context and range, and how many of its steps are context.

    What lies between the two was not seen. Context that ends long before, or is none, is left out;
    so is what came before the traffic changed for good: the level of now is to be read off now.
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
    past_level, level = _level(past), _level(series)
    past_seen = past.seen & (past_level == level[:1]).all(axis=1)
    rpcs = past.calls.shape[1]
    nothing = np.zeros((gap, rpcs))
    joint = replace(
        series,
        start_ns=past.start_ns,
        calls=np.concatenate([past.calls, nothing, series.calls]),
        seen=np.concatenate([past_seen, np.zeros(gap, dtype=bool), series.seen]),
        level=np.concatenate([past_level, nothing + level[:1], level]),
    )
    if series.level is None:
        joint = replace(joint, level=None)
    return joint, keep + int(gap)


def _level(series: Series) -> Floats:
    return np.ones_like(series.calls) if series.level is None else series.level
