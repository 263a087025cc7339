"""Which steps were covered: an idle night is a zero, a collector outage is not."""

import numpy as np

from informer.core.types import Bools, Floats

# So many chains should have come while none did: chance would do that once in 10^8 times.
SURELY_MISSED = 18.0
# The same for the part of a step beside a hole, or at an end, that the data may not reach.
PROBABLY_MISSED = 4.6
NEIGHBOURS = 12  # steps on either side that say how busy it was around a hole
CYCLES_S = (86_400, 604_800)  # what comes back by the clock: an office that is empty at night


def covered(chains: Floats, missing_head: Floats, missing_tail: Floats, step_s: int) -> Bools:
    """Whether each step was covered, from the chains that began in it; [t] in and out.

    A stretch without a chain is a hole where the steps around it say that many should have come,
    unless the same hours of the days and weeks around it were as empty. A total outage of the
    system and one of the collector look the same from here: both are holes, and neither trains
    nor alerts. `missing_head` and `missing_tail` are the shares (0..1) of each step before its
    first and after its last chain: where a hole or the range begins or ends within a step, that
    step is not covered either.
    """
    seen = np.ones(len(chains), dtype=bool)
    begin, end = [0], [len(chains) - 1]  # steps that may be cut
    for first, last in _empty_runs(chains):
        before = chains[max(0, first - NEIGHBOURS) : first]
        after = chains[last : last + NEIGHBOURS]
        rate = max((float(side.mean()) for side in (before, after) if len(side)), default=0.0)
        missed = min([rate * (last - first), *_same_hours(chains, first, last, step_s)])
        if missed >= SURELY_MISSED:
            seen[first:last] = False
            begin, end = [*begin, last], [*end, first - 1]
    for step in (s for s in begin if s < len(chains)):
        seen[step] &= _reached(missing_head[step], chains[step + 1 : step + 1 + NEIGHBOURS])
    for step in (s for s in end if s >= 0):
        seen[step] &= _reached(missing_tail[step], chains[max(0, step - NEIGHBOURS) : step])
    return seen


def _reached(missing: float, beside: Floats) -> bool:
    """Whether chance may leave this share of a step without a chain, where so many come beside."""
    return not len(beside) or missing * float(beside.mean()) < PROBABLY_MISSED


def _same_hours(chains: Floats, first: int, last: int, step_s: int) -> list[float]:
    """The most chains that came in the same hours a day or a week before or after, if known."""
    cycles = [cycle_s // step_s for cycle_s in CYCLES_S]
    shifts = [sign * cycle for cycle in cycles for sign in (-1, 1) if cycle >= last - first]
    whole = [s for s in shifts if first + s >= 0 and last + s <= len(chains)]
    return [max(float(chains[first + s : last + s].sum()) for s in whole)] if whole else []


def _empty_runs(chains: Floats) -> list[tuple[int, int]]:
    """Runs of steps without a chain as (first, one past the last)."""
    edges = np.diff(np.concatenate([[0], (chains == 0).astype(np.int8), [0]]))
    return list(zip(np.flatnonzero(edges == 1), np.flatnonzero(edges == -1), strict=True))
