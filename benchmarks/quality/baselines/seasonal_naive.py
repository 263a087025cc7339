"""Seasonal naive: as much as at the same time last week, or yesterday where that is not known.

Axes: t step, c column.
"""

import numpy as np

from informer.core.types import Bools, Floats, PatternTraffic
from quality.baselines.scale import CHANCE, deviation, roots
from quality.baselines.timeline import DAY_S, WEEK_S, Timeline, timeline


def scores(
    past: dict[str, PatternTraffic], now: dict[str, PatternTraffic], *, seed: int
) -> dict[str, Floats]:
    """Rise over the earlier step in deviations of such differences; both sides are random."""
    line = timeline(past, now)
    values = roots(line.counts)
    usual, known = _same_time(values, line)
    rise = (values - usual) * known[:, None]
    scale = deviation(rise, line.past & known, chance=np.sqrt(2) * CHANCE)
    return line.by_pattern((rise / scale)[line.now :])


def _same_time(values: Floats, line: Timeline) -> tuple[Floats, Bools]:
    """Values of the reference steps, [t, c], and whether there is one, [t]."""
    usual, known = np.zeros_like(values), np.zeros(len(values), dtype=bool)
    for period_s in (WEEK_S, DAY_S):
        back = line.steps_in(period_s)
        if back >= len(values):
            continue
        there = np.zeros(len(values), dtype=bool)
        there[back:] = line.seen[:-back] & ~known[back:]
        (steps,) = np.nonzero(there)
        usual[steps] = values[steps - back]
        known |= there
    return usual, known
