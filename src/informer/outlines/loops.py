"""The loops over all lines of a slice: traces put together, lines hung below each other, sums made.

Axes: n line, t trace, s saying, p pair. A pair is what a line says and what the line above it says,
as one number: see PAIR.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from informer.core.compiled import compiled
from informer.core.types import Bools, Floats, Ints
from informer.outlines.buckets import Buckets, Edges, bucket_in

Small: TypeAlias = npt.NDArray[np.int32]
Slots: TypeAlias = npt.NDArray[np.int32]
# Columns of lines, trace by trace: place in the slice, span, up, soft, saying, start, bucket.
Grouped: TypeAlias = tuple[Small, Ints, Ints, Bools, Small, Ints, Buckets]

NONE, LOST = 0, -1  # in place of the saying of the line above
SPREAD = np.uint64(0x9E3779B97F4A7C15)
FEW = 16  # lines of a trace, among which to look is quicker than to keep where they are
# The bits of a pair: saying (29) | saying above + 1 (30) | id comes again (1) | outcome + 1 (3).
UP_BIT, AGAIN_BIT, OUTCOME_BITS = 4, 3, 7
SAYING_BIT = 34
UP_BITS = (1 << 30) - 1
BUCKET_BITS = 9  # there are fewer than 512


@compiled
def slot_of(key: int, shift: int) -> np.int64:
    """Where to begin to look for a key in a table of 2 ** (64 - shift) slots."""
    return np.int64((np.uint64(key) * SPREAD) >> np.uint64(shift))


@compiled
def find(key: int, keys: Ints, slots: Slots, shift: int) -> np.int64:
    """The slot in which the place of a key is, or would be: -1 is in a slot that is free."""
    slot = slot_of(key, shift)
    while slots[slot] >= 0 and keys[slots[slot]] != key:
        slot += 1
        if slot == len(slots):
            slot = np.int64(0)
    return slot


@compiled
def number_traces(
    trace: Ints, begin: int, traces: Ints, known: int, slots: Slots, bits: int, numbers: Small
) -> tuple[int, int]:
    """The number of each line's trace, from zero on; [n], and the traces; [t].

    Begins at some line, and gives how far it came until half of the slots were full, and how many
    traces are known then.
    """
    for n in range(begin, len(trace)):
        slot = find(trace[n], traces, slots, 64 - bits)
        if slots[slot] < 0:
            if 2 * known >= len(slots):
                return n, known
            slots[slot], traces[known] = known, trace[n]
            known += 1
        numbers[n] = slots[slot]
    return len(trace), known


@compiled
def begins_of(numbers: Small, traces: int) -> Ints:
    """Where the lines of each trace begin when they lie trace by trace; [t + 1]."""
    begins = np.zeros(traces + 1, np.int64)
    for n in range(len(numbers)):
        begins[numbers[n] + 1] += 1
    for t in range(traces):
        begins[t + 1] += begins[t]
    return begins


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


@compiled
def place(keys: Ints, known: int, slots: Slots, bits: int) -> None:
    """Fill a table of 2 ** bits free slots with where each of the first keys is."""
    for p in range(known):
        slots[find(keys[p], keys, slots, 64 - bits)] = p


def placed(keys: Ints, bits: int) -> Slots:
    """A table of 2 ** bits slots that holds where each key is."""
    slots = np.full(1 << bits, -1, np.int32)
    place(keys, len(keys), slots, bits)
    return slots


@compiled
def by_trace(
    numbers: Small,
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
    """Put the lines of a part, from some line of the slice on, to those of their traces.

    `begins` has the next free place of each trace, and moves on; a trace with a line that began at
    `close_ns` or later is not closed.
    """
    order, spans, ups, softs, sayings, starts, buckets = into
    for n in range(len(span)):
        t = numbers[begin + n]
        at = begins[t]
        begins[t] += 1
        order[at] = begin + n
        spans[at], ups[at], softs[at] = span[n], up[n], soft[n]
        sayings[at], starts[at] = saying[n], start_ns[n]
        buckets[at] = bucket_in(duration_ns[n], edges)
        if start_ns[n] >= close_ns:
            closed[t] = False


@compiled
def pairs_of(
    begins: Ints,
    closed: Bools,
    spans: Ints,
    up: Ints,
    soft: Bools,
    saying: Small,
    name: Ints,
    least: Ints,
    outcome: Small,
    pairs: Ints,
) -> None:
    """The pair of every line, trace by trace; [n], -1 = its trace is open.

    `name`, `least` and `outcome` are by saying: its names as a number, the least saying with these
    names, and 1 = failed + 2 = refused. An id that comes more than once in its trace is that of
    the least of its names, with all that was said of its outcome.
    """
    most = 1
    for t in range(len(begins) - 1):
        most = max(most, begins[t + 1] - begins[t])
    first = np.empty(most, np.int32)  # of the lines with the same id, by place in the trace
    told = np.empty(most, np.int64)  # by such a first place: what it says to those below
    came = np.empty(most, np.int32)  # and its outcome, -1 = as its saying says
    slots = np.empty(4 * most, np.int32)
    for t in range(len(begins) - 1):
        begin, end = begins[t], begins[t + 1]
        if not closed[t]:
            for n in range(begin, end):
                pairs[n] = -1
            continue
        lines, bits = end - begin, 1
        if lines > FEW:
            while (1 << bits) < 2 * lines:
                bits += 1
            for slot in range(1 << bits):
                slots[slot] = -1
            place(spans[begin:end], lines, slots[: 1 << bits], bits)
        here, table = spans[begin:end], slots[: 1 << bits]
        if lines <= FEW and not _come_again(here):
            _pairs_of_few(here, up[begin:end], soft[begin:end], saying[begin:end], pairs[begin:end])
            continue
        for a in range(lines):
            told[a], came[a] = saying[begin + a], -1
        for a in range(lines):
            b = _among(spans[begin + a], here, table, bits)
            first[a] = b
            if b != a:  # it comes again
                s, r = saying[begin + a], told[b]
                if came[b] < 0:
                    came[b] = outcome[r]
                    told[b] = least[r]
                came[b] |= outcome[s]
                if name[s] < name[told[b]]:
                    told[b] = least[s]
        for a in range(lines):
            n = begin + a
            above, seen = np.int64(NONE), np.int64(-1)
            if up[n] >= 0:
                b = -1
                if up[n] != spans[n]:
                    b = _among(up[n], here, table, bits)
                if b >= 0:
                    above, seen = told[b], np.int64(came[b])
                elif not soft[n]:
                    above = np.int64(LOST)
            again = np.int64(came[first[a]] >= 0)
            pairs[n] = (
                (np.int64(saying[n]) << SAYING_BIT)
                | ((above + 1) << UP_BIT)
                | (again << AGAIN_BIT)
                | (seen + 1)
            )


@compiled
def _come_again(spans: Ints) -> bool:
    """Whether one of a few ids comes twice; without a branch that nobody can foresee."""
    again = False
    for a in range(1, len(spans)):
        for b in range(a):
            again |= spans[a] == spans[b]
    return again


@compiled
def _pairs_of_few(spans: Ints, up: Ints, soft: Bools, saying: Small, pairs: Ints) -> None:
    """Those of a trace of few lines in which every id is once."""
    for a in range(len(spans)):
        wanted, place = up[a], np.int64(-1)
        for b in range(len(spans)):
            place = np.int64(b) if spans[b] == wanted else place
        above = np.int64(NONE)
        if wanted >= 0:
            if place >= 0 and place != a:
                above = np.int64(saying[place])
            elif not soft[a]:
                above = np.int64(LOST)
        pairs[a] = (np.int64(saying[a]) << SAYING_BIT) | ((above + 1) << UP_BIT)


@compiled
def _among(key: int, spans: Ints, slots: Slots, bits: int) -> int:
    """The first place of a span's id in its trace, -1 = it is not there."""
    if len(spans) > FEW:
        found: int = slots[find(key, spans, slots, 64 - bits)]
        return found
    for p in range(len(spans)):
        if spans[p] == key:
            return p
    return -1


