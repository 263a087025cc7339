"""Cells: what is counted of an outline (its kinds of line), by step and bucket of latency.

Axes: n line, t trace, g group of traces (an outline in a step), r run (the counts of a cell in a
step), c count.
"""

from itertools import pairwise
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from informer.core.cell_counts import CellCounts
from informer.core.compiled import compiled
from informer.core.ports import Engine
from informer.core.types import Ints
from informer.outlines.buckets import BUCKETS, Buckets
from informer.outlines.keys import Keys
from informer.outlines.shares import SHARES, in_shares
from informer.outlines.slices import Slice
from informer.outlines.slots import Small

OUTLINE_BIT = 31  # above the kind of a cell
ROOM = 1024  # kinds of a group that are counted at a time
CELLS = "select outline_id, line_kind from cells order by cell"

# Of each trace, -1 = none; [t], and by group its outline and the step it is in; [g].
Groups: TypeAlias = tuple[Small, Ints, Ints]
# What was counted: group, kind and size of each run, and its buckets and counts one after another.
Counted: TypeAlias = tuple[Small, Small, Small, Buckets, Small]


class Cells:
    """The tables `cells` and `cell_counts`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        held = engine.query(CELLS)
        outline, kind = (held[n].to_numpy().astype(np.int64) for n in held.column_names)
        self._known = held.num_rows
        self._keys = Keys((outline << OUTLINE_BIT) | kind)

    def count(self, lines: Slice, groups: Groups, pair: Small, kind: Small) -> None:
        """Add the lines of traces with a group; `pair` [n] of each line, `kind` by pair."""
        of, outline, step_start_ns = groups
        by_step = np.lexsort((outline, step_start_ns))
        place = np.empty(len(by_step) + 1, np.int32)
        place[by_step] = np.arange(len(by_step))
        place[-1] = -1
        traces, begins, before = by_group(place[of], len(by_step), lines.begins)

        def count(share: tuple[int, int]) -> Counted:
            return counts_of(*share, traces, begins, lines.begins, pair, kind, lines.bucket)

        counted = in_shares(count, _halves(before), int(before[-1]))
        group, kinds, size, bucket, lines_of = map(np.concatenate, zip(*counted, strict=True))
        cell = self._number((outline[by_step][group] << OUTLINE_BIT) | kinds)
        counts = CellCounts(step_start_ns[by_step][group], cell, size, bucket, lines_of)
        self._engine.append("cell_counts", counts.rows())

    def _number(self, keys: Ints) -> Small:
        cells, new = self._keys.number(keys)
        table = {
            "cell": np.arange(self._known, self._known + len(new), dtype=np.int32),
            "outline_id": (new >> OUTLINE_BIT).astype(np.int32),
            "line_kind": (new & ((1 << OUTLINE_BIT) - 1)).astype(np.int32),
        }
        self._engine.append("cells", pa.table(table))
        self._known += len(new)
        return cells


def _halves(lines: Ints) -> list[tuple[int, int]]:
    """Groups in shares of about as many lines; `lines` [g + 1] are those before each group."""
    cuts = np.searchsorted(lines, [lines[-1] * share // SHARES for share in range(1, SHARES)])
    return list(pairwise([0, *cuts.tolist(), len(lines) - 1]))


@compiled
def by_group(group: Small, groups: int, begins: Ints) -> tuple[Small, Small, Ints]:
    """Traces that have a group, group after group; where each begins, and the lines before it."""
    starts, lines = np.zeros(groups + 1, np.int32), np.zeros(groups + 1, np.int64)
    for t in range(len(group)):
        if group[t] >= 0:
            starts[group[t] + 1] += 1
            lines[group[t] + 1] += begins[t + 1] - begins[t]
    for g in range(groups):
        starts[g + 1] += starts[g]
        lines[g + 1] += lines[g]
    traces, at = np.empty(starts[groups], np.int32), starts.copy()
    for t in range(len(group)):
        if group[t] >= 0:
            traces[at[group[t]]] = t
            at[group[t]] += 1
    return traces, starts, lines


@compiled
def counts_of(
    low: int,
    high: int,
    traces: Small,
    starts: Small,
    begins: Ints,
    pair: Small,
    kind: Small,
    bucket: Buckets,
) -> Counted:
    """What the groups [low, high) count, in their order; their traces as `by_group` tells them."""
    lines, kinds = 0, 0
    for at in range(starts[low], starts[high]):
        lines += begins[traces[at] + 1] - begins[traces[at]]
    for p in range(len(kind)):
        kinds = max(kinds, kind[p] + 1)
    of_group, of_kind = np.empty(lines, np.int32), np.empty(lines, np.int32)
    sizes, counts = np.empty(lines, np.int32), np.empty(lines, np.int32)
    buckets = np.empty(lines, np.int16)
    runs, made = 0, 0
    place_of, held = np.full(kinds, -1, np.int32), np.empty(kinds, np.int32)
    table = np.zeros(ROOM * BUCKETS, np.int32)
    lowest, highest = np.empty(ROOM, np.int32), np.empty(ROOM, np.int32)
    for g in range(low, high):
        known, first = 0, 0
        while True:  # mostly once: few groups have more than ROOM kinds
            lowest[: min(known - first, ROOM)] = BUCKETS
            highest[: min(known - first, ROOM)] = -1
            for at in range(starts[g], starts[g + 1]):
                t = traces[at]
                for n in range(begins[t], begins[t + 1]):
                    k, b = kind[pair[n]], np.int32(bucket[n])
                    place = int(place_of[k])
                    if place < 0:
                        place = known
                        place_of[k], held[known] = known, k
                        known += 1
                        if place < ROOM:
                            lowest[place], highest[place] = b, b
                    place -= first
                    if 0 <= place < ROOM:
                        table[place * BUCKETS + b] += 1
                        lowest[place] = min(lowest[place], b)
                        highest[place] = max(highest[place], b)
            for place in range(min(known - first, ROOM)):
                before = made
                for told in range(lowest[place], highest[place] + 1):
                    count = table[place * BUCKETS + told]
                    buckets[made], counts[made] = told, count
                    made += count > 0
                    table[place * BUCKETS + told] = 0
                of_group[runs], of_kind[runs] = g, held[first + place]
                sizes[runs] = made - before
                runs += 1
            first += ROOM
            if first >= known:
                break
        for p in range(known):
            place_of[held[p]] = -1
    return of_group[:runs], of_kind[:runs], sizes[:runs], buckets[:made], counts[:made]
