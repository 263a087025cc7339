"""What is over is over: a long window that still holds an attack keeps no alarm up."""

import numpy as np

from informer.detections.scan import LATELY, WINDOWS, Scan
from pattern_traffic import stream_of, watched_of

RATES = {"a": 30.0, "b": 30.0, "c": 30.0, "d": 12.0}
STEPS, FIRST, LAST = 400, 200, 240


def test_scores_fall_soon_after_an_attack_and_not_during_it() -> None:
    rng = np.random.default_rng(2)
    calls = {p: rng.poisson(rate, STEPS).astype(float) for p, rate in RATES.items()}
    calls["d"][FIRST:LAST] = rng.poisson(2 * RATES["d"], LAST - FIRST)
    watched = watched_of(calls, RATES)
    scan = Scan(
        watched, np.ones((len(watched.streams), len(WINDOWS))), np.full(len(WINDOWS), 5000.0)
    )
    score = scan.score_all().score[:, stream_of(watched, "calls", "d")]
    assert score[FIRST + 12 : LAST].min() > 6
    soon = LAST + (LAST - FIRST) // LATELY + 6
    assert score[soon:].max() < score[LAST - 1] / 3  # only far longer windows still hold it


def test_cells_alone_are_scored_as_in_the_whole() -> None:
    rng = np.random.default_rng(3)
    calls = {p: rng.poisson(rate, STEPS).astype(float) for p, rate in RATES.items()}
    calls["a"][FIRST:LAST] *= 2
    watched = watched_of(calls, RATES)
    scan = Scan(
        watched, np.ones((len(watched.streams), len(WINDOWS))), np.full(len(WINDOWS), 5000.0)
    )
    stream = stream_of(watched, "calls", "a")
    steps = np.arange(STEPS, dtype=np.int64)
    alone = scan.score(steps, np.full(STEPS, stream), np.zeros_like(steps))
    np.testing.assert_allclose(alone.score, scan.score_all().score[:, stream], rtol=1e-6)
