"""The loops that add up what lines say. Axes: n line, t trace, p pair, g group of traces."""

import numpy as np

from informer.core.compiled import compiled
from informer.core.types import Bools, Floats, Ints
from informer.outlines.slots import Small


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
