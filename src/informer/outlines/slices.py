"""Lines of a slice put together by trace: those of closed traces are folded, the rest goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from informer.core.lines import Lines, plain_rows
from informer.core.types import Bools, Ints
from informer.outlines.buckets import EDGES, Buckets
from informer.outlines.shares import SHARES, in_shares
from informer.outlines.slots import Small, place, placed
from informer.outlines.traces import (
    Grouped,
    by_trace,
    number_traces,
    open_lines,
    places_of,
    said_by,
)

ROOM = 2  # slots for each trace, when there are so many as one a FEW lines
FEW = 4


@dataclass(frozen=True, slots=True)
class Slice:
    """Lines and their traces. Axes: n line, t trace; but for `number`, [n] is trace by trace."""

    parts: tuple[Lines, ...]
    number: Small  # [n] of the trace, in the order of the parts
    traces: Ints  # [t]
    shares: list[tuple[int, int]]  # of the traces
    begins: Ints  # [t + 1]
    closed: Bools  # [t]
    order: Small  # [n] the place of the line in the parts
    span: Ints  # [n]
    up: Ints  # [n]
    soft: Bools  # [n]
    saying: Small  # [n]
    start_ns: Ints  # [n]
    bucket: Buckets  # [n] of latency

    def __len__(self) -> int:
        return len(self.number)

    def sayings(self) -> Ints:
        """How many lines of closed traces have each saying; [s]."""
        return said_by(self.begins, self.closed, self.saying)

    def lines_of(self, traces: Ints) -> Ints:
        """The places of all lines of some traces, one trace after the other."""
        begins, counts = self.begins[traces], np.diff(self.begins)[traces]
        within: Ints = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        places: Ints = np.repeat(begins, counts) + within
        return places

    def rows(self, places: Ints) -> pa.Table:
        """The rows of the lines at some places, as plain texts and numbers, in this order."""
        lines = self.order[places].astype(np.int64)
        order = np.argsort(lines, kind="stable")
        bounds = self._bounds()
        cuts = np.searchsorted(lines[order], bounds)
        taken = [
            part.rows.take(pa.array(lines[order][low:high] - begin))
            for part, begin, low, high in zip(self.parts, bounds, cuts, cuts[1:], strict=False)
            if high > low
        ]
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        return plain_rows(taken).take(pa.array(back))

    def still_open(self) -> tuple[list[Lines], Small]:
        """What goes into the next slice, part by part, and the first part of each trace; [t]."""
        first = np.full(len(self.traces), -1, np.int32)
        taken = []
        for number, (part, (a, b)) in enumerate(
            zip(self.parts, pairwise(self._bounds()), strict=True)
        ):
            places = open_lines(self.number[a:b], self.closed, number, first)
            taken.append(part.take(places) if len(places) < len(part) else part)
        return taken, first

    def _bounds(self) -> Ints:
        return np.cumsum([0, *(len(part) for part in self.parts)])


def sliced(parts: Sequence[Lines], close_ns: int) -> Slice:
    """Lines put together; a trace is closed when none of its lines began at `close_ns` or later."""
    bounds = np.cumsum([0, *map(len, parts)])
    ranges = list(pairwise(bounds.tolist()))
    n = int(bounds[-1])
    number = np.empty(n, np.int32)
    shared = in_shares(lambda share: _traces(parts, ranges, share, number), range(SHARES), n)
    before = [0, *np.cumsum([len(traces) for _, traces, _ in shared]).tolist()]
    traces, lines = (np.concatenate(told) for told in list(zip(*shared, strict=True))[1:])
    begins, closed = np.append(0, np.cumsum(lines)), np.ones(len(traces), bool)
    grouped: Grouped = (
        np.empty(n, np.int32),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n, np.bool_),
        np.empty(n, np.int32),
        np.empty(n, np.int64),
        np.empty(n, np.int16),
    )
    at = begins[:-1].copy()

    def group(share: int) -> None:
        places, _, _ = shared[share]
        for part, here, (a, b) in zip(parts, places, ranges, strict=True):
            by_trace(
                here,
                number[a:b],
                before[share],
                a,
                at,
                part.span,
                part.up,
                part.soft,
                part.column("saying"),
                part.column("start_ns"),
                part.column("duration_ns"),
                close_ns,
                EDGES,
                grouped,
                closed,
            )

    in_shares(group, range(SHARES), n)
    return Slice(tuple(parts), number, traces, list(pairwise(before)), begins, closed, *grouped)


def _traces(
    parts: Sequence[Lines], ranges: Sequence[tuple[int, int]], share: int, number: Small
) -> tuple[list[Small], Ints, Ints]:
    """Where the lines of a share are in each part, their traces and how many lines each has.

    Gives each line the `number` of its trace among them.
    """
    bits = max(8, (ROOM * len(number) // (SHARES * FEW)).bit_length())
    traces, lines = np.empty((2, 1 << (bits - 1)), np.int64)
    slots, known, places = placed(traces[:0], bits), 0, []
    for part, (a, b) in zip(parts, ranges, strict=True):
        here, done = places_of(part.trace, share), 0
        places.append(here)
        while True:
            table = traces, lines, known, slots, bits
            done, known = number_traces(here, part.trace, done, *table, number[a:b])
            if done == len(here):
                break
            bits += 1
            traces, lines = (np.append(told, np.empty_like(told)) for told in (traces, lines))
            slots = np.full(1 << bits, -1, np.int32)
            place(traces, known, slots, bits)
    return places, traces[:known], lines[:known]
