"""Counts of calls to the tables `traffic` and `workloads`, a stretch of steps after another.

A call counts in the step in which its chain began, so that the rpcs of one chain stay together.
Latency comes from a fixed histogram, eight buckets a doubling from 1 microsecond on.
Axes: s series (pattern and rpc), w workload, t step of the stretch, c count (of a bucket).
"""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.ports import Engine
from informer.core.sql import read_sql
from informer.core.tables import TRAFFIC, WORKLOADS
from informer.core.types import Bools, Floats, Grid, Ints

MILLIONTHS = 1_000_000
BUCKET_BITS = 9  # there are fewer than 512
MOST_ROWS = 100_000  # of a stretch, so that memory does not grow with series or steps
AT_ONCE = 2  # stretches, beside the one that is asked for
FOUND = """
select distinct call_kind from called_counts
where step_start_ns >= $from_ns and step_start_ns < $until_ns
"""

Names = tuple[pa.Array, pa.Array]


@dataclass(frozen=True, slots=True)
class Kinds:
    """Where the kinds of call count; by call_kind, -1 = nowhere."""

    series: Ints
    workload: Ints
    series_names: Names  # pattern_id and rpc_id; [s]
    workload_names: Names  # service and version; [w]


def make_traffic(engine: Engine, grid: Grid) -> None:
    """Make `traffic`, in which a covered step without a call is 0, and `workloads`."""
    engine.write("traffic", TRAFFIC.empty())
    engine.write("workloads", WORKLOADS.empty())
    kinds = _kinds(engine, grid)
    if kinds is None:
        return
    sql = read_sql("informer.traffic", "counts")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        made: deque[Future[tuple[pa.Table, pa.Table]]] = deque()
        for first, last in _stretches(len(grid.seen), kinds):
            begin = grid.start_ns + first * grid.step_ns
            counts = engine.query(sql, from_ns=begin, until_ns=grid.start_ns + last * grid.step_ns)
            made.append(pool.submit(_stretch, counts, kinds, begin, grid, grid.seen[first:last]))
            del counts
            if len(made) > AT_ONCE:
                _keep(engine, made.popleft().result())
        while made:
            _keep(engine, made.popleft().result())


def _stretch(
    counts: pa.Table, kinds: Kinds, begin: int, grid: Grid, seen: Bools
) -> tuple[pa.Table, pa.Table]:
    starts = begin + np.arange(len(seen)) * grid.step_ns
    step = (counts["step_start_ns"].to_numpy() - begin) // grid.step_ns
    kind = counts["call_kind"].to_numpy()
    return (
        _traffic(counts, kinds, kinds.series[kind], step, starts, seen),
        _workloads(counts, kinds, kinds.workload[kind], step, starts),
    )


def _keep(engine: Engine, tables: tuple[pa.Table, pa.Table]) -> None:
    for name, rows in zip(("traffic", "workloads"), tables, strict=True):
        engine.append(name, rows)


def _kinds(engine: Engine, grid: Grid) -> Kinds | None:
    """The kinds that are called in the range; None when there is none."""
    found = engine.query(FOUND, from_ns=grid.start_ns, until_ns=grid.end_ns)
    if not found.num_rows:
        return None
    told = engine.query(read_sql("informer.traffic", "kinds"))
    told = told.filter(pc.is_in(told["call_kind"], found["call_kind"].combine_chunks()))
    kind = told["call_kind"].to_numpy()
    series, series_names = _numbered(kind, told["pattern_id"], told["rpc_id"])
    known = told.filter(pc.and_(pc.is_valid(told["service"]), pc.is_valid(told["version"])))
    workload, workload_names = _numbered(
        known["call_kind"].to_numpy(), known["service"], known["version"], int(kind.max()) + 1
    )
    return Kinds(series, workload, series_names, workload_names)


