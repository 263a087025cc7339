"""Slow answers are told by how long calls usually take, beyond chance, crowds and small change."""

import numpy as np
import pytest

from informer.core.types import Bools, Floats, PatternTraffic
from informer.detections.calibrate import LEAST_SCORE, calibrate
from informer.detections.latency import (
    FEWEST_STEPS,
    LEAST_CALLS,
    MOST_STEPS,
    SLOWER,
    SLOWER_MS,
    STEADIEST,
    at_level_of,
    learn_latency,
    slow_enough,
    slowness,
    times_slower,
    usual_latency,
)
from informer.detections.scan import WINDOWS, Scan
from informer.detections.streams import Rates, Watched, learn_rates, watch
from informer.detections.walk import walk
from pattern_traffic import DAY, STEP_S, expecting, stream_of, traffic_of

USUAL_MS, RATE = 80.0, 20.0
BETWEEN, WITHIN = 0.1, 0.5  # standard deviations of the logarithm
THRESHOLD = 4.5
STEADY = np.full(len(WINDOWS), 5000.0)


def took_ms(calls: Floats, seed: int, *, memory: float = 0.0, steps_sd: float = BETWEEN) -> Floats:
    """Geometric mean latency of every step, log-normal; what moves a step lasts by `memory`."""
    rng = np.random.default_rng(seed)
    moved = np.zeros(len(calls))
    fresh = steps_sd * np.sqrt(1 - memory**2) * rng.standard_normal(len(calls))
    for step in range(len(calls)):
        moved[step] = memory * moved[step - 1] + fresh[step] if step else steps_sd * fresh[step]
    noise = WITHIN / np.sqrt(np.maximum(calls, 1)) * rng.standard_normal(len(calls))
    return np.asarray(USUAL_MS * np.exp(moved + noise))


def calls_of(steps: int, seed: int, times: Floats | float = 1.0) -> Floats:
    return np.random.default_rng(seed).poisson(RATE * times, steps).astype(float)


def patterns(
    steps: int,
    seed: int,
    *,
    times: Floats | float = 1.0,
    memory: float = 0.0,
    steps_sd: float = BETWEEN,
) -> dict[str, PatternTraffic]:
    """Three patterns of one rpc each, so that what they share can be told apart."""
    made = {}
    for i, pattern_id in enumerate(("a", "b", "c")):
        calls = calls_of(steps, seed + i, times)
        ms = took_ms(calls, seed + 100 + i, memory=memory, steps_sd=steps_sd)
        rpc_id = f"{pattern_id}-in"
        made[pattern_id] = traffic_of(pattern_id, {rpc_id: calls}, latency_ms={rpc_id: ms})
    return made


def slowed(traffic: PatternTraffic, first: int, last: int, times: float) -> PatternTraffic:
    """The same traffic, with calls that take so many times as long in some steps."""
    traffic.latency_ms[first : last + 1] *= times
    return traffic


RATES = Rates({}, {}, learn_rates(patterns(14 * DAY, 1), np.ones(14 * DAY, dtype=bool)).latency)


def watched_of(traffic: dict[str, PatternTraffic], rates: Rates = RATES) -> Watched:
    return watch(traffic, {p: expecting(t, RATE) for p, t in traffic.items()}, rates)


def scan_of(watched: Watched) -> Scan:
    return Scan(watched, np.ones((len(watched.streams), len(WINDOWS))), STEADY, 48)


def slow_events(traffic: dict[str, PatternTraffic]) -> list[tuple[str, int, int]]:
    """Events of latency as (pattern, first step, last step)."""
    watched = watched_of(traffic)
    seen: Bools = traffic["a"].series.seen
    threshold = np.full((2, len(watched.streams)), THRESHOLD)
    events = walk(scan_of(watched), watched, seen, threshold).events
    of = [(watched.streams[e.stream], e) for e in events]
    return [(s.pattern_ids[0], e.first, e.last) for s, e in of if s.signal == "latency"]


def test_level_and_scatter_are_learned() -> None:
    calls = calls_of(MOST_STEPS, 2)
    usual = usual_latency(calls, took_ms(calls, 3))
    assert usual is not None
    assert usual.ms == pytest.approx(USUAL_MS, rel=0.02)
    whole = BETWEEN**2 + WITHIN**2 / RATE
    assert usual.between + usual.within / RATE == pytest.approx(whole, rel=0.1)


