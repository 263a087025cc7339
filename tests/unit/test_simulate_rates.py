"""Rates before chance: seasons, calendar and noise do what the scenario says."""

import numpy as np
import pytest

from informer.core.types import Floats, Json
from informer.simulate.rates import regular_rates
from informer.simulate.read import scenario_of
from simulated_traffic import FROM_NS, tiny

FRIDAY_NS = FROM_NS + 4 * 86_400 * 10**9
HOUR_NS = 3_600 * 10**9


def rates(given: Json, days: int = 4, from_ns: int = FROM_NS) -> Floats:
    given["scenario"]["days"] = days
    return regular_rates(scenario_of(given, "tiny"), from_ns, seed=5)


def in_season(**keys: object) -> Json:
    pattern = {"name": "p", "per_minute": 10, "season": "s", "chain": "a: GET /"}
    return tiny(pattern=[pattern], season={"s": keys})


def test_without_noise_and_season_the_rate_is_constant() -> None:
    assert np.unique(rates(tiny())[:, 0]).tolist() == [4.0]


def test_a_weekend_has_a_rate_of_its_own() -> None:
    week = rates(in_season(weekend=0.5), from_ns=FRIDAY_NS)[:, 0].reshape(4, 1440).mean(axis=1)
    assert week.tolist() == pytest.approx([10, 5, 5, 10])


def test_a_holiday_and_a_trend_change_days() -> None:
    calendar = {"holidays": [1], "holiday": 0.25, "trend_per_day": 0.1}
    days = rates(tiny(calendar=calendar))[::1440, 0]
    assert days == pytest.approx([4, 4 * 1.1 * 0.25, 4 * 1.21, 4 * 1.331])


def test_a_season_follows_the_clock_wherever_the_data_begins() -> None:
    given = in_season(floor=0.2, peaks=[[12, 2, 1]])
    peak = [int(np.argmax(rates(given, from_ns=FROM_NS + h * HOUR_NS)[:1440, 0])) for h in (0, 5)]
    assert peak == [12 * 60, 7 * 60]


def test_a_cron_batch_follows_the_clock_wherever_the_data_begins() -> None:
    cron = {"every_minutes": 1440, "at_minute": 130, "requests": 7}
    given = tiny(pattern=[{"name": "p", "chain": "a: GET /", "cron": cron}])
    batches = rates(given, from_ns=FROM_NS + HOUR_NS)[:, 0]
    assert np.flatnonzero(batches).tolist() == [70, 1510, 2950, 4390]
    assert batches[70] == 7


def test_noise_is_autocorrelated_as_long_as_said_and_leaves_the_mean() -> None:
    noise = {"sigma": 0.3, "memory_minutes": 20}
    logs = np.log(rates(tiny(noise=noise), days=60)[:, 0] / 4)
    there = np.corrcoef(logs[:-20], logs[20:])[0, 1]
    assert there == pytest.approx(np.exp(-1), abs=0.08)
    assert logs.std() == pytest.approx(0.3, abs=0.03)
    assert np.exp(logs).mean() == pytest.approx(1, abs=0.05)


def test_shared_noise_moves_all_patterns_together() -> None:
    own = rates(tiny(noise={"sigma": 0.2}), days=20)
    shared = rates(tiny(noise={"shared_sigma": 0.2}), days=20)
    assert abs(np.corrcoef(own.T)[0, 1]) < 0.3
    assert np.corrcoef(shared.T)[0, 1] == pytest.approx(1)
