"""The loops that add up what lines say. Axes: n line, t trace, p pair, g group of traces."""

import numpy as np

from informer.core.compiled import compiled
from informer.core.types import Bools, Floats, Ints
from informer.outlines.buckets import Buckets
from informer.outlines.slots import Small

BUCKET_BITS = 9  # there are fewer than 512
OUTLINE_BIT = 31  # above the kind of a cell


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


@compiled
def merged(one: Ints, of_one: Ints, two: Ints, of_two: Ints, into: Ints, counts: Ints) -> int:
    """Two rows of sorted numbers, each once, as one; and how often they come, added up."""
    a, b, made = 0, 0, 0
    while a < len(one) or b < len(two):
        takes_one = b == len(two) or (a < len(one) and one[a] <= two[b])
        takes_two = a == len(one) or (b < len(two) and two[b] <= one[a])
        into[made] = one[a] if takes_one else two[b]
        counts[made] = (of_one[a] if takes_one else 0) + (of_two[b] if takes_two else 0)
        a, b = a + takes_one, b + takes_two
        made += 1
    return made


@compiled
def tell_cells(
    cells: Ints,
    bits: int,
    outline: Ints,
    step_start_ns: Ints,
    keys: Ints,
    starts_ns: Ints,
    buckets: Buckets,
) -> None:
    """What `cells_of` made one number of: outline and kind, as one; the start of the step; bucket.

    `outline` and `step_start_ns` are by group; [g].
    """
    for n in range(len(cells)):
        group = cells[n] >> (bits + BUCKET_BITS)
        kind = (cells[n] >> BUCKET_BITS) & ((1 << bits) - 1)
        keys[n] = (outline[group] << OUTLINE_BIT) | kind
        starts_ns[n] = step_start_ns[group]
        buckets[n] = cells[n] & ((1 << BUCKET_BITS) - 1)
