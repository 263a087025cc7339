"""The loops that hang the lines of a trace below each other. Axes: n line, t trace, s saying.

A pair is what a line says and what the line above it says, as one number.
"""

import numpy as np

from informer.core.compiled import compiled
from informer.core.types import Bools, Ints
from informer.outlines.slots import Slots, Small, find, place

NONE, LOST = 0, -1  # in place of the saying of the line above
FEW = 16  # lines of a trace, among which to look is quicker than to keep where they are
# The bits of a pair: saying (29) | saying above + 1 (30) | id comes again (1) | outcome + 1 (3).
UP_BIT, AGAIN_BIT, OUTCOME_BITS = 4, 3, 7
SAYING_BIT = 34
UP_BITS = (1 << 30) - 1


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
