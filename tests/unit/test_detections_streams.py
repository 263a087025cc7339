"""What is watched of volume, and how much of its uncertainty lasts."""

from dataclasses import replace

import numpy as np
import pytest

from informer.core.types import Floats, Forecast
from informer.detections.calibrate import exceedances
from informer.detections.scan import WINDOWS, Scan
from informer.detections.streams import Rates, Watched, learn_rates, watch
from pattern_traffic import NO_RATES, expecting, stream_of, traffic_of, watched_of

STEPS = 48
EVEN = np.full(STEPS, 10.0)


def doubted(made: Forecast, doubt: float) -> Forecast:
    return replace(made, spread=made.spread + doubt, doubt=np.full_like(made.spread, doubt))


def watched_with(doubt: float, calls: Floats = EVEN) -> Watched:
    traffic = {p: traffic_of(p, {f"{p}-in": c}) for p, c in {"a": calls, "b": EVEN}.items()}
    forecasts = {p: expecting(t, 10.0) for p, t in traffic.items()}
    forecasts["a"] = doubted(forecasts["a"], doubt)
    return watch(traffic, forecasts, NO_RATES)


def highest(watched: Watched, pattern_id: str, window: int) -> float:
    """The score of the last step, of windows no longer than so many steps."""
    scan = Scan(
        watched, np.ones((len(watched.streams), len(WINDOWS))), np.full(len(WINDOWS), 5e3), window
    )
    return float(scan.score_all().score[-1, stream_of(watched, "calls", pattern_id)])


def test_what_is_doubted_lasts_over_a_window_and_is_not_counted_twice() -> None:
    watched = watched_with(0.25)
    a, b = (stream_of(watched, "calls", p) for p in "ab")
    assert watched.doubt[a] == pytest.approx(0.25)
    assert watched.doubt[b] == 0.0
    assert watched.variance[:, a] == pytest.approx(10.0)


def test_a_pattern_seen_for_an_hour_has_wider_limits_the_longer_the_window() -> None:
    rise = EVEN * 1.6
    single, hours = (
        highest(watched_with(0.0, rise), "a", w) - highest(watched_with(0.1, rise), "a", w)
        for w in (1, 24)
    )
    assert single > 0
    assert hours > 4 * single


def test_a_family_doubts_as_its_patterns_do_by_their_size() -> None:
    sizes = {"a": 30.0, "b": 10.0, "c": 200.0}
    traffic = {
        p: traffic_of(p, {"in" if p != "c" else "other": np.full(STEPS, n)})
        for p, n in sizes.items()
    }
    forecasts = {p: expecting(t, sizes[p]) for p, t in traffic.items()}
    forecasts["b"] = doubted(forecasts["b"], 0.16)
    watched = watch(traffic, forecasts, NO_RATES)
    family = stream_of(watched, "family", "a")
    assert watched.doubt[family] == pytest.approx(0.16 * 10.0**2 / 40.0**2)


def test_a_family_expects_nothing_of_a_pattern_that_was_not_there_yet() -> None:
    born = np.arange(STEPS) >= 40
    calls = {"a": EVEN, "b": np.where(born, 10.0, 0.0), "c": EVEN * 20}
    traffic = {
        p: traffic_of(p, {"in" if p != "c" else "other": c}, seen=born if p == "b" else None)
        for p, c in calls.items()
    }
    forecasts = {p: expecting(t, 200.0 if p == "c" else 10.0) for p, t in traffic.items()}
    watched = watch(traffic, forecasts, NO_RATES)
    family = stream_of(watched, "family", "a")
    assert watched.expected[:, family] == pytest.approx(np.where(born, 20.0, 10.0))
    assert watched.observed[:, family] == pytest.approx(np.where(born, 20.0, 10.0))


def test_without_doubts_all_is_as_the_forecast_says() -> None:
    watched = watched_of({"a": EVEN, "b": EVEN}, {"a": 10.0, "b": 10.0})
    assert not watched.doubt[[stream_of(watched, "calls", p) for p in "ab"]].any()


def night_office(seed: int, headless: float, steps: int = STEPS * 20) -> dict[str, Floats]:
    """Chains by day that call the database three times each, and calls of chains without a head."""
    rng = np.random.default_rng(seed)
    began = rng.poisson(np.where(np.arange(steps) % STEPS < STEPS // 2, 2.0, 0.0))
    return {"in": began, "db": 3 * began + rng.poisson(headless, steps)}


def shares(calls: dict[str, Floats], rates: Rates) -> Floats:
    """Scores of the database's share, [t], as far as they are worth telling."""
    traffic = {"p": traffic_of("p", calls)}
    watched = watch(traffic, {"p": expecting(traffic["p"], 1.0, 3.0)}, rates)
    flat = np.ones((len(watched.streams), len(WINDOWS)))
    scan = Scan(watched, flat, np.full(len(WINDOWS), 5e3), 1)
    return exceedances(scan, watched)[0][:, stream_of(watched, "share", "p")]


def learned(calls: dict[str, Floats]) -> Rates:
    return learn_rates({"p": traffic_of("p", calls)}, np.ones(len(calls["in"]), dtype=bool))


def test_calls_of_chains_that_lost_their_head_are_as_usual_where_they_are_usual() -> None:
    rates = learned(night_office(0, headless=2.0))
    assert rates.per_chain("p", "in", "db") == pytest.approx(4.0, rel=0.1)  # a head's and others
    now = night_office(1, headless=2.0)
    idle = now["in"] == 0
    implied = rates.implied(traffic_of("p", now).series, "db")
    assert implied[idle] == pytest.approx(2.0, rel=0.2)
    assert implied.sum() == pytest.approx(now["db"].sum(), rel=0.1)
    assert shares(now, rates)[idle].max() < 5.0


def test_one_chain_without_its_head_is_not_as_many_as_its_calls() -> None:
    rates = learned(night_office(0, headless=0.0))
    calls = night_office(1, headless=0.0)
    calls["db"][STEPS - 4] += 9  # of three chains
    assert shares(calls, rates)[STEPS - 4] == 0.0
    calls["db"][STEPS - 4] += 9
    assert shares(calls, rates)[STEPS - 4] > 4.0


def test_a_step_that_was_not_seen_implies_no_calls() -> None:
    calls = night_office(0, headless=2.0)
    seen = np.arange(len(calls["in"])) >= 2 * STEPS
    series = traffic_of("p", calls, seen=seen).series
    assert not learned(calls).implied(series, "db")[~seen].any()
