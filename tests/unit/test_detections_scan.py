"""Every cell is scored by the most surprising window that ends there, beyond the shared demand."""

import numpy as np
import pytest

from informer.core.types import Bools, Floats
from informer.detections.scan import WINDOWS, Scan, Scored
from informer.detections.streams import Rates, Watched, watch
from informer.detections.walk import CALM_STEPS, walk
from pattern_traffic import NO_RATES, expecting, stream_of, traffic_of, watched_of

RATES = {"a": 30.0, "b": 20.0, "c": 12.0, "d": 8.0, "e": 8.0}
STEADY = np.full(len(WINDOWS), 5000.0)  # shape of a demand that hardly swings on ordinary days
THRESHOLD = 6.0


def clean(steps: int, seed: int = 0) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    return {p: rng.poisson(rate, steps).astype(float) for p, rate in RATES.items()}


def scan_of(watched: Watched) -> Scan:
    return Scan(watched, np.ones((len(watched.streams), len(WINDOWS))), STEADY)


def limits(watched: Watched) -> Floats:
    return np.full((2, len(watched.streams)), THRESHOLD)


def scores(watched: Watched, signal: str, pattern_id: str, longest: int = WINDOWS[-1]) -> Scored:
    """Scores of one stream, [t]."""
    steps = np.arange(watched.steps, dtype=np.int64)
    stream = np.full(watched.steps, stream_of(watched, signal, pattern_id), dtype=np.int64)
    return scan_of(watched).score(steps, stream, np.zeros_like(steps), longest)


def alarms(watched: Watched, seen: Bools | None = None) -> list[tuple[str, int, int, bool]]:
    """Events as (pattern, first step, last step, high)."""
    mask = np.ones(watched.steps, dtype=bool) if seen is None else seen
    walked = walk(scan_of(watched), watched, mask, limits(watched))
    return [
        (watched.streams[e.stream].pattern_ids[0], e.first, e.last, e.high) for e in walked.events
    ]


@pytest.mark.parametrize(("pattern_id", "level"), [("a", 2.0), ("c", 2.0), ("e", 3.0)])
def test_clean_counts_pass_a_score_as_often_as_it_says(pattern_id: str, level: float) -> None:
    watched = watched_of(clean(60_000), RATES)
    found = scores(watched, "calls", pattern_id, longest=1)
    for high in (True, False):
        share = float(((found.score >= level) & (found.high == high)).mean())
        # Counts are whole, so the tail at most reaches its level; demand adds a little doubt.
        assert 0.25 * 10**-level < share < 1.1 * 10**-level


def test_clean_failures_pass_a_score_no_more_often_than_it_says() -> None:
    rng = np.random.default_rng(3)
    calls = np.full(60_000, 100.0)
    traffic = {"a": traffic_of("a", {"in": calls}, failures={"in": rng.poisson(2.0, 60_000)})}
    rates = Rates({("a", "in"): 1e6}, {("failures", "a", "in"): 2e4})
    watched = watch(traffic, {"a": expecting(traffic["a"], 100.0)}, rates)
    share = float((scores(watched, "failures", "a", longest=1).score >= 2).mean())
    assert 0.25e-2 < share < 1.1e-2


def test_too_few_failures_are_nothing_to_report() -> None:
    calls = np.full(300, 100.0)
    traffic = {"a": traffic_of("a", {"in": calls})}
    rates = Rates({("a", "in"): 1e6}, {("failures", "a", "in"): 2e5})
    watched = watch(traffic, {"a": expecting(traffic["a"], 100.0)}, rates)
    assert scores(watched, "failures", "a").score.max() < 0.01
    assert scores(watched, "calls", "a").score.max() < 1


def test_a_rush_on_one_pattern_is_seen_at_once_and_alone() -> None:
    calls = clean(300)
    calls["c"][200:206] = 60.0
    ((pattern_id, first, last, high),) = alarms(watched_of(calls, RATES))
    assert (pattern_id, first, high) == ("c", 200, True)
    assert 205 <= last < 215


def test_slow_abuse_is_found_though_no_single_step_stands_out() -> None:
    calls = clean(400)
    calls["c"][200:260] = np.random.default_rng(5).poisson(1.6 * RATES["c"], 60)
    watched = watched_of(calls, RATES)
    assert scores(watched, "calls", "c", longest=1).score.max() < THRESHOLD
    found = [e for e in alarms(watched) if e[0] == "c"]
    assert found
    assert 200 < found[0][1] < 240
    assert all(high for *_, high in found)


def test_two_attacks_with_a_calm_between_are_two_events() -> None:
    calls = clean(400)
    for first in (150, 190):
        calls["b"][first : first + 4] = 90.0
    found = alarms(watched_of(calls, RATES))
    assert [(p, first) for p, first, *_ in found] == [("b", 150), ("b", 190)]
    assert all(last < first + 16 for _, first, last, _ in found)


