"""The seasonal forecaster learns a day, a weekend, a clock and an hour, as far as data says."""

import numpy as np
import pytest
from scipy.stats import nbinom

from informer.core.types import Floats, Forecast, Model, PatternGraph, Series
from informer.forecasts.seasonal import Seasonal

DAY = 144  # steps of 10 minutes
MONDAY_S = 1_780_272_000
SEASONAL = Seasonal()


def series_of(calls: Floats, step_s: int = 600) -> Series:
    if calls.ndim == 1:
        calls = calls[:, None]
    n = calls.shape[1]
    graph = PatternGraph(
        "p", tuple(f"r{i}" for i in range(n)), np.zeros((2, 0), np.int64), np.zeros(0)
    )
    return Series(
        graph, MONDAY_S * 10**9, step_s, calls.astype(np.float64), np.ones(len(calls), bool)
    )


def learn(series: Series, steps: int) -> tuple[Model, Forecast]:
    """Learned from the first steps; forecast of the rest."""
    model = SEASONAL.fit(series.slice(0, steps), seed=0)
    made = SEASONAL.forecast(model, series)
    return model, Forecast(made.expected[steps:], made.spread[steps:])


def day_rate(days: int) -> Floats:
    return np.exp(np.sin(2 * np.pi * np.arange(days * DAY) / DAY))


def test_a_day_is_learned() -> None:
    truth = 6.0 * day_rate(14)
    series = series_of(np.random.default_rng(0).poisson(truth))
    model, made = learn(series, 10 * DAY)
    assert model.settings["period_s"] == 86_400
    assert np.abs(made.expected[:, 0] / truth[10 * DAY :] - 1).mean() < 0.08


def test_a_quiet_weekend_is_learned() -> None:
    day = np.arange(21 * DAY) // DAY % 7
    truth = 20.0 * day_rate(21) * np.where(day >= 5, 0.4, 1.0)
    series = series_of(np.random.default_rng(1).poisson(truth))
    _, made = learn(series, 14 * DAY)
    weekend = day[14 * DAY :] >= 5
    ratio = made.expected[:, 0] / truth[14 * DAY :]
    assert ratio[weekend].mean() == pytest.approx(1.0, abs=0.08)
    assert ratio[~weekend].mean() == pytest.approx(1.0, abs=0.05)


def test_a_weekend_of_another_form_is_learned() -> None:
    t = np.arange(28 * DAY)
    weekend = t // DAY % 7 >= 5
    late = np.exp(np.sin(2 * np.pi * t / DAY + np.pi))
    truth = 20.0 * np.where(weekend, late, day_rate(28))
    series = series_of(np.random.default_rng(2).poisson(truth))
    _, made = learn(series, 21 * DAY)
    ratio = made.expected[:, 0] / truth[21 * DAY :]
    assert np.abs(ratio[weekend[21 * DAY :]] - 1).mean() < 0.15


def test_a_clock_is_learned_sharply() -> None:
    t = np.arange(8 * DAY)
    calls = np.where(t % 6 == 2, 2.0, 0.0)
    calls[t % DAY == 20] = 14.0
    _, made = learn(series_of(calls), 4 * DAY)
    expected, later = made.expected[:, 0], calls[4 * DAY :]
    assert expected[later == 14].min() > 13
    assert expected[later == 2] == pytest.approx(2.0, abs=0.15)
    assert np.median(expected[later == 0]) < 0.01


def test_few_calls_are_smoothed_and_do_not_mint_peaks() -> None:
    truth = 0.1 * day_rate(28)
    series = series_of(np.random.default_rng(3).poisson(truth))
    _, made = learn(series, 14 * DAY)
    assert made.expected.max() < 0.6
    assert made.expected.sum() == pytest.approx(series.calls[14 * DAY :].sum(), rel=0.3)


def test_an_hourly_cycle_is_found_in_half_a_day() -> None:
    t = np.arange(11 * 60)
    truth = 300.0 * np.exp(0.6 * np.sin(2 * np.pi * t / 60))
    series = series_of(np.random.default_rng(4).poisson(truth), step_s=60)
    model, made = learn(series, 7 * 60)
    assert model.settings["period_s"] == 3_600
    assert np.abs(made.expected[:, 0] / truth[7 * 60 :] - 1).mean() < 0.05


def test_an_hour_that_is_plain_to_see_is_found_in_two() -> None:
    t = np.arange(270)
    truth = 300.0 * np.exp(0.6 * np.sin(2 * np.pi * t / 60))
    series = series_of(np.random.default_rng(4).poisson(truth), step_s=60)
    model, made = learn(series, 125)
    assert model.settings["period_s"] == 3_600
    assert np.abs(made.expected[:, 0] / truth[125:] - 1).mean() < 0.05
    assert learn(series, 115)[0].settings["period_s"] == 60


