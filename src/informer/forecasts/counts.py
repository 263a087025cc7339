"""The negative binomial: likelihood, CRPS, how far a count may pull, and spread from residuals.

variance = expected + spread * expected ** 2 throughout; spread 0 is the Poisson distribution.
"""

import numpy as np
from scipy import special

from informer.core.types import Bools, Floats

REACH_SD = 4.0  # how far off a count may be and still teach in full
PRIOR_SPREAD = 0.05  # what a spread is taken to be where nothing tells it
PRIOR_STEPS = 4.0  # nats by which that prior falls per unit of deviation, sqrt(spread)
POOLED_STEPS = 60.0  # steps that the other rpcs of a pattern count for
SPREADS = np.concatenate(([0.0], np.geomspace(1e-5, 10.0, 49)))
SIZES = np.concatenate(([np.inf], 1.0 / SPREADS[1:]))
ROUGH = 4  # every so many of them are tried first
REFITS = 2  # after drawing in what is out of reach
MOST_STEPS = 4_096  # that a spread is learned from
ROUGH_STEPS = 1_024  # enough to know what is out of reach
FEWEST_SPREAD = 1e-4  # below, the closed form of CRPS loses its digits and Poisson does as well
LARGE_MEAN = 2_000.0  # above, the gamma distribution does as well


def log_likelihood(observed: Floats, expected: Floats, spread: Floats) -> Floats:
    """Log probability of every count, broadcast; a non-integer (weighted) count is allowed."""
    size = 1.0 / np.maximum(spread, 1e-9)
    with_spread = (
        special.gammaln(observed + size)
        - special.gammaln(size)
        - size * np.log1p(expected / size)
        + special.xlogy(observed, expected / (size + expected))
    )
    poisson = special.xlogy(observed, expected) - expected
    # Past 1e7 the difference of two log gammas is all rounding.
    value = np.where(size > 1e7, poisson, with_spread) - special.gammaln(observed + 1.0)
    return np.asarray(value, np.float64)


def crps(observed: Floats, expected: Floats, spread: Floats) -> Floats:
    """Continuous ranked probability score of every count, in calls; less is better.

    Closed forms as in Jordan, Krüger, Lerch 2019, "Evaluating Probabilistic Forecasts with
    scoringRules": Poisson, negative binomial, and the gamma of equal moments for large means.
    """
    y, m, a = np.broadcast_arrays(observed, expected, spread)
    score = np.empty(y.shape)
    large = m > LARGE_MEAN
    poisson = ~large & (a < FEWEST_SPREAD)
    rest = ~large & ~poisson
    score[large] = _crps_gamma(y[large], m[large], a[large])
    score[poisson] = _crps_poisson(y[poisson], m[poisson])
    score[rest] = _crps_negative_binomial(y[rest], m[rest], a[rest])
    return score


def within_reach(
    observed: Floats, expected: Floats, spread: Floats, reach_sd: float = REACH_SD
) -> Floats:
    """Counts as they may enter later forecasts: at most so many deviations off.

    A single call always counts in full: where one call in a hundred steps is expected, cutting
    it would teach the forecaster that there are none.
    """
    reach = reach_sd * np.sqrt(expected + spread * expected**2)
    # Once for every step of a level: `np.clip` would take as long as all the rest.
    return np.minimum(np.maximum(observed, expected - reach), expected + reach + 1.0)


def fit_spread(
    observed: Floats, expected: Floats, counts: Bools, most_steps: int = MOST_STEPS
) -> Floats:
    """The likeliest spread of every rpc, [n], from honest forecasts [t, n] of counts [t, n].

    `counts` [t] says which steps count. Each rpc leans on the pattern as a whole as though it
    had told `POOLED_STEPS` steps of it, and on a weak prior, so that two steps give no certainty.
    Counts out of reach are drawn in: one burst does not make a series a wild one.
    """
    rows = np.flatnonzero(counts)
    if rows.size > most_steps:
        rows = rows[np.linspace(0, rows.size - 1, most_steps).astype(np.int64)]
    y, m = observed[rows], expected[rows]
    spread = _likeliest_spread(y, m)
    for _ in range(REFITS):
        before, spread = spread, _likeliest_spread(within_reach(y, m, spread), m)
        if np.array_equal(before, spread):
            break
    return spread


