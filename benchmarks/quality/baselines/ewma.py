"""Exponentially weighted mean of what is beyond the season, and the median deviation from it.

Axes: t step, c column, a rate of forgetting.
"""

import numpy as np

from informer.core.types import Bools, Floats, PatternTraffic
from quality.baselines.scale import median_deviation, roots
from quality.baselines.season import season
from quality.baselines.timeline import timeline

HALF_LIVES_S = (900, 3_600, 4 * 3_600)
MOST = 3.0  # deviations by which one step may pull the mean: an attack must not teach it


def scores(
    past: dict[str, PatternTraffic], now: dict[str, PatternTraffic], *, seed: int
) -> dict[str, Floats]:
    """(value - mean of the steps before) / deviation of the past.

    Every column forgets at the rate that forecast its past best.
    """
    line = timeline(past, now)
    values = roots(line.counts) - roots(season(line, line.past))
    half_lives = [max(line.steps_in(s), 1) for s in HALF_LIVES_S]
    rates = 1.0 - 0.5 ** (1.0 / np.array(half_lives))[:, None]  # [a, 1]
    residuals = _residuals(values, line.seen, rates)  # [a, t, c]
    error = np.abs(residuals[:, line.past]).mean(axis=1)  # [a, c]
    best = residuals[error.argmin(axis=0), :, np.arange(values.shape[1])].T  # [t, c]
    return line.by_pattern((best / median_deviation(best, line.past))[line.now :])


def _residuals(values: Floats, seen: Bools, rates: Floats) -> Floats:
    """Of every step from the mean of those before it, [a, t, c]."""
    found = np.zeros((len(rates), *values.shape))
    first = int(np.argmax(seen))
    mean = np.repeat(values[first : first + 1], len(rates), axis=0)  # [a, c]
    for t in np.flatnonzero(seen):
        residual = values[t] - mean
        found[:, t] = residual
        mean = mean + rates * np.clip(residual, -MOST, MOST)
    return found
