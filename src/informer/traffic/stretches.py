"""Counts of calls to the tables `traffic` and `workloads`, a stretch of steps after another.

A call counts in the step in which its chain began, so that the rpcs of one chain stay together.
Latency comes from a fixed histogram, eight buckets a doubling from 1 microsecond on.
Axes: s series (pattern and rpc), w workload, t step of the stretch.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.cell_counts import cells_between
from informer.core.packed import Whole
from informer.core.ports import Engine
from informer.core.sql import read_sql
from informer.core.tables import TRAFFIC, WORKLOADS
from informer.core.types import Bools, Grid, Ints

if TYPE_CHECKING:
    from informer.traffic.counted import Shares, Sums

MILLIONTHS = 1_000_000
# Of a stretch, so that memory does not grow with series or steps.
MOST_ROWS, MOST_COUNTS = 100_000, 2_000_000
AT_ONCE = 2  # stretches, beside the one that is asked for
TOGETHER = 400_000  # rows: of some more than a row group the engine lays out most at once
SHARES = """
select cell, call_kind, weight_e6, failed, refused, share
from cell_shares
where cell < $cells
order by cell, call_kind
"""
SIZES = """
select first_step_ns, cast(sum(size) as bigint) as counts
from cell_counts
where last_step_ns >= $from_ns and first_step_ns < $until_ns
group by first_step_ns
"""

Names = tuple[pa.Array, pa.Array]
Stretch = tuple[int, int]  # its first step, and the one after its last


@dataclass(frozen=True, slots=True)
class Kinds:
    """Where shares of cells count; [k], -1 = nowhere."""

    shares: "Shares"
    series: Ints
    workload: Ints
    series_names: Names  # pattern_id and rpc_id; [s]
    workload_names: Names  # service and version; [w]


def make_traffic(engine: Engine, grid: Grid) -> None:
    """Make `traffic`, in which a covered step without a call is 0, and `workloads`."""
    engine.write("traffic", TRAFFIC.empty())
    engine.write("workloads", WORKLOADS.empty())
    counts = _counts(engine, grid)
    if not counts.any():
        return
    kinds = _kinds(engine, grid, counts)
    if not len(kinds.series_names[0]):  # rows that reach into the range have nothing in it
        return
    with ThreadPoolExecutor(AT_ONCE) as pool:
        made: deque[Future[tuple[pa.Table, pa.Table]]] = deque()
        held: list[tuple[pa.Table, pa.Table]] = []
        for stretch in _stretches(counts, MOST_ROWS // len(kinds.series_names[0])):
            made.append(pool.submit(_stretch, _rows(engine, grid, stretch), kinds, grid, stretch))
            if len(made) > AT_ONCE:
                held.append(made.popleft().result())
            if sum(traffic.num_rows for traffic, _ in held) >= TOGETHER:
                _keep(engine, held)
                held = []
        _keep(engine, [*held, *(stretch.result() for stretch in made)])


def _counts(engine: Engine, grid: Grid) -> Ints:
    """How many counts begin with each step: rows may go on into later ones; [t] of the grid."""
    told = engine.query(SIZES, from_ns=grid.start_ns, until_ns=grid.end_ns)
    steps = (told["first_step_ns"].to_numpy() - grid.start_ns) // grid.step_ns
    counts = np.zeros(len(grid.seen), np.int64)
    np.add.at(counts, np.maximum(steps, 0), told["counts"].to_numpy())
    return counts


def _stretches(counts: Ints, most_steps: int) -> Iterator[Stretch]:
    first = held = 0
    for step, more in enumerate(counts.tolist()):
        if step > first and (step - first >= most_steps or held + more > MOST_COUNTS):
            yield first, step
            first, held = step, 0
        held += more
    yield first, len(counts)


def _rows(engine: Engine, grid: Grid, stretch: Stretch, what: str = "counts") -> pa.Table:
    from_ns, until_ns = _range(grid, stretch)
    sql = read_sql("informer.traffic", what)
    return engine.query(sql, from_ns=from_ns, until_ns=until_ns)


def _range(grid: Grid, stretch: Stretch) -> tuple[int, int]:
    first, last = stretch
    return grid.start_ns + first * grid.step_ns, grid.start_ns + last * grid.step_ns


def _stretch(
    rows: pa.Table, kinds: Kinds, grid: Grid, stretch: Stretch
) -> tuple[pa.Table, pa.Table]:
    # Compiled loops take a while to load: who does not count goes without them.
    from informer.traffic.counted import Counts, summed

    first, last = stretch
    counts = Counts.of(rows, *_range(grid, stretch), grid.step_ns)
    size = len(kinds.series_names[0]), len(kinds.workload_names[0]), last - first
    sums = summed(counts, kinds.shares, kinds.series, kinds.workload, size)
    return _traffic(sums, kinds, grid, stretch), _workloads(sums, kinds, grid, stretch)


def _keep(engine: Engine, stretches: Sequence[tuple[pa.Table, pa.Table]]) -> None:
    for name, parts in zip(("traffic", "workloads"), zip(*stretches, strict=True), strict=False):
        engine.append(name, pa.concat_tables(parts))


def _kinds(engine: Engine, grid: Grid, counts: Ints) -> Kinds:
    """Where the cells count that are counted in the range."""
    from informer.traffic.counted import Shares

    found = np.zeros(0, bool)
    for stretch in _stretches(counts, len(counts)):
        rows = _rows(engine, grid, stretch, "counted_cells")
        for cells in cells_between(rows, *_range(grid, stretch)):
            found = np.append(found, np.zeros(max(0, _after(cells) - len(found)), bool))
            found[cells] = True
    shares = Shares.of(engine.query(SHARES, cells=len(found)), len(found))
    here = np.unique(shares.kind[np.repeat(found, np.diff(shares.begins))])
    told = engine.query(read_sql("informer.traffic", "kinds"))
    told = told.filter(pc.is_in(told["call_kind"], pa.array(here, told["call_kind"].type)))
    kind = told["call_kind"].to_numpy()
    size = int(shares.kind.max(initial=0)) + 1
    series, series_names = _numbered(kind, told["pattern_id"], told["rpc_id"], size)
    known = told.filter(pc.and_(pc.is_valid(told["service"]), pc.is_valid(told["version"])))
    workload, workload_names = _numbered(
        known["call_kind"].to_numpy(), known["service"], known["version"], size
    )
    by_share = series[shares.kind], workload[shares.kind]
    return Kinds(shares, *by_share, series_names, workload_names)


def _after(cells: Whole) -> int:
    return int(cells.max(initial=0)) + 1 if len(cells) else 0


def _numbered(
    kind: Ints, one: pa.ChunkedArray, other: pa.ChunkedArray, size: int
) -> tuple[Ints, Names]:
    """A number for each pair of names, by kind; and the names of each."""
    pairs = list(zip(one.to_pylist(), other.to_pylist(), strict=True))
    names = sorted(set(pairs))
    number = {pair: place for place, pair in enumerate(names)}
    of = np.full(size, -1, np.int64)
    of[kind] = [number[pair] for pair in pairs]
    first, second = zip(*names, strict=True) if names else ((), ())
    return of, (pa.array(first, pa.string()), pa.array(second, pa.string()))


def _traffic(sums: "Sums", kinds: Kinds, grid: Grid, stretch: Stretch) -> pa.Table:
    rows, steps = sums.calls_e6.shape
    names = [_repeated(column, steps) for column in kinds.series_names]
    counts = [sums.calls_e6, sums.failures_e6, sums.refusals_e6]
    calls, failures, refusals = (sum_.ravel() / MILLIONTHS for sum_ in counts)
    latency_ms = 0.001 * 2 ** ((sums.latency.reshape(3, -1) + 0.5) / 8)
    p50, p95, mean = (pa.array(column, mask=np.isnan(column)) for column in latency_ms)
    starts, seen = (np.tile(column, rows) for column in _steps(grid, stretch))
    return pa.table(
        [*names, starts, calls, failures, refusals, p50, p95, mean, seen], schema=TRAFFIC.schema
    )


def _workloads(sums: "Sums", kinds: Kinds, grid: Grid, stretch: Stretch) -> pa.Table:
    of, at = np.nonzero(sums.workload_calls_e6)
    names = [column.take(pa.array(of)) for column in kinds.workload_names]
    calls = sums.workload_calls_e6[of, at] / MILLIONTHS
    return pa.table([*names, _steps(grid, stretch)[0][at], calls], schema=WORKLOADS.schema)


def _steps(grid: Grid, stretch: Stretch) -> tuple[Ints, Bools]:
    first, last = stretch
    return grid.start_ns + np.arange(first, last) * grid.step_ns, grid.seen[first:last]


def _repeated(names: pa.Array, times: int) -> pa.Array:
    return names.take(pa.array(np.repeat(np.arange(len(names)), times)))