@compiled
def number_keys(
    asked: Ints, begin: int, keys: Ints, known: int, slots: Slots, bits: int, numbers: Small
) -> tuple[int, int]:
    """Number keys from one on; those that are new get the next numbers, and what is no key 0.

    Gives how far it came until there was no room for a new key, and how many are known then.
    """
    for n in range(begin, len(asked)):
        if asked[n] < 0:
            numbers[n] = 0
            continue
        slot = find(asked[n], keys, slots, 64 - bits)
        if slots[slot] < 0:
            if known == len(keys):
                return n, known
            slots[slot], keys[known] = known, asked[n]
            known += 1
        numbers[n] = slots[slot]
    return len(asked), known


@compiled
def sums_of(
    begins: Ints,
    closed: Bools,
    pair: Small,
    start_ns: Ints,
    code: Ints,
    top: Bools,
    failed: Bools,
    weight_e6: Ints,
) -> tuple[Ints, Ints, Bools, Ints]:
    """The sum of codes, the start, whether it failed and the weight of every closed trace; [t]."""
    traces = len(begins) - 1
    sums, starts = np.zeros(traces, np.int64), np.zeros(traces, np.int64)
    bad, weights = np.zeros(traces, np.bool_), np.zeros(traces, np.int64)
    late = np.iinfo(np.int64).max
    for t in range(traces):
        if not closed[t]:
            continue
        first, first_top = late, late
        for n in range(begins[t], begins[t + 1]):
            p, start = pair[n], start_ns[n]
            sums[t] += code[p]
            first = min(first, start)
            if top[p]:
                first_top = min(first_top, start)
            bad[t] |= failed[p]
            weights[t] = max(weights[t], weight_e6[p])
        starts[t] = first if first_top == late else first_top
    return sums, starts, bad, weights


