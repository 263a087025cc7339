"""The loops that put the lines of a slice together by trace. Axes: n line, t trace, s saying."""

from typing import TypeAlias

import numpy as np

from informer.core.compiled import compiled
from informer.core.types import Bools, Ints
from informer.outlines.buckets import Buckets, Edges, bucket_in
from informer.outlines.slots import Slots, Small, find

# Columns of lines, trace by trace: place in the slice, span, up, soft, saying, start, bucket.
Grouped: TypeAlias = tuple[Small, Ints, Ints, Bools, Small, Ints, Buckets]


@compiled
def places_of(trace: Ints, share: int) -> Small:
    """Where the lines are whose traces are of a share: their last bit says which."""
    places, found = np.empty(len(trace), np.int32), 0
    for n in range(len(trace)):  # which are, nobody can foresee: so no branch
        places[found] = n
        found += trace[n] & 1 == share
    return places[:found].copy()


@compiled
def number_traces(
    places: Small,
    trace: Ints,
    begin: int,
    traces: Ints,
    lines: Ints,
    known: int,
    slots: Slots,
    bits: int,
    numbers: Small,
) -> tuple[int, int]:
    """The number of each line's trace, from zero on; [n], the traces and how many lines they have.

    Begins at some of the places, and gives how far it came until half of the slots were full, and
    how many traces are known then.
    """
    for at in range(begin, len(places)):
        n = places[at]
        slot = find(trace[n], traces, slots, 64 - bits)
        if slots[slot] < 0:
            if 2 * known >= len(slots):
                return at, known
            slots[slot], traces[known], lines[known] = known, trace[n], 0
            known += 1
        numbers[n] = slots[slot]
        lines[slots[slot]] += 1
    return len(places), known


@compiled
def by_trace(
    places: Small,
    numbers: Small,
    before: int,
    begin: int,
    begins: Ints,
    span: Ints,
    up: Ints,
    soft: Bools,
    saying: Ints,
    start_ns: Ints,
    duration_ns: Ints,
    close_ns: int,
    edges: Edges,
    into: Grouped,
    closed: Bools,
) -> None:
    """Put the lines at some places of a part to those of their traces.

    The part begins at a line of the slice, and so many traces are before those of the share.
    `begins` has the next free place of each trace, and moves on; a trace with a line that began at
    `close_ns` or later is not closed.
    """
    order, spans, ups, softs, sayings, starts, buckets = into
    for n in places:
        t = numbers[n] + before
        numbers[n] = t
        at = begins[t]
        begins[t] += 1
        order[at] = begin + n
        spans[at], ups[at], softs[at] = span[n], up[n], soft[n]
        sayings[at], starts[at] = saying[n], start_ns[n]
        buckets[at] = bucket_in(duration_ns[n], edges)
        if start_ns[n] >= close_ns:
            closed[t] = False


@compiled
def said_by(begins: Ints, closed: Bools, saying: Small) -> Ints:
    """How many lines of closed traces have each saying; [s]."""
    most = 0
    for n in range(len(saying)):
        most = max(most, saying[n])
    counts = np.zeros(most + 1, np.int64)
    for t in range(len(closed)):
        if closed[t]:
            for n in range(begins[t], begins[t + 1]):
                counts[saying[n]] += 1
    return counts


@compiled
def open_lines(numbers: Small, closed: Bools, part: int, parts: Small) -> Ints:
    """The places of the lines of open traces in a part; `parts` [t] gets the first part of each."""
    places, found = np.empty(len(numbers), np.int64), 0
    for n in range(len(numbers)):
        t = numbers[n]
        if not closed[t]:
            places[found] = n
            found += 1
            if parts[t] < 0:
                parts[t] = part
    return places[:found].copy()
