"""How surprising so many calls are where so many were expected.

Counts are negative binomial around what is expected: variance = expected + spread * expected ** 2,
so that a busy rpc may swing further than a quiet one. The spread is fitted on residuals that
nothing else was fitted on.

Axes: t step, c column.
"""

import numpy as np
from scipy.special import betainc, gammainc

from informer.core.types import Floats

LARGEST_SQUARE = 25.0  # of a standardised residual: what is irregular must not widen the tail
LEAST_SPREAD = 1e-6  # below, a count is Poisson
NOTABLE = 1.0  # deviations above the expectation; below, nothing is surprising
MOST = 300.0  # -log10 p; smaller probabilities are not told apart
ROUNDS = 8


def spread_of(observed: Floats, expected: Floats) -> Floats:
    """The spread with which squared standardised residuals are 1 on average; [c]."""
    spread = np.zeros(observed.shape[1])
    if len(observed) == 0:
        return spread
    weight = np.maximum((expected**2).sum(axis=0), 1e-9)
    for _ in range(ROUNDS):
        variance = expected + spread * expected**2
        most = LARGEST_SQUARE * np.maximum(variance, 1e-9)
        square = np.minimum((observed - expected) ** 2, most)
        spread = np.maximum((square - expected).sum(axis=0) / weight, 0.0)
    return spread


def surprise(observed: Floats, expected: Floats, spread: Floats) -> Floats:
    """-log10 P(at least this many), 0 where it is no more than usual; [t, c].

    `spread` is [c], or [t, c].
    """
    expected = np.maximum(expected, 1e-6)
    spread = np.broadcast_to(spread, expected.shape)
    notable = observed > expected + NOTABLE * np.sqrt(expected + spread * expected**2)
    k, mean, width = observed[notable], expected[notable], spread[notable]
    chance = np.empty_like(k)
    wide = width >= LEAST_SPREAD
    share = width[wide] * mean[wide] / (1.0 + width[wide] * mean[wide])
    chance[wide] = betainc(k[wide], 1.0 / width[wide], share)
    chance[~wide] = gammainc(k[~wide], mean[~wide])
    scores = np.zeros_like(expected)
    scores[notable] = -np.log10(np.maximum(chance, 10.0**-MOST))
    return scores