@compiled
def add_up_groups(
    group: Small,
    closed: Bools,
    starts: Ints,
    failed: Bools,
    weights: Ints,
    sums: tuple[Ints, Ints, Floats, Ints, Ints, Ints],
) -> None:
    """Add closed traces to their groups: chains, weights, squares, failed, first, last; [g]."""
    chains, chains_e6, squares, failed_e6, first_ns, last_ns = sums
    for t in range(len(group)):
        if not closed[t]:
            continue
        g, weight, start = group[t], weights[t], starts[t]
        if not chains[g]:
            first_ns[g] = last_ns[g] = start
        chains[g] += 1
        chains_e6[g] += weight
        squares[g] += (weight / 1_000_000) ** 2
        if failed[t]:
            failed_e6[g] += weight
        first_ns[g], last_ns[g] = min(first_ns[g], start), max(last_ns[g], start)


@compiled
def cells_of(
    begins: Ints, group: Ints, pair: Small, kind: Small, bucket: Buckets, bits: int, cells: Ints
) -> int:
    """Group, kind and bucket of every line of a trace that has a group, as one number.

    A kind has so many bits, a bucket BUCKET_BITS. Gives how many lines these are.
    """
    made = 0
    for t in range(len(begins) - 1):
        if group[t] < 0:
            continue
        of = group[t] << bits
        for n in range(begins[t], begins[t + 1]):
            cells[made] = ((of | kind[pair[n]]) << BUCKET_BITS) | bucket[n]
            made += 1
    return made


@compiled
def counted(cells: Ints, counts: Ints) -> int:
    """Each of some sorted numbers once, in place, and how often it comes; how many those are."""
    made, last = -1, np.int64(-1)
    for n in range(len(cells)):  # whether it is a new one, nobody can foresee: so no branch
        cell = cells[n]
        new = cell != last
        made += new
        counts[made] = 1 if new else counts[made] + 1
        cells[made] = last = cell
    return made + 1
