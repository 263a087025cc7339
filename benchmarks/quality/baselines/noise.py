"""Random scores: what a detector must beat that knows nothing."""

import numpy as np

from informer.core.types import Floats, PatternTraffic


def scores(
    past: dict[str, PatternTraffic], now: dict[str, PatternTraffic], *, seed: int
) -> dict[str, Floats]:
    """Uniform between 0 and 1; 0 where nothing was seen."""
    rng = np.random.default_rng(seed)
    return {
        p: rng.random(now[p].series.calls.shape) * now[p].series.seen[:, None] for p in sorted(now)
    }