@pytest.mark.parametrize("step_s", [60, 300])
def test_two_hours_of_a_level_that_wanders_have_no_hour(step_s: int) -> None:
    rng = np.random.default_rng(5)
    for _ in range(12):
        level = np.zeros(9_000 // step_s)
        for t in range(1, len(level)):
            level[t] = 0.93 ** (step_s / 60) * level[t - 1] + 0.1 * rng.normal()
        series = series_of(rng.poisson(100.0 * np.exp(level)[:, None] * np.ones(3)), step_s=step_s)
        assert SEASONAL.fit(series, seed=0).settings["period_s"] != 3_600


def test_a_period_that_is_on_no_clock_is_found() -> None:
    t = np.arange(1_200)
    truth = 80.0 * np.exp(0.8 * np.sin(2 * np.pi * t / 50))
    series = series_of(np.random.default_rng(5).poisson(truth), step_s=60)
    model, _ = learn(series, 900)
    assert model.settings["period_s"] == 50 * 60


def test_no_season_is_seen_where_there_is_none() -> None:
    series = series_of(np.random.default_rng(6).poisson(3.0, (10 * DAY, 2)))
    model, made = learn(series, 7 * DAY)
    assert model.settings["period_s"] == 600
    assert made.expected == pytest.approx(3.0, rel=0.1)


def hours_of_a_day(busiest: float, step_s: int, seed: int) -> tuple[Series, Floats]:
    """A day and a half from the morning on: seven times as busy at noon as at midnight."""
    t = np.arange(36 * 3_600 // step_s) * step_s / 86_400 + 6 / 24
    truth = busiest * np.exp(np.cos(2 * np.pi * (t - 0.5)) - 1)
    return series_of(np.random.default_rng(seed).poisson(truth), step_s=step_s), truth


@pytest.mark.parametrize("busiest", [1.0, 20.0, 500.0])
@pytest.mark.parametrize("hours", [1, 6])
def test_after_hours_of_learning_the_unknown_day_is_followed(hours: int, busiest: float) -> None:
    series, truth = hours_of_a_day(busiest, 60, seed=9)
    steps = hours * 60
    model = SEASONAL.fit(series.slice(0, steps), seed=0)
    made = SEASONAL.forecast(model, series)
    assert made.doubt is not None
    off = made.expected[steps:, 0] / truth[steps:] - 1
    assert np.abs(off).mean() < 0.3
    # What it says of its own error is about as large as the error.
    within = np.abs(off) < 2 * np.sqrt(made.doubt[steps:, 0])
    assert within.mean() > 0.85


def test_where_a_day_was_seen_nothing_is_doubted() -> None:
    series, _ = hours_of_a_day(20.0, 600, seed=10)
    long = series_of(np.tile(series.calls[:DAY], (7, 1)))
    assert SEASONAL.fit(long, seed=0).arrays["doubt"].max() == 0.0
    assert SEASONAL.fit(series.slice(0, 36), seed=0).arrays["doubt"].min() > 0.0


def test_growth_is_followed() -> None:
    truth = 20.0 * day_rate(21) * 1.05 ** (np.arange(21 * DAY) / DAY)
    _, made = learn(series_of(np.random.default_rng(7).poisson(truth)), 14 * DAY)
    assert (made.expected[:, 0] / truth[14 * DAY :]).mean() == pytest.approx(1.0, abs=0.12)


def test_a_burst_in_training_leaves_little() -> None:
    calls = np.random.default_rng(8).poisson(3.0 * day_rate(14)).astype(float)
    burst = calls.copy()
    burst[5 * DAY + 50 : 5 * DAY + 75] *= 8.0
    _, clean = learn(series_of(calls), 10 * DAY)
    _, after = learn(series_of(burst), 10 * DAY)
    assert after.expected.mean() == pytest.approx(clean.expected.mean(), rel=0.05)
    assert after.expected == pytest.approx(clean.expected, rel=0.5)
    assert after.spread.max() < 0.15


def test_poisson_counts_come_out_near_spread_zero_and_wild_ones_do_not() -> None:
    rng = np.random.default_rng(9)
    rate = 10.0 * day_rate(14)
    calm, wild = rng.poisson(rate), rng.poisson(rate * rng.gamma(4.0, 0.25, rate.shape))
    model, _ = learn(series_of(np.stack([calm, wild], axis=1)), 10 * DAY)
    assert model.arrays["spread"][0] < 0.02
    assert model.arrays["spread"][1] == pytest.approx(0.25, rel=0.3)


@pytest.mark.parametrize(("rate", "wild"), [(0.3, 0.0), (5.0, 0.0), (40.0, 0.1)])
def test_tails_keep_their_word_on_days_that_were_not_learned(rate: float, wild: float) -> None:
    rng = np.random.default_rng(10)
    truth = np.repeat(rate * day_rate(28)[:, None], 4, axis=1)
    factor = rng.gamma(1 / wild, wild, truth.shape) if wild else 1.0
    series = series_of(rng.poisson(truth * factor))
    _, made = learn(series, 14 * DAY)
    observed = series.calls[14 * DAY :]
    size = 1.0 / np.maximum(made.spread, 1e-9)
    p = nbinom.sf(observed - 1, size, size / (size + made.expected))
    assert (p <= 1e-2).mean() < 1.4e-2
    assert (p <= 1e-3).mean() < 2.2e-3
