"""Bins chains into steps: the tables `traffic` and `workloads`, and the grid of steps."""

import numpy as np
import pyarrow as pa

from informer.core.errors import InformerError
from informer.core.ports import Engine
from informer.core.sql import read_sql
from informer.core.types import NS_PER_S, Grid
from informer.traffic.coverage import covered

MAX_STEPS = 2_000_000


def bin_traffic(
    engine: Engine,
    *,
    step_s: int,
    from_ns: int | None = None,
    until_ns: int | None = None,
    covered_ends: bool = False,
) -> Grid:
    """Make `traffic` and `workloads` from `calls`, `chains` and `members`; return the grid.

    `from_ns` and `until_ns` bound the range by the start of chains, until exclusive; by default
    it is the range of the data. With `covered_ends` the grid begins and ends with a covered step:
    a week whose first chains have a clock that is a second slow is no eight days.

    Errors: InformerError when no chain began in the range.
    """
    step_ns = step_s * NS_PER_S
    bounds = _bounds(engine, from_ns, until_ns)
    grid = _grid(engine, step_s, *bounds)
    grid = _from_covered_to_covered(grid) if covered_ends else grid
    first_ns, end_ns = max(bounds[0], grid.start_ns), min(bounds[1] + 1, grid.end_ns)
    values = {"step_ns": step_ns, "from_ns": first_ns, "until_ns": end_ns}
    engine.run(read_sql("informer.traffic", "traffic"), **values)
    engine.run(read_sql("informer.traffic", "workloads"), **values)
    engine.write("steps", pa.table({"step_start_ns": grid.starts_ns(), "seen": grid.seen}))
    engine.run(read_sql("informer.traffic", "dense"))
    return grid


def _from_covered_to_covered(grid: Grid) -> Grid:
    covered = np.flatnonzero(grid.seen)
    if len(covered) == 0:
        return grid
    first, last = int(covered[0]), int(covered[-1])
    start_ns = grid.start_ns + first * grid.step_ns
    return Grid(start_ns, grid.step_s, grid.seen[first : last + 1])


def _bounds(engine: Engine, from_ns: int | None, until_ns: int | None) -> tuple[int, int]:
    """Start of the first and of the last chain in the range."""
    low, high = from_ns if from_ns is not None else 0, until_ns or 2**62
    found = engine.query(
        "select min(start_ns) as low, max(start_ns) as high from chains "
        "where start_ns >= $low and start_ns < $high",
        low=low,
        high=high,
    ).to_pylist()[0]
    if found["low"] is None:
        raise InformerError("no chain began in the range: is --from before --until, in UTC?")
    return int(found["low"]), int(found["high"])


def _grid(engine: Engine, step_s: int, first_ns: int, last_ns: int) -> Grid:
    step_ns = step_s * NS_PER_S
    start_ns = first_ns - first_ns % step_ns
    steps = (last_ns - start_ns) // step_ns + 1
    if steps > MAX_STEPS:
        raise InformerError(
            f"the range has {steps:,} steps of {step_s} s, at most {MAX_STEPS:,} are allowed: "
            "are the times of one unit, and is --step long enough?"
        )
    counted = engine.query(
        # Those met, whatever they stand for: of one trace in a hundred many steps have none.
        "select (start_ns - $start_ns) // $step_ns as step, count(*) as chains from chains "
        "where start_ns >= $first_ns and start_ns <= $last_ns group by 1",
        start_ns=start_ns,
        step_ns=step_ns,
        first_ns=first_ns,
        last_ns=last_ns,
    )
    chains = np.zeros(steps)
    chains[counted["step"].to_numpy()] = counted["chains"].to_numpy()
    head = (first_ns - start_ns) / step_ns
    tail = 1 - (last_ns - start_ns - (steps - 1) * step_ns) / step_ns
    return Grid(start_ns, step_s, covered(chains, head, tail, step_s))
