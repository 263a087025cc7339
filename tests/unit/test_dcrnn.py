"""The published network as it learns: what it knows of the calendar, and how many rpcs it takes."""

from dataclasses import replace

import numpy as np
import pytest

from informer.core.types import PatternGraph, Series
from informer.forecasts.dcrnn import Dcrnn, DcrnnSettings
from informer.forecasts.training import Schedule

DAY = 48  # steps of 30 minutes
HOUR_NS = 3_600 * 10**9
MONDAY_NS = 1_780_272_000 * 10**9
QUICK = DcrnnSettings(
    hidden=8, layers=1, past=4, horizon=2, schedule=Schedule(batch=16, batches=16, epochs=4)
)


def wandering(days: int, rpcs: int = 2) -> Series:
    """A day whose level wanders for hours; every day of the week is like every other."""
    rng = np.random.default_rng(0)
    steps = days * DAY
    level = np.zeros(steps)
    for t in range(1, steps):
        level[t] = 0.9 * level[t - 1] + 0.12 * rng.normal()
    day = 0.5 * np.sin(2 * np.pi * np.arange(steps) / DAY)
    calls = rng.poisson(40.0 * np.exp(day + level)[:, None] * np.ones(rpcs)).astype(float)
    line = np.arange(rpcs - 1)
    names = tuple(f"r{i}" for i in range(rpcs))
    graph = PatternGraph("p", names, np.stack([line, line + 1]), np.ones(rpcs - 1))
    return Series(graph, MONDAY_NS, 1_800, calls, np.ones(steps, bool))


@pytest.mark.parametrize(
    ("days", "later_hours"),
    # Two days with their tail are less than two days to learn from: no time of day is claimed.
    [(15, 24), (15, 120), (2, 7)],
    ids=["another weekday", "the weekend", "another time of a day that was not seen twice"],
)
def test_what_was_not_seen_twice_changes_no_forecast(days: int, later_hours: int) -> None:
    series = wandering(days)
    model = Dcrnn(QUICK).fit(series, seed=0)
    later = replace(series, start_ns=series.start_ns + later_hours * HOUR_NS)
    told, again = (Dcrnn(QUICK).forecast(model, s).expected for s in (series, later))
    assert np.array_equal(told, again)


def test_the_time_of_day_that_was_seen_twice_changes_forecasts() -> None:
    series = wandering(4)
    model = Dcrnn(QUICK).fit(series, seed=0)
    later = replace(series, start_ns=series.start_ns + 7 * HOUR_NS)
    told, again = (Dcrnn(QUICK).forecast(model, s).expected for s in (series, later))
    assert np.abs(told / again - 1).max() > 0.05


def test_two_hundred_rpcs_are_one_pattern_like_any_other() -> None:
    series = wandering(2, rpcs=200)
    brief = Dcrnn(replace(QUICK, schedule=Schedule(batch=8, batches=8, epochs=2)))
    made = brief.forecast(brief.fit(series, seed=0), series)
    assert np.isfinite(made.expected).all()
    assert np.isfinite(made.spread).all()
    off = np.abs(made.expected - series.calls)[QUICK.past :].sum(axis=0)
    assert (off < 0.4 * series.calls[QUICK.past :].sum(axis=0)).all()