def test_an_attack_that_goes_on_is_one_event() -> None:
    calls = clean(400)
    calls["b"][150:250] = 60.0
    ((_, first, last, _),) = alarms(watched_of(calls, RATES))
    assert first == 150
    assert 249 <= last < 250 + CALM_STEPS[1]


def test_silence_is_seen() -> None:
    calls = clean(300)
    calls["c"][200:220] = 0
    ((pattern_id, first, last, high),) = alarms(watched_of(calls, RATES))
    assert (pattern_id, high) == ("c", False)
    assert 200 <= first <= 202
    assert 219 <= last < 220 + CALM_STEPS[1]


def test_an_outage_is_neither_silence_nor_a_crowd_nor_a_rush_after_it() -> None:
    calls, seen = clean(400), np.ones(400, dtype=bool)
    seen[200:224] = False
    watched = watched_of(calls, RATES, seen=seen)
    assert alarms(watched, seen) == []
    assert scan_of(watched).event.min(axis=1)[200:240].max() < 0.5


def test_an_attack_right_after_an_outage_is_seen() -> None:
    calls, seen = clean(400), np.ones(400, dtype=bool)
    seen[200:212] = False
    calls["c"][212:218] = 60.0
    ((pattern_id, first, _, high),) = alarms(watched_of(calls, RATES, seen=seen), seen)
    assert (pattern_id, first, high) == ("c", 212, True)


def test_a_crowd_is_nobodys_misuse() -> None:
    rng = np.random.default_rng(8)
    calls = clean(400)
    for pattern_id, rate in RATES.items():
        calls[pattern_id][200:230] = rng.poisson(2.5 * rate, 30)
    watched = watched_of(calls, RATES)
    assert alarms(watched) == []
    assert scan_of(watched).event[203:230].min() > 0.9


def test_an_attack_inside_a_crowd_is_seen() -> None:
    rng = np.random.default_rng(8)
    calls = clean(400)
    for pattern_id, rate in RATES.items():
        calls[pattern_id][200:230] = rng.poisson(2.5 * rate, 30)
    calls["d"][212:220] *= 8
    assert {p for p, *_ in alarms(watched_of(calls, RATES))} == {"d"}


def test_scores_say_which_window_they_rest_on() -> None:
    calls = {p: np.full(100, rate) for p, rate in RATES.items()}
    calls["c"][59:72] = 18.0
    found = scores(watched_of(calls, RATES), "calls", "c")
    assert found.window[71] == 13
    assert found.observed[71] == 13 * 18.0
    assert found.expected[71] == pytest.approx(13 * 12.0, rel=0.02)


def test_windows_do_not_reach_before_since() -> None:
    calls = {p: np.full(100, rate) for p, rate in RATES.items()}
    calls["c"][50:60] = 100.0
    watched = watched_of(calls, RATES)
    step = np.array([62], dtype=np.int64)
    stream = np.array([stream_of(watched, "calls", "c")])
    scan = scan_of(watched)
    assert scan.score(step, stream, np.array([0])).score[0] > 20
    assert scan.score(step, stream, np.array([61])).score[0] < 1


def test_scoring_in_parts_gives_what_scoring_at_once_gives() -> None:
    watched = watched_of(clean(20_000, seed=2), RATES)  # more than one part of streams
    found = scan_of(watched).score_all()
    own = stream_of(watched, "calls", "c")
    alone = scores(watched, "calls", "c")
    np.testing.assert_allclose(found.score[:, own], alone.score, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("steps", [1, 2, 5, 37, 47, 48, 49])
def test_a_range_may_be_shorter_than_the_windows(steps: int) -> None:
    watched = watched_of(clean(steps, seed=2), RATES)
    found = scan_of(watched).score_all()
    own = stream_of(watched, "calls", "c")
    alone = scores(watched, "calls", "c")
    np.testing.assert_allclose(found.observed[:, own], alone.observed)
    np.testing.assert_allclose(found.score[:, own], alone.score, rtol=1e-6, atol=1e-9)


def test_a_family_that_moves_together_is_seen_where_its_members_are_too_small() -> None:
    rng = np.random.default_rng(4)
    steps = 300
    rates = {f"m{i}": 1.5 for i in range(8)} | {"x": 40.0, "y": 40.0, "z": 40.0}
    calls = {p: rng.poisson(rate, steps).astype(float) for p, rate in rates.items()}
    for p in calls:
        if p.startswith("m"):
            calls[p][200:206] = rng.poisson(4.0, 6)
    traffic = {
        p: traffic_of(p, {"shared-in" if p.startswith("m") else f"{p}-in": c})
        for p, c in calls.items()
    }
    watched = watch(traffic, {p: expecting(t, rates[p]) for p, t in traffic.items()}, NO_RATES)
    family = next(i for i, x in enumerate(watched.streams) if x.signal == "family")
    walked = walk(scan_of(watched), watched, np.ones(steps, dtype=bool), limits(watched))
    assert family in {e.stream for e in walked.events if 200 <= e.first < 206}
