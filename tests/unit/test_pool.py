"""What patterns lend to one that has too little of its own."""

from dataclasses import replace

import numpy as np
import pytest

from informer.core.types import Floats, Forecast, PatternGraph, Series
from informer.forecasts.fit import fit_all, pools_for
from informer.forecasts.pool import Pool, pool_of
from informer.forecasts.seasonal import Seasonal

DAY = 144  # steps of 10 minutes
HOUR = 6
MONDAY_NS = 1_780_272_000 * 10**9
CLOCK = np.arange(28 * DAY)
NOON = 1.0 - 0.8 * np.cos(2 * np.pi * CLOCK / DAY)  # busy at 12
NIGHT = 1.0 + 0.8 * np.cos(2 * np.pi * CLOCK / DAY)  # busy at 0
OFFICE = NOON * np.where(CLOCK // DAY % 7 >= 5, 0.3, 1.0)


def series_of(pattern_id: str, rate: Floats, *, seed: int, first: int = 0) -> Series:
    """Poisson calls at the rate, from step `first` after Monday."""
    calls = np.random.default_rng(seed).poisson(rate).astype(float)[:, None]
    graph = PatternGraph(pattern_id, ("in",), np.zeros((2, 0), np.int64), np.zeros(0))
    start_ns = MONDAY_NS + first * 600 * 10**9
    return Series(graph, start_ns, 600, calls, np.ones(len(calls), bool))


def lenders(*shapes: Floats, days: int = 7) -> list[Series]:
    """Three patterns of each shape, of different sizes."""
    return [
        series_of(f"{kind}-{k}", shape[: days * DAY] * size, seed=10 * kind + k)
        for kind, shape in enumerate(shapes)
        for k, size in enumerate((4.0, 9.0, 20.0))
    ]


def pool(*shapes: Floats, days: int = 7) -> Pool:
    found = pool_of(lenders(*shapes, days=days))
    assert found is not None
    return found


def forecast_after(
    rate: Floats, first: int, last: int, given: Pool | None, *, ahead: int = DAY
) -> Forecast:
    """Learned from steps first..last-1, of the steps after them."""
    series = series_of("young", rate[first : last + ahead], seed=5, first=first)
    model = Seasonal(given).fit(series.slice(0, last - first), seed=0)
    # The day to come is forecast from what was known at its beginning.
    blind = replace(series, seen=np.arange(series.steps) < last - first)
    return Seasonal().forecast(model, blind).slice(last - first)


def off(made: Forecast, rate: Floats, first: int) -> float:
    """Mean relative error of a day's expectation."""
    truth = rate[first : first + len(made.expected)]
    return float(np.abs(made.expected[:, 0] - truth).sum() / truth.sum())


def test_a_pattern_seen_for_an_hour_expects_the_night_that_all_others_have() -> None:
    rate, begin = 6.0 * NOON, 2 * DAY + 12 * HOUR
    leaning = forecast_after(rate, begin - HOUR, begin, pool(NOON))
    alone = forecast_after(rate, begin - HOUR, begin, None)
    assert off(leaning, rate, begin) < 0.35
    assert off(alone, rate, begin) > 2 * off(leaning, rate, begin)


def test_what_it_did_itself_says_which_kind_of_day_it_has() -> None:
    both = pool(NOON, NIGHT)
    for rate in (6.0 * NOON, 6.0 * NIGHT):
        begin = 2 * DAY + 12 * HOUR
        made = forecast_after(rate, begin - 9 * HOUR, begin, both)
        assert off(made, rate, begin) < 0.25


def test_it_is_unsure_of_the_hours_in_which_others_differ() -> None:
    begin = 2 * DAY + 6 * HOUR  # where both kinds of day are alike
    made = forecast_after(6.0 * NOON, begin - HOUR, begin, pool(NOON, NIGHT))
    assert made.doubt is not None
    here, noon = made.doubt[0, 0], made.doubt[6 * HOUR, 0]
    assert noon > 4 * here
    assert (made.spread >= made.doubt).all()


def test_few_calls_leave_more_doubt_than_many() -> None:
    begin = 2 * DAY + 12 * HOUR
    few, many = (
        forecast_after(size * NOON, begin - HOUR, begin, pool(NOON)).spread[0, 0]
        for size in (1.0, 40.0)
    )
    assert few > 2 * many


def test_a_weekend_never_met_is_that_of_others() -> None:
    rate, begin = 6.0 * OFFICE, 5 * DAY
    leaning = forecast_after(rate, begin - 3 * DAY, begin, pool(OFFICE))
    alone = forecast_after(rate, begin - 3 * DAY, begin, None)
    assert off(leaning, rate, begin) < 0.3
    assert off(alone, rate, begin) > 1.0


def test_a_form_of_its_own_is_not_bent_to_that_of_others() -> None:
    rate, begin = 30.0 * NIGHT, 10 * DAY
    leaning = forecast_after(rate, 0, begin, pool(NOON))
    alone = forecast_after(rate, 0, begin, None)
    assert off(leaning, rate, begin) < off(alone, rate, begin) + 0.01


def test_few_calls_a_day_gain_from_those_of_others() -> None:
    rate, begin = 0.15 * NOON, 7 * DAY
    leaning = forecast_after(rate, 0, begin, pool(NOON))
    alone = forecast_after(rate, 0, begin, None)
    assert off(leaning, rate, begin) < 0.8 * off(alone, rate, begin)


def test_a_job_by_the_clock_neither_lends_nor_borrows() -> None:
    job = np.where(CLOCK % DAY == 20, 40.0, 0.0)
    clock = series_of("job", job[: 7 * DAY], seed=0)
    with_job = pool_of([*lenders(NOON), clock])
    assert with_job is not None
    assert "job" not in with_job.pattern_ids
    made = forecast_after(job, 0, 5 * DAY, pool(OFFICE))
    assert made.expected[20, 0] == pytest.approx(40.0, rel=0.15)
    assert np.median(made.expected) < 0.05


def test_nobody_leans_on_himself_and_too_few_lend_nothing() -> None:
    three = lenders(NOON)
    found = pool_of(three)
    assert found is not None
    others = found.without("0-1")
    assert others is not None
    assert set(others.pattern_ids) == {"", "0-0", "0-2"}
    assert pool_of(three[:2]) is None
    assert pool_of([s.slice(0, DAY) for s in three]) is None


def test_alike_patterns_count_for_more_than_unlike_ones() -> None:
    phases = [1.0 + 0.8 * np.cos(2 * np.pi * (CLOCK / DAY + k / 6)) for k in range(6)]
    unlike = pool_of([series_of(str(k), 9.0 * p[: 7 * DAY], seed=k) for k, p in enumerate(phases)])
    assert unlike is not None
    assert pool(NOON).alike > 5 * unlike.alike


def test_a_pool_read_back_gives_the_same_model() -> None:
    given = pool(NOON)
    again = Pool.from_json(given.to_json())
    assert again is not None
    assert Pool.from_json({}) is None
    begin = 2 * DAY + 12 * HOUR
    made, same = (forecast_after(6.0 * NOON, begin - HOUR, begin, p) for p in (given, again))
    assert np.allclose(made.expected, same.expected, rtol=1e-3)


def test_a_pool_of_another_step_is_no_help() -> None:
    given = replace(pool(NOON), step_s=300)
    begin = 2 * DAY + 12 * HOUR
    made, alone = (forecast_after(6.0 * NOON, begin - HOUR, begin, p) for p in (given, None))
    assert np.array_equal(made.expected, alone.expected)


def test_steps_that_a_backtest_held_out_lend_nothing_to_it() -> None:
    usual = lenders(NOON, days=10)
    changed = [
        replace(s, calls=np.where(np.arange(s.steps)[:, None] < 6 * DAY, s.calls, 1.0))
        for s in usual
    ]
    one, other = pools_for(usual), pools_for(changed)
    assert one.backtests is not None
    assert other.backtests is not None
    assert np.array_equal(one.backtests.shapes, other.backtests.shapes)


def test_patterns_that_lend_to_each_other_are_the_same_from_any_number_of_processes() -> None:
    series = [*lenders(NOON), series_of("young", 6.0 * NOON[: 2 * HOUR], seed=5)]
    pools = pools_for(series)
    one, two = (fit_all(series, critical=(), seed=0, processes=n, pools=pools) for n in (1, 2))
    for pattern_id, fitted in one.items():
        for name, array in fitted.model.arrays.items():
            assert np.array_equal(array, two[pattern_id].model.arrays[name]), (pattern_id, name)
    assert one["young"].model.settings["period_s"] == 86_400
    assert one["young"].backtest.first is None


def test_what_came_before_the_first_seen_step_does_not_count() -> None:
    late = series_of("late", 6.0 * NOON[: 7 * DAY], seed=5)
    seen = np.arange(late.steps) >= 6 * DAY
    late = replace(late, calls=late.calls * seen[:, None], seen=seen)
    fitted = fit_all([late], critical=(), seed=0)["late"]
    assert fitted.model.settings["days"] == 1.0
    assert fitted.backtest.first == 6 * DAY + int(0.6 * DAY)