def _numbered(
    kind: Ints, one: pa.ChunkedArray, other: pa.ChunkedArray, size: int = 0
) -> tuple[Ints, Names]:
    """A number for each pair of names, by kind; and the names of each."""
    pairs = list(zip(one.to_pylist(), other.to_pylist(), strict=True))
    names = sorted(set(pairs))
    number = {pair: place for place, pair in enumerate(names)}
    of = np.full(max(size, int(kind.max(initial=-1)) + 1), -1, np.int64)
    of[kind] = [number[pair] for pair in pairs]
    first, second = zip(*names, strict=True) if names else ((), ())
    return of, (pa.array(first, pa.string()), pa.array(second, pa.string()))


def _stretches(steps: int, kinds: Kinds) -> Iterator[tuple[int, int]]:
    most = max(1, MOST_ROWS // len(kinds.series_names[0]))
    for first in range(0, steps, most):
        yield first, min(first + most, steps)


def _traffic(
    counts: pa.Table, kinds: Kinds, series: Ints, step: Ints, starts: Ints, seen: Bools
) -> pa.Table:
    rows, steps = len(kinds.series_names[0]), len(starts)
    row = series * steps + step  # [c], of [s, t] made flat
    failures, refusals = (
        _summed(row, counts[name], rows * steps) for name in ("failures_e6", "refusals_e6")
    )
    bucket = counts["bucket"].to_numpy().astype(np.int64)
    latencies = _latencies(row, bucket, counts["calls_e6"].to_numpy(), rows * steps)
    names = [_repeated(column, steps) for column in kinds.series_names]
    columns = [*names, np.tile(starts, rows), *latencies[:1], failures / MILLIONTHS]
    columns += [refusals / MILLIONTHS]
    columns += [pa.array(column, mask=np.isnan(column)) for column in latencies[1:]]
    return pa.table([*columns, np.tile(seen, rows)], schema=TRAFFIC.schema)


def _latencies(
    row: Ints, bucket: Ints, calls: Ints, rows: int
) -> tuple[Floats, Floats, Floats, Floats]:
    """Calls, and in ms their median latency, 95th percentile and mean; [rows], NaN without a call.

    `calls` [c] is in millionths. Counts of a row are put in the order of their buckets: a dense
    histogram of all rows would be nearly empty.
    """
    total, found = np.zeros(rows), np.full((3, rows), np.nan)
    if not len(row):
        return total, *found
    order = np.argsort((row << BUCKET_BITS) + bucket)
    row, bucket, calls = row[order], bucket[order], calls[order]
    first = np.flatnonzero(np.append(True, row[1:] != row[:-1]))
    size = np.diff(np.append(first, len(row)))
    up_to = np.cumsum(calls)
    before = up_to[first] - calls[first]
    of = np.add.reduceat(calls, first).astype(np.float64)
    up_to -= np.repeat(before, size)
    total[row[first]] = of
    some = of > 0
    for place, share in enumerate((0.50, 0.95)):
        below = np.add.reduceat(up_to < np.repeat(share * of, size), first)
        found[place, row[first]] = bucket[first + np.minimum(below, size - 1)]
    weighed = np.add.reduceat(calls * bucket, first)
    found[2, row[first[some]]] = weighed[some] / of[some]
    found[:, row[first[~some]]] = np.nan
    p50, p95, mean = 0.001 * 2 ** ((found + 0.5) / 8)
    return total / MILLIONTHS, p50, p95, mean


def _workloads(
    counts: pa.Table, kinds: Kinds, workload: Ints, step: Ints, starts: Ints
) -> pa.Table:
    here = workload >= 0
    row = workload[here] * len(starts) + step[here]
    called = counts["calls_e6"].to_numpy()[here]
    calls = np.bincount(row, called, len(kinds.workload_names[0]) * len(starts))
    found = np.flatnonzero(calls)
    of, at = np.divmod(found, len(starts))
    names = [column.take(pa.array(of)) for column in kinds.workload_names]
    return pa.table([*names, starts[at], calls[found] / MILLIONTHS], schema=WORKLOADS.schema)


def _summed(place: Ints, values: pa.ChunkedArray, size: int) -> Floats:
    """Whole numbers added up; their sums are exact, far beyond any count."""
    return np.asarray(np.bincount(place, values.to_numpy(), size), np.float64)


def _repeated(names: pa.Array, times: int) -> pa.Array:
    return names.take(pa.array(np.repeat(np.arange(len(names)), times)))
