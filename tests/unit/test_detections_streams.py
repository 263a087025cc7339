"""What is watched of volume, and how much of its uncertainty lasts."""

from dataclasses import replace

import numpy as np
import pytest

from informer.core.types import Floats, Forecast
from informer.detections.scan import WINDOWS, Scan
from informer.detections.streams import Watched, watch
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