@pytest.mark.parametrize(("between", "within"), [(0.0, 0.8), (0.4, 0.1)])
def test_scatter_is_told_apart_by_how_it_shrinks_with_calls(between: float, within: float) -> None:
    rng = np.random.default_rng(4)
    calls = np.tile([1.0, 4.0, 100.0], MOST_STEPS // 3)
    deviation = np.sqrt(between**2 + within**2 / calls)
    usual = usual_latency(calls, USUAL_MS * np.exp(deviation * rng.standard_normal(len(calls))))
    assert usual is not None
    for n in (1.0, 4.0, 100.0):
        expected = max(between**2, STEADIEST**2) + within**2 / n
        assert usual.between + usual.within / n == pytest.approx(expected, rel=0.35)


def test_stalls_and_a_slow_hour_do_not_move_what_is_usual() -> None:
    calls = calls_of(MOST_STEPS, 5)
    ms = took_ms(calls, 6)
    clean = usual_latency(calls, ms)
    ms[::50] *= 100.0  # now and then a step stalls
    ms[500:550] *= 10.0
    spoiled = usual_latency(calls, ms)
    assert clean is not None
    assert spoiled is not None
    assert spoiled.ms == pytest.approx(clean.ms, rel=0.05)
    assert spoiled.between + spoiled.within / RATE < 2 * (clean.between + clean.within / RATE)


def test_too_few_steps_or_calls_have_no_usual_latency() -> None:
    enough = FEWEST_STEPS
    assert usual_latency(np.full(enough, 5.0), np.full(enough, 9.0)) is not None
    assert usual_latency(np.full(enough - 1, 5.0), np.full(enough - 1, 9.0)) is None
    assert usual_latency(np.full(enough, 1.0), np.full(enough, 9.0)) is None


def test_logs_without_durations_have_no_usual_latency() -> None:
    assert usual_latency(np.full(100, 5.0), np.full(100, 0.00104)) is None


def test_a_level_is_taken_from_other_steps_with_the_scatter_as_it_was() -> None:
    usual = RATES.latency["a", "a-in"]
    calls = calls_of(30, 16)
    moved = at_level_of(usual, calls, 3 * took_ms(calls, 17))
    assert moved.ms == pytest.approx(3 * USUAL_MS, rel=0.1)
    assert (moved.between, moved.within) == (usual.between, usual.within)
    assert at_level_of(usual, np.zeros(5), np.full(5, np.nan)) == usual


def test_only_regular_steps_teach() -> None:
    traffic = patterns(200, 7)["a"]
    regular = np.arange(200) < 100
    traffic.latency_ms[100:] *= 50.0
    found = learn_latency(traffic, regular)["a-in"]
    assert found.ms == pytest.approx(USUAL_MS, rel=0.1)


def test_a_stream_sums_to_the_mean_logarithm_of_how_much_slower_calls_were() -> None:
    usual = RATES.latency["a", "a-in"]
    calls, ms = np.array([3.0, 0.0, 1.0]), usual.ms * np.array([2.0, np.nan, 16.0])
    observed, expected, variance = slowness(calls, ms, usual)
    assert expected.tolist() == [3.0, 0.0, 1.0]
    assert observed[1] == variance[1] == 0.0
    assert times_slower(observed.sum(), expected.sum()) == pytest.approx((2**3 * 16) ** 0.25)


def test_only_what_a_person_would_mind_is_slow_enough() -> None:
    def enough(times: float, calls: float = LEAST_CALLS, usual_ms: float = 100.0) -> bool:
        observed = np.array([calls * (1 + np.log(times))])
        return bool(slow_enough(observed, np.array([calls]), np.array([usual_ms]))[0])

    assert enough(1.01 * SLOWER)
    assert not enough(0.99 * SLOWER)
    assert not enough(9.0, calls=0.9 * LEAST_CALLS)
    assert enough(3.0, usual_ms=0.6 * SLOWER_MS)
    assert not enough(3.0, usual_ms=0.4 * SLOWER_MS)


def test_clean_latency_passes_a_score_no_more_often_than_it_says() -> None:
    traffic = patterns(60_000, 8)
    scan, watched = scan_of(watched_of(traffic)), watched_of(traffic)
    column = stream_of(watched, "latency", "a")
    for w in (0, 3, 6):
        observed, expected, variance = (x[:, column] for x in scan.residuals(w))
        away = (observed - expected) / np.sqrt(variance)
        for level, deviations in ((1.0, 1.2816), (2.0, 2.3263)):
            assert 0.5 * 10**-level < float((away > deviations).mean()) < 1.3 * 10**-level


def test_latency_that_moves_for_hours_is_clean_once_calibrated() -> None:
    """It swings by a quarter or so, and keeps where it is for an hour or two."""
    steps = 14 * DAY
    known = patterns(steps, 20, memory=0.9, steps_sd=0.25)
    seen = np.ones(steps, dtype=bool)
    rates = Rates({}, {}, learn_rates(known, seen).latency)
    watched = watched_of(known, rates)
    calibration = calibrate(watched, seen, step_s=STEP_S)
    longest = calibration.inflation_of(watched)[watched.timed, WINDOWS.index(27)]
    assert (longest > 3).all()
    fresh = watched_of(patterns(steps, 30, memory=0.9, steps_sd=0.25), rates)
    shape = np.array(calibration.calm_shape)
    scan = Scan(fresh, calibration.inflation_of(fresh), shape, calibration.longest)
    limit = calibration.thresholds(1.0)["latency"]
    threshold = np.full((2, len(fresh.streams)), limit)
    events = walk(scan, fresh, seen, threshold).events
    # Two weeks at a twentieth of one incident a day.
    assert sum(fresh.timed[e.stream] for e in events) <= 3


def test_no_single_step_makes_an_alarm_however_slow() -> None:
    watched = watched_of({**patterns(400, 9), "a": slowed(patterns(400, 9)["a"], 200, 200, 1e4)})
    found = scan_of(watched).score_all().score[:, stream_of(watched, "latency", "a")]
    assert 1.5 < found[200] < LEAST_SCORE


@pytest.mark.parametrize("times", [2.0, 10.0])
def test_an_hour_of_slow_calls_is_one_event(times: float) -> None:
    traffic = patterns(400, 10)
    slowed(traffic["a"], 200, 205, times)
    ((pattern_id, first, last),) = slow_events(traffic)
    assert pattern_id == "a"
    assert 201 <= first <= 203
    assert 205 <= last <= 215


def test_calls_that_became_faster_are_no_event() -> None:
    traffic = patterns(400, 11)
    slowed(traffic["a"], 200, 260, 0.1)
    assert slow_events(traffic) == []


def test_a_level_that_drifts_by_a_quarter_is_no_event() -> None:
    traffic = patterns(400, 12)
    slowed(traffic["a"], 200, 399, 1.25)
    assert slow_events(traffic) == []


def test_what_lasts_is_an_event_until_the_end() -> None:
    traffic = patterns(400, 13)
    slowed(traffic["a"], 200, 399, 2.0)
    ((_, first, last),) = slow_events(traffic)
    assert (first < 206, last) == (True, 399)


def crowded(slower: float) -> dict[str, PatternTraffic]:
    """Four times the calls for an hour and a half; answers take longer meanwhile."""
    times = np.ones(400)
    times[200:210] = 4.0
    traffic = patterns(400, 14, times=times)
    return {p: slowed(t, 200, 209, slower) for p, t in traffic.items()}


def test_a_crowd_may_be_slow_as_its_load_explains() -> None:
    assert slow_events(crowded(3.0)) == []


def test_beyond_its_load_a_crowd_is_slow() -> None:
    assert {p for p, _, _ in slow_events(crowded(30.0))} == {"a", "b", "c"}


def test_without_a_crowd_the_same_slowness_is_told() -> None:
    traffic = {p: slowed(t, 200, 209, 3.0) for p, t in patterns(400, 14).items()}
    assert {p for p, _, _ in slow_events(traffic)} == {"a", "b", "c"}


def test_unseen_steps_and_steps_without_calls_are_not_slow() -> None:
    seen = np.arange(400) % 3 > 0
    calls = np.where(np.arange(400) % 5 == 0, 0.0, RATE)
    ms = took_ms(calls, 15)
    traffic = {
        p: traffic_of(p, {f"{p}-in": calls}, latency_ms={f"{p}-in": ms}, seen=seen)
        for p in ("a", "b", "c")
    }
    assert slow_events(traffic) == []
