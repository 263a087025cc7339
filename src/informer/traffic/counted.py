"""Counts of cells added up by loops: calls, failures, refusals and latency of series and workloads.

Axes: e cell, k share of a cell, s series, w workload, t step, r run (counts of a cell in a step), c
count.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from informer.core.cell_counts import CellCounts
from informer.core.compiled import compiled
from informer.core.types import Bools, Floats, Ints

Small: TypeAlias = npt.NDArray[np.int32]
MOST_ROOM = 1 << 22  # counts of a step that are held by series and bucket, so many series at a time
SHARES_OF_CALLS = (0.50, 0.95)


@dataclass(frozen=True, slots=True)
class Shares:
    """Where a line of a cell counts, and how much: the shares of cell e are begins[e : e + 2]."""

    begins: Ints  # [e + 1]
    kind: Ints  # [k] the kind of call
    weight_e6: Ints  # [k]
    share: Floats  # [k]
    failed: Bools  # [k]
    refused: Bools  # [k]

    @classmethod
    def of(cls, told: pa.Table, cells: int) -> "Shares":
        """From the columns of `cell_shares`, in the order of its cells; there are so many cells."""
        cell = told["cell"].to_numpy()
        return cls(
            np.searchsorted(cell, np.arange(cells + 1)),
            told["call_kind"].to_numpy().astype(np.int64),
            told["weight_e6"].to_numpy().astype(np.int64),
            told["share"].to_numpy().astype(np.float64),
            told["failed"].to_numpy(),
            told["refused"].to_numpy(),
        )


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of some steps."""

    step: Ints  # [r]
    begins: Ints  # [r + 1] the first count of each
    order: Ints  # [r] by step
    cell: Small  # [r]
    bucket: Small  # [c]
    lines: Ints  # [c]

    @classmethod
    def of(cls, rows: pa.Table, from_ns: int, until_ns: int, step_ns: int) -> "Counts":
        """Those of a range that are in rows of `cell_counts`; its steps are numbered from zero."""
        told = CellCounts.of(rows)
        told = told.taken((told.step_start_ns >= from_ns) & (told.step_start_ns < until_ns))
        step = (told.step_start_ns - from_ns) // step_ns
        return cls(
            step,
            np.append(0, np.cumsum(told.size, dtype=np.int64)),
            np.argsort(step, kind="stable"),
            told.cell.astype(np.int32),
            told.bucket.astype(np.int32),
            told.lines.astype(np.int64),
        )


@dataclass(frozen=True, slots=True)
class Sums:
    """What the counts of some steps come to."""

    calls_e6: Ints  # [s, t], in millionths as the next two
    failures_e6: Ints
    refusals_e6: Ints
    latency: Floats  # [3, s, t] buckets of the median, of the 95th percentile and on average
    workload_calls_e6: Ints  # [w, t]


def summed(
    counts: Counts, shares: Shares, series: Ints, workload: Ints, size: tuple[int, int, int]
) -> Sums:
    """Add up. `series` and `workload` are by share, -1 = nowhere; `size` is that of s, w and t."""
    s, w, t = size
    calls, failures, refusals = (np.zeros((s, t), np.int64) for _ in range(3))
    latency, of_workloads = np.full((3, s, t), np.nan), np.zeros((w, t), np.int64)
    sums = Sums(calls, failures, refusals, latency, of_workloads)
    if not len(counts.cell):
        return sums
    low, high = int(counts.bucket.min()), int(counts.bucket.max()) + 1
    at_once = max(1, MOST_ROOM // (high - low))
    bounds = np.searchsorted(counts.step[counts.order], np.arange(t + 1))
    for begin, end in pairwise([*range(0, s, at_once), s]):
        _add_up(
            bounds,
            counts.order,
            counts.begins,
            counts.cell,
            counts.bucket,
            counts.lines,
            shares.begins,
            shares.weight_e6,
            shares.share,
            shares.failed,
            shares.refused,
            series,
            workload if begin == 0 else np.full_like(workload, -1),
            begin,
            end,
            low,
            high - low,
            calls,
            failures,
            refusals,
            latency,
            of_workloads,
        )
    return sums


@compiled
def _add_up(
    bounds: Ints,
    order: Ints,
    begins: Ints,
    cell: Small,
    bucket: Small,
    lines: Ints,
    of_cell: Ints,
    weight_e6: Ints,
    share: Floats,
    failed: Bools,
    refused: Bools,
    series: Ints,
    workload: Ints,
    begin: int,
    end: int,
    low: int,
    width: int,
    calls: Ints,
    failures: Ints,
    refusals: Ints,
    latency: Floats,
    of_workloads: Ints,
) -> None:
    """Those of the series [begin, end); buckets are [low, low + width)."""
    room = np.zeros((end - begin, width), np.int64)
    lowest, highest = np.full(end - begin, width), np.full(end - begin, -1)
    for t in range(len(bounds) - 1):
        for at in range(bounds[t], bounds[t + 1]):
            run = order[at]
            for c in range(begins[run], begins[run + 1]):
                b = np.int64(bucket[c]) - low
                for k in range(of_cell[cell[run]], of_cell[cell[run] + 1]):
                    # As SQL rounds: halves go up.
                    exact = np.float64(lines[c] * weight_e6[k]) * share[k]
                    whole = np.floor(exact)
                    e6 = np.int64(whole) + np.int64(exact - whole >= 0.5)
                    if workload[k] >= 0:
                        of_workloads[workload[k], t] += e6
                    s = series[k] - begin
                    if 0 <= s < end - begin:
                        room[s, b] += e6
                        lowest[s], highest[s] = min(lowest[s], b), max(highest[s], b)
                        failures[begin + s, t] += e6 if failed[k] else 0
                        refusals[begin + s, t] += e6 if refused[k] else 0
        for s in range(end - begin):
            if highest[s] < 0:
                continue
            first, last = int(lowest[s]), int(highest[s])
            total, weighed = np.int64(0), np.int64(0)
            for told in range(first, last + 1):
                total += room[s, told]
                weighed += room[s, told] * (told + low)
            calls[begin + s, t] = total
            if total > 0:
                latency[2, begin + s, t] = weighed / total
                for place in range(len(SHARES_OF_CALLS)):
                    told, up_to = first, room[s, first]
                    while told < last and up_to < SHARES_OF_CALLS[place] * total:
                        told += 1
                        up_to += room[s, told]
                    latency[place, begin + s, t] = told + low
            room[s, first : last + 1] = 0
            lowest[s], highest[s] = width, -1
