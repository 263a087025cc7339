"""How surprising a count is: -log10 of a negative binomial tail."""

import numpy as np
from scipy import special

from informer.core.types import Floats

MOST_SURPRISING = 300.0  # beyond it, doubles run out of exponent


def log_tail(observed: Floats, mean: Floats, variance: Floats, *, high: bool) -> Floats:
    """-log10 P(at least this much), or P(at most this much) when not `high`; any shape.

    Counts are negative binomial with this mean and variance, Poisson where the variance is not
    above the mean. Sampled traffic gives counts that are no whole numbers: the tails are those of
    the continuous extensions (regularised incomplete beta and gamma functions), so nothing jumps.
    """
    mean = np.maximum(mean, 1e-9)
    excess = variance - mean
    poisson = excess <= 1e-6 * mean
    size = mean**2 / np.where(poisson, 1.0, excess)
    success = size / (size + mean)
    if high:
        negative_binomial = special.betainc(np.maximum(observed, 1e-12), size, 1 - success)
        exact = special.gammainc(np.maximum(observed, 1e-12), mean)
        tail = np.where(observed <= 0, 1.0, np.where(poisson, exact, negative_binomial))
    else:
        negative_binomial = special.betainc(size, observed + 1, success)
        tail = np.where(poisson, special.gammaincc(observed + 1, mean), negative_binomial)
    floor = 10.0**-MOST_SURPRISING
    return np.asarray(-np.log10(np.clip(tail, floor, 1.0)))
