"""Moving average and three sigma, of what is beyond the season.

Axes: t step, c column.
"""

import numpy as np

from informer.core.types import Floats, PatternTraffic
from quality.baselines.scale import CHANCE, roots
from quality.baselines.season import season
from quality.baselines.timeline import timeline
from quality.baselines.trailing import moments_before

WINDOWS_S = (3_600, 6 * 3_600, 24 * 3_600)


def scores(
    past: dict[str, PatternTraffic], now: dict[str, PatternTraffic], *, seed: int
) -> dict[str, Floats]:
    """(value - mean) / deviation over a window before the step; 3 is the rule of thumb.

    Every column has the window that forecast its past best.
    """
    line = timeline(past, now)
    values = roots(line.counts) - roots(season(line, line.past))
    best, least = np.zeros_like(values), np.full(values.shape[1], np.inf)
    for window_s in WINDOWS_S:
        mean, scatter, known = moments_before(values, line.seen, max(line.steps_in(window_s), 6))
        residual = (values - mean) * known[:, None]
        of = line.past & known
        error = np.mean(residual[of] ** 2, axis=0) if of.any() else least
        better = error < least
        best[:, better] = (residual / np.maximum(scatter, CHANCE))[:, better]
        least = np.minimum(least, error)
    return line.by_pattern(best[line.now :])
