"""Detectors that ours must beat: each learns from the past alone and scores every rpc of now."""

from typing import Protocol

from informer.core.types import Floats, PatternTraffic
from quality.baselines import (
    ewma,
    moving_average,
    noise,
    prometheus_bands,
    seasonal_naive,
    sixty_lines,
)


class Baseline(Protocol):
    """Scores of every pattern of now, [t, n]; high = irregular.

    The score of a step may depend on the past and on the steps of now up to itself.
    """

    def __call__(
        self, past: dict[str, PatternTraffic], now: dict[str, PatternTraffic], *, seed: int
    ) -> dict[str, Floats]: ...


BASELINES: dict[str, Baseline] = {
    "random": noise.scores,
    "seasonal naive": seasonal_naive.scores,
    "EWMA and MAD": ewma.scores,
    "moving average and 3 sigma": moving_average.scores,
    "Prometheus bands": prometheus_bands.scores,
    "sixty lines": sixty_lines.scores,
}
