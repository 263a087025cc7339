"""The table `cell_counts`: how many lines a cell has in a step, by bucket of latency.

There are nearly half as many counts as lines. So a row holds tens of thousands, packed: engines
keep them, and loops add them up. Axes: r run (the counts of a cell in a step), c count.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
import pyarrow as pa

from informer.core.packed import Whole, packed, unpacked
from informer.core.types import Bools, Ints

MOST_COUNTS = 1 << 16  # in a row, but for the rest of a run
CELL_COUNTS = pa.schema(
    [
        ("first_step_ns", pa.int64()),
        ("last_step_ns", pa.int64()),
        ("size", pa.int64()),  # how many counts
        ("runs", pa.list_(pa.int64())),  # packed: step since the first, cell, and counts of each
        ("counts", pa.list_(pa.int64())),  # packed: bucket and lines of each
    ]
)


@dataclass(frozen=True, slots=True)
class CellCounts:
    """Counts, run after run."""

    step_start_ns: Ints  # [r]
    cell: Whole  # [r]
    size: Whole  # [r] how many counts it has
    bucket: Whole  # [c]
    lines: Whole  # [c]

    @classmethod
    def of(cls, rows: pa.Table) -> Self:
        """Those of all rows of the table."""
        runs = list(_runs(rows))
        counts = [unpacked(words) for words in _words(rows["counts"])]
        if not runs:
            none = np.zeros(0, np.int64)
            return cls(none, none, none, none, none)
        by_run, by_count = (map(np.concatenate, zip(*some, strict=True)) for some in (runs, counts))
        return cls(*by_run, *by_count)

    @classmethod
    def counted(cls, step_start_ns: Ints, cell: Whole, bucket: Whole, lines: Whole) -> Self:
        """Those of counts; [c], of which those of a cell in a step stand together."""
        edges = np.diff(step_start_ns, prepend=-1) != 0
        edges[1:] |= np.diff(cell) != 0
        first = np.flatnonzero(edges)
        size = np.diff(np.append(first, len(cell)))
        return cls(step_start_ns[first], cell[first], size, bucket, lines)

    def rows(self) -> pa.Table:
        """As rows of the table."""
        ends = np.cumsum(self.size)
        total = int(ends[-1]) if len(ends) else 0
        cuts = np.unique(np.searchsorted(ends, np.arange(0, total, MOST_COUNTS), side="right"))
        made = [self._row(low, high, ends) for low, high in pairwise([*cuts.tolist(), len(ends)])]
        first, last, size, runs, counts = zip(*made, strict=True) if made else ((),) * 5
        columns = [pa.array(told, pa.int64()) for told in (first, last, size)]
        return pa.table([*columns, _listed(runs), _listed(counts)], schema=CELL_COUNTS)

    def taken(self, which: Bools) -> Self:
        """Some of the runs; [r]."""
        if which.all():
            return self
        counts = np.repeat(which, self.size)
        kept = self.step_start_ns[which], self.cell[which], self.size[which]
        return type(self)(*kept, self.bucket[counts], self.lines[counts])

    def _row(self, low: int, high: int, ends: Ints) -> tuple[int, int, int, Ints, Ints]:
        steps = self.step_start_ns[low:high]
        first, last = int(steps.min()), int(steps.max())
        begin, end = int(ends[low] - self.size[low]), int(ends[high - 1])
        runs = packed([steps - first, self.cell[low:high], self.size[low:high]])
        counts = packed([self.bucket[begin:end], self.lines[begin:end]])
        return first, last, end - begin, runs, counts


def cells_between(rows: pa.Table, from_ns: int, until_ns: int) -> Iterator[Whole]:
    """The cells of runs in a range of time; `rows` need no `counts`."""
    for steps, cell, _ in _runs(rows):
        yield cell[(steps >= from_ns) & (steps < until_ns)]


def _runs(rows: pa.Table) -> Iterator[Sequence[Whole]]:
    for first_ns, words in zip(
        rows["first_step_ns"].to_pylist(), _words(rows["runs"]), strict=True
    ):
        steps, cell, size = unpacked(words)
        yield first_ns + steps.astype(np.int64), cell, size


def _words(lists: pa.ChunkedArray) -> Iterator[Ints]:
    for chunk in lists.chunks:
        values, ends = chunk.values.to_numpy(), chunk.offsets.to_numpy()
        yield from (values[low:high] for low, high in pairwise(ends.tolist()))


def _listed(words: Sequence[Ints]) -> pa.ListArray:
    ends = np.cumsum([0, *map(len, words)])
    return pa.ListArray.from_arrays(pa.array(ends, pa.int32()), np.concatenate([*words, ends[:0]]))
