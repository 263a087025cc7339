"""Days of a kind that was never learned: after five working days nobody knows the weekend."""

import numpy as np

from informer.core.types import NS_PER_S, Bools, Floats, Grid, Ints

DAY_S, SATURDAY, THURSDAY = 86_400, 5, 3  # 1970-01-01 was a Thursday
LEAST_LEARNED_S = DAY_S // 4  # of a kind of day, to know it
UNSURE = 0.5**2  # relative variance of what is expected on others: offices are empty, shops full


def learned_kinds(grid: Grid) -> tuple[bool, bool]:
    """Whether working days and weekends are in the covered steps of a grid."""
    weekend = _weekend(grid.starts_ns())
    covered_s = [float((grid.seen & kind).sum()) * grid.step_s for kind in (~weekend, weekend)]
    return covered_s[0] >= LEAST_LEARNED_S, covered_s[1] >= LEAST_LEARNED_S


def unsure(grid: Grid, learned: tuple[bool, bool]) -> Floats:
    """Relative variance of what is expected of every step, for its kind of day; [t]."""
    weekend = _weekend(grid.starts_ns())
    known = np.where(weekend, learned[1], learned[0])
    # With neither, nothing is known of days at all, and forecasts follow the level alone.
    return np.where(known | (not any(learned)), 0.0, UNSURE)


def _weekend(starts_ns: Ints) -> Bools:
    return np.asarray((starts_ns // (DAY_S * NS_PER_S) + THURSDAY) % 7 >= SATURDAY)
