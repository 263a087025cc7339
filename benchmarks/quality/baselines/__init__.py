"""Detectors that ours must beat: each learns from the past alone and scores every rpc of now."""

from typing import Protocol

from informer.core.types import Floats, PatternTraffic
from quality.baselines import (
    ewma,
    global_graph,
    gradient_boosting,
    gru,
    isolation_forest,
    moving_average,
    noise,
    pca,
    prometheus_bands,
    ridge,
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
    "isolation forest": isolation_forest.scores,
    "PCA": pca.scores,
    "ridge": ridge.scores,
    "gradient boosting": gradient_boosting.scores,
    "GRU without graph": gru.scores,
    "one global graph": global_graph.scores,
    "sixty lines": sixty_lines.scores,
}
TELL_NEWS = ("sixty lines",)  # detectors that tell rpcs never met; the others are published without
