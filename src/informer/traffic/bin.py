"""Bins chains into steps: the tables `traffic` and `workloads`, and the grid of steps."""

import numpy as np
import pyarrow as pa

from informer.core.cell_counts import CELL_COUNTS, CellCounts
from informer.core.errors import InformerError
from informer.core.ports import Engine
from informer.core.sql import read_sql
from informer.core.types import NS_PER_S, Grid
from informer.traffic.coverage import covered
from informer.traffic.stretches import make_traffic

MAX_STEPS = 2_000_000


def count_calls(engine: Engine, *, step_s: int) -> None:
    """Make `cell_counts`, `cell_shares`, `call_kinds` and `chain_steps` of `calls` and `chains`."""
    engine.run(read_sql("informer.traffic", "called"), step_ns=step_s * NS_PER_S)
    engine.write("cell_counts", CELL_COUNTS.empty_table())
    for called in engine.stream(read_sql("informer.traffic", "called_cells")):
        told = (called[n].to_numpy() for n in ("step_start_ns", "cell", "bucket", "calls"))
        engine.append("cell_counts", CellCounts.counted(*told).rows())
    engine.run("drop table called")


def bin_traffic(engine: Engine, *, step_s: int, covered_ends: bool = False) -> Grid:
    """Make `traffic` and `workloads`, from what `count_calls` makes, `rpcs` and `members`.

    Gives the grid, over the range of the chains. With `covered_ends` it begins and ends with a
    covered step: a week whose first chains have a clock that is a second slow is no eight days.
    Errors: InformerError when there is no chain.
    """
    grid = _grid(engine, step_s)
    grid = _from_covered_to_covered(grid) if covered_ends else grid
    bin_onto(engine, grid)
    return grid


def bin_onto(engine: Engine, grid: Grid) -> None:
    """The same on a grid that is known already."""
    engine.write("steps", pa.table({"step_start_ns": grid.starts_ns(), "seen": grid.seen}))
    make_traffic(engine, grid)


def _from_covered_to_covered(grid: Grid) -> Grid:
    covered = np.flatnonzero(grid.seen)
    if len(covered) == 0:
        return grid
    first, last = int(covered[0]), int(covered[-1])
    start_ns = grid.start_ns + first * grid.step_ns
    return Grid(start_ns, grid.step_s, grid.seen[first : last + 1])


def _grid(engine: Engine, step_s: int) -> Grid:
    step_ns = step_s * NS_PER_S
    counted = engine.query(
        "select step_start_ns, min(first_ns) as first_ns, max(last_ns) as last_ns, "
        # Those met, whatever they stand for: of one trace in a hundred many steps have none.
        "cast(sum(chains) as double) as chains from chain_steps group by step_start_ns order by 1"
    )
    if not counted.num_rows:
        raise InformerError("no chain began in the range: is --from before --until, in UTC?")
    first_ns = int(counted["first_ns"][0].as_py())
    last_ns = int(counted["last_ns"][-1].as_py())
    start_ns = first_ns - first_ns % step_ns
    steps = (last_ns - start_ns) // step_ns + 1
    if steps > MAX_STEPS:
        raise InformerError(
            f"the range has {steps:,} steps of {step_s} s, at most {MAX_STEPS:,} are allowed: "
            "are the times of one unit, and is --step long enough?"
        )
    chains = np.zeros(steps)
    places = (counted["step_start_ns"].to_numpy() - start_ns) // step_ns
    chains[places] = counted["chains"].to_numpy()
    head, tail = np.zeros(steps), np.zeros(steps)
    starts_ns = counted["step_start_ns"].to_numpy()
    head[places] = (counted["first_ns"].to_numpy() - starts_ns) / step_ns
    tail[places] = 1 - (counted["last_ns"].to_numpy() - starts_ns) / step_ns
    return Grid(start_ns, step_s, covered(chains, head, tail, step_s))
