"""Bootstrap intervals: how far a figure would swing if other cases had been drawn."""

from collections.abc import Callable

import numpy as np

from informer.core.types import Floats

RESAMPLES = 1_000
COVERED = 0.95


def interval(
    redrawn: Callable[[np.random.Generator], Floats], *, seed: int, resamples: int = RESAMPLES
) -> tuple[Floats, Floats]:
    """Lower and upper end of the percentile interval of figures, [f] each (Efron 1979).

    `redrawn` draws the cases anew, with replacement, and gives the figures, [f]. A draw in which
    one is NaN, nothing to count, says nothing about it; where it is so in all, both ends are NaN.
    """
    rng = np.random.default_rng(seed)
    drawn = np.stack([redrawn(rng) for _ in range(resamples)])  # [resamples, f]
    ends = [_quantile(column, (1 - COVERED) / 2, (1 + COVERED) / 2) for column in drawn.T]
    low, high = np.array(ends).reshape(-1, 2).T
    return low, high


def _quantile(values: Floats, *at: float) -> Floats:
    """Drawn values at some shares of them, so that infinite ones need no arithmetic."""
    kept = values[~np.isnan(values)]
    if len(kept) == 0:
        return np.full(len(at), np.nan)
    return np.asarray(np.quantile(kept, at, method="nearest"))