def likely_sizes(observed: Floats, expected: Floats, size: Floats) -> Floats:
    """Log probability of counts [t, n] for sizes (1 / spread) [n] or [t, n], summed over steps.

    Only good to compare sizes: what no size changes is left out. Infinite = Poisson.
    """
    finite = np.isfinite(size)
    if not finite.any():
        return np.asarray(-expected.sum(axis=0), np.float64)
    s = np.where(finite, size, 1.0)
    each = special.gammaln(observed + s) - (observed + s) * np.log(s + expected)
    each += np.broadcast_to(s * np.log(s) - special.gammaln(s), each.shape)
    return np.asarray(np.where(finite, each, -expected).sum(axis=0), np.float64)


def _likeliest_spread(y: Floats, m: Floats) -> Floats:
    """First every fourth spread of the grid, then those between around the best, per rpc."""
    grid = np.arange(len(SPREADS))
    rough = grid[::ROUGH]
    told = np.stack([likely_sizes(y, m, SIZES[i]) for i in rough])  # [r, n]
    pooled = told.mean(axis=1) * (POOLED_STEPS / max(len(y), POOLED_STEPS))
    prior = -PRIOR_STEPS * np.abs(np.sqrt(SPREADS) - np.sqrt(PRIOR_SPREAD))
    leaning = np.interp(grid, rough, pooled) + prior  # [grid]
    start = rough[np.argmax(told + leaning[rough, None], axis=0)]  # [n]
    near = np.clip(start + np.arange(1 - ROUGH, ROUGH)[:, None], 0, len(grid) - 1)
    fine = np.stack([likely_sizes(y, m, SIZES[i]) for i in near]) + leaning[near]
    best = np.take_along_axis(near, np.argmax(fine, axis=0)[None], axis=0)[0]
    return np.asarray(SPREADS[best], np.float64)


def _crps_poisson(y: Floats, m: Floats) -> Floats:
    below = special.pdtr(np.floor(y), m)
    at = np.exp(special.xlogy(np.floor(y), m) - m - special.gammaln(np.floor(y) + 1.0))
    bessel = special.i0e(2.0 * m) + special.i1e(2.0 * m)
    return np.asarray((y - m) * (2.0 * below - 1.0) + 2.0 * m * at - m * bessel, np.float64)


def _crps_negative_binomial(y: Floats, m: Floats, a: Floats) -> Floats:
    size = 1.0 / a
    p = size / (size + m)
    z = -4.0 * (1.0 - p) / p**2
    # Pfaff's transformation keeps the argument in (0, 1).
    series = special.hyp2f1(1.0 - size, 0.5, 2.0, z / (z - 1.0)) / np.sqrt(1.0 - z)
    below = special.betainc(size, np.floor(y) + 1.0, p)
    before = np.where(y < 1.0, 0.0, special.betainc(size + 1.0, np.maximum(np.floor(y), 1.0), p))
    own = p * (2.0 * before - 1.0) + series
    return np.asarray(y * (2.0 * below - 1.0) - m / p * own, np.float64)


def _crps_gamma(y: Floats, m: Floats, a: Floats) -> Floats:
    shape = m / (1.0 + a * m)
    rate = shape / m
    below = special.gammainc(shape, rate * y)
    before = special.gammainc(shape + 1.0, rate * y)
    spacing = 1.0 / (rate * special.beta(0.5, shape))
    return np.asarray(y * (2.0 * below - 1.0) - m * (2.0 * before - 1.0) - spacing, np.float64)
