"""Lines of a slice put together by trace: those of closed traces are folded, the rest goes on."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa

from informer.core.lines import Lines, plain_rows
from informer.core.types import Bools, Ints
from informer.outlines.buckets import EDGES, Buckets
from informer.outlines.loops import (
    Grouped,
    Small,
    begins_of,
    by_trace,
    number_traces,
    open_lines,
    place,
    placed,
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
    number, traces = _traces(parts)
    begins = begins_of(number, len(traces))
    closed = np.ones(len(traces), bool)
    n = len(number)
    grouped: Grouped = (
        np.empty(n, np.int32),
        np.empty(n, np.int64),
        np.empty(n, np.int64),
        np.empty(n, np.bool_),
        np.empty(n, np.int32),
        np.empty(n, np.int64),
        np.empty(n, np.int16),
    )
    at, begin = begins[:-1].copy(), 0
    for part in parts:
        by_trace(
            number,
            begin,
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
        begin += len(part)
    return Slice(tuple(parts), number, traces, begins, closed, *grouped)


def _traces(parts: Sequence[Lines]) -> tuple[Small, Ints]:
    """The number of each line's trace, in the order of the parts, and the traces."""
    lines = sum(map(len, parts))
    number = np.empty(lines, np.int32)
    bits = max(8, (ROOM * lines // FEW).bit_length())
    traces = np.empty(1 << (bits - 1), np.int64)
    slots, known, begin = placed(traces[:0], bits), 0, 0
    for part in parts:
        into, done = number[begin : begin + len(part)], 0
        while True:
            done, known = number_traces(part.trace, done, traces, known, slots, bits, into)
            if done == len(part):
                break
            bits += 1
            traces = np.append(traces, np.empty_like(traces))
            slots = np.full(1 << bits, -1, np.int32)
            place(traces, known, slots, bits)
        begin += len(part)
    return number, traces[:known]
