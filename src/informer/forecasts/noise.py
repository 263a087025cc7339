"""How far counts scatter around a forecast: a part that grows with the rate, and one that does not.

variance = m + batch * m + spread * m ** 2 for an expected m. Calls that come several at a time
(`batch`) scatter as much relative to the rate by night as a wild rate does, and less by day.
"""

from dataclasses import dataclass

import numpy as np

from informer.core.types import Bools, Floats
from informer.forecasts.counts import (
    POOLED_STEPS,
    PRIOR_SPREAD,
    PRIOR_STEPS,
    likely_sizes,
    within_reach,
)

SPREADS = np.concatenate(([0.0], np.geomspace(1e-5, 10.0, 25)))
BATCHES = np.array([0.0, 0.2, 0.5, 1.0, 2.0, 4.0])
BATCH_COSTS = 2.0  # nats by which calls in batches must be likelier
MOST_STEPS = 1_024
LEAST_SPREAD = 1e-7  # below, the digits of a negative binomial are lost and Poisson does as well


@dataclass(frozen=True, slots=True)
class Noise:
    """Of every rpc, [n] each."""

    spread: Floats
    batch: Floats

    def spread_at(self, expected: Floats) -> Floats:
        """The spread of a negative binomial around each expectation, [t, n]."""
        return np.asarray(self.spread + self.batch / expected, np.float64)

    def deviation(self, expected: Floats) -> Floats:
        """The standard deviation around each expectation, in calls, [t, n]."""
        return np.asarray(np.sqrt(expected + self.spread_at(expected) * expected**2), np.float64)


def fit_noise(
    observed: Floats, expected: Floats, counts: Bools, batch: Floats | None = None
) -> Noise:
    """The likeliest noise of every rpc from honest forecasts [t, n]; `counts` [t] says which count.

    It leans on the other rpcs and on a weak prior, as `fit_spread` does. With `batch` given, [n],
    only the spread is fitted. Counts out of reach are drawn in once.
    """
    rows = np.flatnonzero(counts)
    if rows.size > MOST_STEPS:
        rows = rows[np.linspace(0, rows.size - 1, MOST_STEPS).astype(np.int64)]
    y, m = observed[rows], expected[rows]
    noise = _likeliest(y, m, batch)
    return _likeliest(within_reach(y, m, noise.spread_at(m)), m, batch)


def _likeliest(y: Floats, m: Floats, batch: Floats | None) -> Noise:
    offers = BATCHES[:, None] * np.ones(y.shape[1]) if batch is None else batch[None]  # [b, n]
    told = np.stack(
        [[likely_sizes(y, m, _size(s + b / m)) for s in SPREADS] for b in offers]
    )  # [b, s, n]
    pooled = told.mean(axis=2) * (POOLED_STEPS / max(len(y), POOLED_STEPS))
    prior = -PRIOR_STEPS * np.abs(np.sqrt(SPREADS) - np.sqrt(PRIOR_SPREAD))
    costs = BATCH_COSTS * (np.arange(len(offers)) > 0)
    leaning = pooled + prior - costs[:, None]  # [b, s]
    best = (told + leaning[..., None]).reshape(-1, y.shape[1]).argmax(axis=0)
    which, spread = np.divmod(best, len(SPREADS))
    return Noise(SPREADS[spread], offers[which, np.arange(y.shape[1])])


def _size(spread: Floats) -> Floats:
    return np.divide(1.0, spread, out=np.full_like(spread, np.inf), where=spread > LEAST_SPREAD)
