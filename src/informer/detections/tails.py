"""How surprising a sum is: -log10 of a negative binomial tail for counts, of a normal one else."""

import numpy as np
from scipy import special

from informer.core.types import Bools, Floats

MOST_SURPRISING = 300.0  # beyond it, doubles run out of exponent
# Standard deviations within which nothing is surprising: there the normal tail is near enough, and
# a tenth of the work.
ORDINARY = 1.5


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


def surprise(
    observed: Floats, mean: Floats, variance: Floats, two_sided: Bools, counted: Bools
) -> tuple[Floats, Bools]:
    """-log10 of the likelier irregular tail, and whether it is the high one; any shape.

    Exact (`log_tail`) where a count lies beyond `ORDINARY`, by the normal tail where it does not
    and where no count is (not `counted`). Where not `two_sided`, too little surprises nobody.
    """
    away = (observed - mean) / np.sqrt(np.maximum(variance, 1e-9))
    high = (away >= 0) | ~two_sided
    score = special.log_ndtr(np.where(high, -away, away)) / -np.log(10)
    for side in (True, False):
        exact = counted & (high == side) & ((away > ORDINARY) if side else (away < -ORDINARY))
        score[exact] = log_tail(observed[exact], mean[exact], variance[exact], high=side)
    return np.minimum(score, MOST_SURPRISING), high
