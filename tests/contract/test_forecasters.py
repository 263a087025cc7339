"""What every forecaster owes. Add yours to FORECASTERS."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from informer.core.errors import InformerError
from informer.core.ports import Forecaster
from informer.core.types import Bools, Floats, Forecast, Model, PatternGraph, Series
from informer.forecasts.dcrnn import Dcrnn, DcrnnSettings
from informer.forecasts.diffusion_gru import DiffusionGru
from informer.forecasts.model import TooShortError
from informer.forecasts.seasonal import Seasonal
from informer.forecasts.store import load_model, save_model
from informer.forecasts.training import Schedule

SHORT = Schedule(batch=8, batches=8, epochs=3, patience=2, sampling_decay=60.0)
QUICK = DcrnnSettings(hidden=4, layers=1, past=4, horizon=2, schedule=SHORT)
FORECASTERS: list[Forecaster] = [Seasonal(), Dcrnn(QUICK), DiffusionGru()]
DAY = 48  # steps of 30 minutes
MONDAY_NS = 1_780_272_000 * 10**9

pytestmark = pytest.mark.parametrize("forecaster", FORECASTERS, ids=lambda f: f.name)


def series_of(calls: Floats, seen: Bools | None = None) -> Series:
    """A series on a chain of rpcs, each leading to the next."""
    n = calls.shape[1]
    graph = PatternGraph(
        "p",
        tuple(f"r{i}" for i in range(n)),
        np.stack([np.arange(n - 1), np.arange(1, n)]),
        np.ones(n - 1),
    )
    covered = np.ones(len(calls), bool) if seen is None else seen
    return Series(graph, MONDAY_NS, 1_800, calls.astype(np.float64), covered)


def daily(days: int, *, rate: float = 8.0, seed: int = 0) -> Series:
    """Three rpcs that follow the day."""
    phase = 2 * np.pi * np.arange(days * DAY) / DAY
    entry = np.random.default_rng(seed).poisson(rate * np.exp(np.sin(phase)))
    return series_of(np.stack([entry, entry, 2 * entry], axis=1))


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    """Every forecaster fitted on the same days."""
    return {f.name: f.fit(daily(6), seed=3) for f in FORECASTERS}


def same(a: Forecast, b: Forecast) -> bool:
    """Bit for bit."""
    return np.array_equal(a.expected, b.expected) and np.array_equal(a.spread, b.spread)


def test_every_cell_gets_a_positive_mean_and_a_spread(
    forecaster: Forecaster, models: dict[str, Model]
) -> None:
    for days in (2, 9):
        series = daily(days, seed=1)
        made = forecaster.forecast(models[forecaster.name], series)
        assert made.expected.shape == made.spread.shape == series.calls.shape
        assert made.expected.dtype == made.spread.dtype == np.float64
        assert np.isfinite(made.expected).all()
        assert (made.expected > 0).all()
        assert (made.spread >= 0).all()


def test_a_series_without_steps_gives_a_forecast_without_steps(
    forecaster: Forecaster, models: dict[str, Model]
) -> None:
    assert forecaster.forecast(models[forecaster.name], daily(1).slice(0, 0)).expected.shape == (
        0,
        3,
    )


def test_forecasts_are_near_what_comes(forecaster: Forecaster, models: dict[str, Model]) -> None:
    series = daily(8, seed=2)
    expected = forecaster.forecast(models[forecaster.name], series).expected
    off = np.abs(series.calls - expected).mean()
    assert off < 0.7 * np.abs(series.calls - series.calls.mean(axis=0)).mean()


def test_a_step_changes_no_forecast_up_to_itself(
    forecaster: Forecaster, models: dict[str, Model]
) -> None:
    series = daily(7, seed=1)
    t = 6 * DAY + 7
    changed = series.calls.copy()
    changed[t:] += 40.0
    before = forecaster.forecast(models[forecaster.name], series)
    after = forecaster.forecast(models[forecaster.name], replace(series, calls=changed))
    assert np.array_equal(before.expected[: t + 1], after.expected[: t + 1])


def test_forecasts_do_not_depend_on_where_the_series_ends(
    forecaster: Forecaster, models: dict[str, Model]
) -> None:
    series = daily(7, seed=1)
    whole = forecaster.forecast(models[forecaster.name], series)
    part = forecaster.forecast(models[forecaster.name], series.slice(0, 300))
    assert np.array_equal(whole.expected[:300], part.expected)


def test_what_was_not_seen_does_not_matter(forecaster: Forecaster) -> None:
    series = daily(6)
    seen = np.ones(series.steps, bool)
    seen[70:100] = False
    seen[-3:] = False
    zeros = series.calls.copy()
    zeros[~seen] = 0.0
    junk = series.calls.copy()
    junk[~seen] = 12_345.0
    of_zeros, of_junk = (
        forecaster.forecast(forecaster.fit(s, seed=0), s)
        for s in (replace(series, calls=c, seen=seen) for c in (zeros, junk))
    )
    assert same(of_zeros, of_junk)
    # A gap is no silence: the forecast does not fall towards zero in it.
    assert of_zeros.expected[70:100].mean() > 0.5 * of_zeros.expected.mean()


def test_a_saved_model_gives_the_same_numbers(
    forecaster: Forecaster, models: dict[str, Model], tmp_path: Path
) -> None:
    model, series = models[forecaster.name], daily(7, seed=1)
    loaded = load_model(tmp_path, save_model(model, tmp_path))
    assert loaded.forecaster == forecaster.name
    assert loaded.settings == model.settings
    assert same(forecaster.forecast(model, series), forecaster.forecast(loaded, series))


def test_the_same_seed_gives_the_same_model(
    forecaster: Forecaster, models: dict[str, Model]
) -> None:
    again = forecaster.fit(daily(6), seed=3)
    for name, array in models[forecaster.name].arrays.items():
        assert np.array_equal(array, again.arrays[name]), name


def test_two_steps_are_enough_or_too_few_in_words(forecaster: Forecaster) -> None:
    series = daily(1).slice(0, 2)
    too_few = {
        "dcrnn": r"dcrnn needs 64 windows .* got 0",
        "diffusion_gru": "diffusion_gru needs 64 seen steps, got 2",
    }
    if forecaster.name in too_few:
        with pytest.raises(TooShortError, match=too_few[forecaster.name]):
            forecaster.fit(series, seed=0)
        return
    expected = forecaster.forecast(forecaster.fit(series, seed=0), series).expected
    assert np.allclose(expected, series.calls.mean(axis=0), rtol=0.5)


def test_an_rpc_that_is_never_called_stays_near_zero(forecaster: Forecaster) -> None:
    calls = daily(6).calls
    calls[:, 1] = 0.0
    made = forecaster.forecast(forecaster.fit(series_of(calls), seed=0), series_of(calls))
    assert np.isfinite(made.spread).all()
    assert (made.expected[:, 1] > 0).all()
    assert made.expected[DAY:, 1].max() < 0.05


def test_a_pattern_without_any_call_is_forecast(forecaster: Forecaster) -> None:
    series = series_of(np.zeros((6 * DAY, 2)))
    made = forecaster.forecast(forecaster.fit(series, seed=0), series)
    assert (made.expected > 0).all()
    assert made.expected.max() < 0.05


@pytest.mark.parametrize("level", [7.0, 1e6])
def test_a_constant_series_is_forecast_as_that_constant(
    forecaster: Forecaster, level: float
) -> None:
    series = series_of(np.full((6 * DAY, 2), level))
    made = forecaster.forecast(forecaster.fit(series, seed=0), series)
    assert made.expected[DAY:] == pytest.approx(level, rel=0.1)
    assert made.spread.max() < 0.05


def test_an_attack_of_hours_does_not_become_the_expectation(
    forecaster: Forecaster, models: dict[str, Model]
) -> None:
    series = daily(7, seed=1)
    attacked = series.calls.copy()
    attacked[6 * DAY + 12 : 6 * DAY + 18] *= 20.0
    usual = forecaster.forecast(models[forecaster.name], series).expected
    made = forecaster.forecast(models[forecaster.name], replace(series, calls=attacked)).expected
    during = slice(6 * DAY + 13, 6 * DAY + 19)
    assert (made[during] < 3.0 * usual[during]).all()
    assert (made[during] < 0.25 * attacked[6 * DAY + 12 : 6 * DAY + 18]).all()


def test_a_series_may_lie_before_the_training_range(
    forecaster: Forecaster, models: dict[str, Model]
) -> None:
    early = replace(daily(3), start_ns=MONDAY_NS - 21 * 86_400 * 10**9)
    assert (forecaster.forecast(models[forecaster.name], early).expected > 0).all()


def test_a_model_refuses_other_rpcs_and_another_step(
    forecaster: Forecaster, models: dict[str, Model]
) -> None:
    model = models[forecaster.name]
    with pytest.raises(InformerError, match="rpcs its model learned"):
        forecaster.forecast(model, series_of(np.ones((10, 2))))
    with pytest.raises(InformerError, match="step_s its model learned, 1800, got 60"):
        forecaster.forecast(model, replace(daily(1), step_s=60))


def test_a_leap_that_is_known_bends_neither_the_day_nor_the_spread(forecaster: Forecaster) -> None:
    before, after, since = daily(8, rate=12.0), daily(8, rate=36.0, seed=1), 7 * DAY
    early = np.arange(8 * DAY)[:, None] < since
    leapt = replace(
        after,
        calls=np.where(early, before.calls, after.calls),
        level=np.where(early, 1 / 3, 1.0) * np.ones(3),
    )
    today = after.slice(since, 8 * DAY)
    truth = 36.0 * np.exp(np.sin(2 * np.pi * np.arange(DAY) / DAY))
    models = [forecaster.fit(series, seed=3) for series in (leapt, after)]
    off = [
        np.abs(forecaster.forecast(model, today).expected[:, 0] / truth - 1).mean()
        for model in models
    ]
    assert off[0] < 1.2 * off[1] + 0.1
    told, usual = (model.arrays["spread"][0] for model in models)
    assert told < max(2 * usual, 0.02)


def test_every_step_is_forecast_at_its_own_known_level(
    forecaster: Forecaster, models: dict[str, Model]
) -> None:
    series = daily(6)
    level = np.where(np.arange(6 * DAY)[:, None] < 3 * DAY, 0.5, 1.0) * np.ones(3)
    halved = replace(series, calls=series.calls * level, level=level)
    made = forecaster.forecast(models[forecaster.name], halved)
    as_now = forecaster.forecast(models[forecaster.name], series)
    assert np.allclose(made.expected, as_now.expected * level, rtol=0.05)


def test_an_rpc_that_there_was_not_before_is_expected_as_it_is_now(forecaster: Forecaster) -> None:
    series, since = daily(8, rate=12.0), 7 * DAY
    calls, level = series.calls.copy(), np.ones_like(series.calls)
    calls[:since, 2], level[:since, 2] = 0.0, 1e-6
    model = forecaster.fit(replace(series, calls=calls, level=level), seed=3)
    made = forecaster.forecast(model, replace(series.slice(since, 8 * DAY), calls=calls[since:]))
    assert made.expected[:, 2].mean() == pytest.approx(series.calls[since:, 2].mean(), rel=0.35)
    assert np.isfinite(made.spread).all()
