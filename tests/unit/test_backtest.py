"""A network runs only where it is worth it, and the reason is said."""

import numpy as np
import pytest

from informer.core.types import Floats, PatternGraph, Series
from informer.forecasts.backtest import backtest, fit_best
from informer.forecasts.dcrnn import Dcrnn, DcrnnSettings
from informer.forecasts.seasonal import Seasonal
from informer.forecasts.training import Schedule

MONDAY_NS = 1_780_272_000 * 10**9
SHORT = Schedule(batch=32, batches=16, epochs=12, falls=(8,), sampling_decay=60.0)
QUICK = Dcrnn(DcrnnSettings(hidden=8, layers=1, past=4, horizon=2, schedule=SHORT))


def series_of(calls: Floats) -> Series:
    n = calls.shape[1]
    graph = PatternGraph(
        "p",
        tuple(f"r{i}" for i in range(n)),
        np.stack([np.arange(n - 1), np.arange(1, n)]),
        np.ones(n - 1),
    )
    return Series(graph, MONDAY_NS, 1_800, calls.astype(float), np.ones(len(calls), bool))


def lagging(steps: int = 900) -> Series:
    """Bursts by no clock at the entry; every rpc answers its caller a step later."""
    rng = np.random.default_rng(0)
    level = np.zeros(steps)
    for t in range(1, steps):
        level[t] = 0.8 * level[t - 1] + 0.5 * rng.normal()
    calls = np.zeros((steps, 3))
    calls[:, 0] = rng.poisson(20 * np.exp(level))
    for i in (1, 2):
        calls[1:, i] = rng.poisson(calls[:-1, i - 1])
    return series_of(calls)


def by_the_clock(rate: float) -> Series:
    phase = 2 * np.pi * np.arange(14 * 48) / 48
    entry = np.random.default_rng(1).poisson(rate * np.exp(np.sin(phase)))
    return series_of(np.stack([entry, entry], axis=1))


def test_the_network_wins_where_calls_follow_from_calls() -> None:
    found = backtest(lagging(), [Seasonal(), QUICK], seed=0)
    assert found.chosen == "dcrnn"
    assert found.scores["dcrnn"].crps < 0.8 * found.scores["seasonal"].crps
    assert "better by more than 2 standard errors" in found.reason


def test_the_clock_wins_where_calls_follow_the_clock() -> None:
    found = backtest(by_the_clock(6.0), [Seasonal(), QUICK], seed=0)
    assert found.chosen == "seasonal"
    assert set(found.scores) == {"seasonal", "dcrnn"}
    assert found.reason.startswith("seasonal: CRPS of dcrnn ")
    assert "not better by 2 standard errors" in found.reason


def test_forecasts_of_the_last_steps_come_along_and_did_not_know_them() -> None:
    series = by_the_clock(6.0)
    found = backtest(series, [Seasonal()], seed=0)
    assert found.first == int(0.6 * series.steps)
    assert found.forecast is not None
    assert found.forecast.expected.shape == (series.steps - found.first, 2)
    later = series.calls.copy()
    later[-50:] += 30
    changed = backtest(
        Series(series.graph, series.start_ns, series.step_s, later, series.seen),
        [Seasonal()],
        seed=0,
    )
    assert changed.forecast is not None
    assert np.array_equal(changed.forecast.expected[:-49], found.forecast.expected[:-49])


def test_a_quiet_pattern_gets_no_network_on_purpose() -> None:
    model, found = fit_best(by_the_clock(0.2), seed=0)
    assert model.forecaster == found.chosen == "seasonal"
    assert set(found.scores) == {"seasonal"}
    assert "calls a step are too few to train a network on" in found.reason


def test_a_series_too_short_for_a_backtest_is_fitted_all_the_same() -> None:
    model, found = fit_best(by_the_clock(6.0).slice(0, 20), seed=0)
    assert model.forecaster == "seasonal"
    assert found.first is None
    assert found.forecast is None
    assert found.reason == "seasonal: 20 steps are too few to compare forecasters"


def test_a_network_that_cannot_be_trained_says_so_in_the_reason() -> None:
    found = backtest(by_the_clock(6.0).slice(0, 60), [Seasonal(), QUICK], seed=0)
    assert found.chosen == "seasonal"
    assert "dcrnn needs 64 windows of 4 + 2 seen steps" in found.reason


def test_steps_that_were_not_seen_are_not_scored() -> None:
    series = by_the_clock(6.0)
    seen = np.ones(series.steps, bool)
    seen[-100:-60] = False
    junk = series.calls.copy()
    junk[~seen] = 9_999.0
    clean = series.calls.copy()
    clean[~seen] = 0.0
    scores = [
        backtest(
            Series(series.graph, series.start_ns, series.step_s, calls, seen), [Seasonal()], seed=0
        ).scores
        for calls in (junk, clean)
    ]
    assert scores[0] == scores[1]


def test_a_tail_that_was_not_seen_is_not_what_is_held_out() -> None:
    series = by_the_clock(6.0)
    whole = backtest(series.slice(0, 300), [Seasonal()], seed=0)
    seen = np.arange(series.steps) < 300
    series = Series(
        series.graph, series.start_ns, series.step_s, series.calls * seen[:, None], seen
    )
    found = backtest(series, [Seasonal()], seed=0)
    assert found.first == whole.first == 180
    assert found.forecast is not None
    assert len(found.forecast.expected) == series.steps - 180
    assert found.scores["seasonal"].crps < 1.5 * whole.scores["seasonal"].crps


def test_the_json_holds_scores_and_reason() -> None:
    document = backtest(by_the_clock(6.0), [Seasonal()], seed=0).to_json()
    assert document["chosen"] == "seasonal"
    assert document["reason"] == "seasonal: no other forecaster was tried"
    assert document["scores"]["seasonal"]["crps"] == pytest.approx(1.4, abs=0.4)
