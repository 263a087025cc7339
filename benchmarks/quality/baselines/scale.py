"""The scale on which counts are compared: square roots, where a Poisson count has variance 1.

Anscombe 1948, "The transformation of Poisson, binomial and negative-binomial data". A residual
there is divided by the scatter of residuals of the past, which is at least what chance alone does
(1): a quiet rpc whose past has no scatter must not turn one call into an alarm. Only too many
calls score: silence is no abuse.

Axes: t step, c column.
"""

import numpy as np

from informer.core.types import Bools, Floats

CHANCE = 1.0  # standard deviation of the root of a Poisson count
NORMAL = 1.4826  # median absolute deviation times this is a standard deviation


def roots(counts: Floats) -> Floats:
    """Anscombe's transformation, [t, c] in and out."""
    return np.asarray(2.0 * np.sqrt(counts + 0.375))


def deviation(residuals: Floats, of: Bools, *, chance: float = CHANCE) -> Floats:
    """Standard deviation around 0 of the steps `of` [t], at least that of chance; [c]."""
    kept = residuals[of]
    if len(kept) == 0:
        return np.full(residuals.shape[1], chance)
    return np.asarray(np.maximum(np.sqrt(np.mean(kept**2, axis=0)), chance))


def median_deviation(residuals: Floats, of: Bools) -> Floats:
    """The same from the median absolute deviation, which outliers do not move; [c]."""
    kept = residuals[of]
    if len(kept) == 0:
        return np.full(residuals.shape[1], CHANCE)
    return np.maximum(NORMAL * np.median(np.abs(kept), axis=0), CHANCE)
