"""What clean traffic scores becomes a threshold that keeps the alert budget."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from informer.core.types import Floats
from informer.detections.budget import KINDS, SHARES_OF_BUDGET, kinds_of
from informer.detections.calibrate import (
    LARGEST_SQUARE,
    LEAST_DAYS,
    MERGE_STEPS,
    Calibration,
    calibrate,
    exceedances,
    worth_telling,
)
from informer.detections.scan import WINDOWS, Scan
from informer.detections.streams import Rates, Watched, watch
from informer.detections.walk import walk
from pattern_traffic import DAY, STEP_S, expecting, traffic_of, watched_of

PATTERNS = {f"p{i}": rate for i, rate in enumerate([30, 20, 12, 8, 5, 2, 1, 0.6])}
REFUSED, FAILED = 0.05, 0.002
CALIBRATED, FRESH = 5, 8  # days


def season(days: int) -> Floats:
    return np.asarray(1 + 0.7 * np.sin(2 * np.pi * np.arange(days * DAY) / DAY))


def clean(days: int, seed: int, *, spread: float = 0.0, demand_swing: float = 0.0) -> Watched:
    """Clean days of many patterns with an inner rpc, failures and refusals.

    The forecast knows the season but not the spread, nor the swing of the common demand.
    """
    rng = np.random.default_rng(seed)
    common = rng.lognormal(-(demand_swing**2) / 2, demand_swing, days * DAY)
    traffic, forecasts, known = {}, {}, Rates({}, {})
    for pattern_id, rate in PATTERNS.items():
        mean = rate * season(days)
        wobble = rng.gamma(1 / spread, spread, days * DAY) if spread else 1.0
        entry = rng.poisson(mean * common * wobble).astype(float)
        inner = rng.poisson(entry * 1.4).astype(float)
        refused, failed = (
            rng.binomial(entry.astype(int), REFUSED),
            rng.binomial(inner.astype(int), FAILED),
        )
        calls = {f"{pattern_id}-in": entry, f"{pattern_id}-db": inner}
        traffic[pattern_id] = traffic_of(
            pattern_id,
            calls,
            failures={f"{pattern_id}-db": failed},
            refusals={f"{pattern_id}-in": refused},
        )
        forecasts[pattern_id] = expecting(traffic[pattern_id], mean, 1.4 * mean)
        total = 14 * DAY * rate
        known.calls[pattern_id, f"{pattern_id}-in"] = total
        known.calls[pattern_id, f"{pattern_id}-db"] = 1.4 * total
        known.hits["refusals", pattern_id, f"{pattern_id}-in"] = total * REFUSED
        known.hits["failures", pattern_id, f"{pattern_id}-db"] = 1.4 * total * FAILED
    return watch(traffic, forecasts, known)


def calibrated(watched: Watched) -> Calibration:
    return calibrate(watched, np.ones(watched.steps, dtype=bool), step_s=STEP_S)


def false_incidents(watched: Watched, calibration: Calibration, budget: float = 1.0) -> int:
    """Events on clean traffic; those of one pattern that are close in time are one incident."""
    scan = Scan(watched, calibration.inflation_of(watched), np.array(calibration.calm_shape))
    seen = np.ones(watched.steps, dtype=bool)
    thresholds = np.array(list(calibration.thresholds(budget).values()))
    events = walk(scan, watched, seen, thresholds[kinds_of(watched)]).events
    found, last = 0, dict.fromkeys(PATTERNS, -MERGE_STEPS)
    for event in sorted(events, key=lambda e: e.first):
        (pattern_id,) = watched.streams[event.stream].pattern_ids
        found += event.first - last[pattern_id] > MERGE_STEPS
        last[pattern_id] = max(last[pattern_id], event.last)
    return found


HABITS: dict[str, dict[str, float]] = {
    "plain": {},
    "uneven": {"spread": 0.05},
    "swinging": {"demand_swing": 0.08},
}


@pytest.mark.parametrize("habits", HABITS.values(), ids=HABITS)
@pytest.mark.parametrize("budget", [1.0, 5.0])
def test_clean_days_bring_about_as_many_incidents_as_the_budget(
    budget: float, habits: dict[str, float]
) -> None:
    """Over many calibrations; one alone rests on a few days and may be off by chance."""
    seeds = 6
    found = 0
    for seed in range(seeds):
        calibration = calibrated(clean(CALIBRATED, seed, **habits))
        found += false_incidents(clean(FRESH, 1000 + seed, **habits), calibration, budget)
    a_day = found / (seeds * FRESH)
    here = budget * sum(SHARES_OF_BUDGET[k] for k in SHARES_OF_BUDGET if k != "latency")
    # The rest of the budget is for slow answers and news, of which there is nothing here.
    assert here / 1.5 < a_day < 1.5 * budget


@pytest.mark.parametrize(
    ("covered_s", "share"), [(LEAST_DAYS * 86_400 - STEP_S, 4), (LEAST_DAYS * 86_400, 8)]
)
def test_windows_are_a_part_of_what_was_held_out(covered_s: float, share: int) -> None:
    """A larger one of minutes, which are all that may add up there."""
    watched = clean(1, seed=0)
    steps = int(covered_s // STEP_S)
    seen = np.arange(watched.steps) < steps
    longest = calibrate(watched, seen, step_s=STEP_S).longest
    assert longest == max(w for w in WINDOWS if w * share <= steps)


def test_levels_at_which_everything_alerts_say_nothing_about_the_threshold() -> None:
    """There incidents run into each other: few are counted though all the time is irregular."""
    calibration = calibrated(clean(CALIBRATED, seed=0))
    assert 3.0 < calibration.thresholds(1.0)["volume"] < 5.0


def test_a_larger_budget_makes_a_lower_threshold() -> None:
    found = calibrated(clean(CALIBRATED, seed=0))
    for kind in KINDS:
        thresholds = [found.thresholds(b)[kind] for b in (0.1, 1.0, 5.0, 20.0)]
        assert thresholds == sorted(thresholds, reverse=True)
        assert thresholds[0] > thresholds[1] >= thresholds[-1]


def test_what_clean_days_often_lack_says_nothing_about_what_they_seldom_have_too_much_of() -> None:
    watched = clean(CALIBRATED, seed=0)
    weekend = replace(watched, observed=watched.observed.copy())
    volume = [i for i, x in enumerate(watched.streams) if x.signal == "calls"]
    for i in volume[2:5]:  # quiet for some hours, though nobody had learned that they would be
        for first in range(i * 20, watched.steps, 150):
            weekend.observed[first : first + 25, i] *= 0.3
    plain, quiet = (calibrated(w).thresholds(1.0) for w in (watched, weekend))
    assert quiet["silence"] > plain["silence"] + 2
    assert quiet["volume"] < plain["volume"] + 0.5


@pytest.mark.parametrize("steps", [0, 30])
def test_without_clean_traffic_the_number_of_cells_makes_the_threshold(steps: int) -> None:
    watched = clean(1, seed=0)
    seen = np.arange(watched.steps) < steps
    found = calibrate(watched, seen, step_s=STEP_S)
    volume = sum(x.signal in ("calls", "family") for x in watched.streams)
    share = 2.0 * SHARES_OF_BUDGET["volume"]
    assert found.thresholds(2.0)["volume"] == pytest.approx(np.log10(2 * volume * DAY / share))
    assert np.isfinite(found.inflation_of(watched)).all()


def test_what_scatters_more_than_its_forecast_says_is_widened_and_nothing_is_narrowed() -> None:
    plain, wide = calibrated(clean(6, seed=0)), calibrated(clean(6, seed=0, spread=0.3))
    key = "calls|p0|p0-in"
    assert wide.inflation[key][0] > 1.5 * plain.inflation[key][0]
    assert min(min(row) for row in [*plain.inflation.values(), *wide.inflation.values()]) >= 1.0


def test_an_attack_in_the_calibration_range_widens_no_more_than_a_little() -> None:
    watched = clean(6, seed=0)
    attacked = replace(watched, observed=watched.observed.copy())
    attacked.observed[100:104, 0] += 5000.0
    attacked.unit_observed[100:104, 0] += 5000.0
    found = calibrated(attacked)
    steps = 6 * DAY
    assert found.inflation["calls|p0|p0-in"][0] < 1.3 + LARGEST_SQUARE * 4 / steps


def test_demand_that_swings_every_day_is_calm() -> None:
    steady, swinging = calibrated(clean(6, seed=0)), calibrated(clean(6, seed=0, demand_swing=0.15))
    assert swinging.calm_shape[0] < 0.5 * steady.calm_shape[0]
    assert 1 / swinging.calm_shape[0] == pytest.approx(0.15**2, rel=0.5)


def test_a_stream_never_calibrated_takes_what_its_signal_has_in_common() -> None:
    found = calibrated(clean(6, seed=0, spread=0.3))
    steps = np.full(10, 5.0)
    fresh = watched_of({"new": steps}, {"new": 5.0})
    assert found.inflation_of(fresh)[0].tolist() == list(found.inflation["calls"])


def test_a_signal_never_calibrated_is_taken_as_the_model_says() -> None:
    none = Calibration({}, 0.0, WINDOWS[-1], (200.0,) * len(WINDOWS), {})
    fresh = watched_of({"new": np.full(10, 5.0)}, {"new": 5.0})
    assert (none.inflation_of(fresh) == 1.0).all()


def test_a_saved_calibration_is_the_same() -> None:
    found = calibrated(clean(2, seed=0))
    assert Calibration.from_json(found.to_json()) == found


def test_thin_evidence_is_not_worth_telling() -> None:
    watched = clean(1, seed=0)
    signals = [x.signal for x in watched.streams]
    calls, refusals = signals.index("calls"), signals.index("refusals")
    stream = np.array([calls, calls, refusals, refusals, calls])
    observed = np.array([3.9, 4.0, 2.9, 3.0, 0.0])
    high = np.array([True, True, True, True, False])
    assert worth_telling(watched, stream, observed, high).tolist() == [
        *(False, True, False, True),
        True,  # silence is told by what is missing
    ]


def test_three_calls_to_what_nobody_calls_make_no_alarm() -> None:
    calls = {"a": np.full(100, 30.0), "b": np.full(100, 20.0), "rare": np.zeros(100)}
    expected = {"a": 30.0, "b": 20.0, "rare": 0.001}
    calls["rare"][50] = 3.0
    few = watched_of(calls, expected)
    flat, steady = np.ones((len(few.streams), len(WINDOWS))), np.full(len(WINDOWS), 2000.0)
    assert exceedances(Scan(few, flat, steady), few)[0].max() < 2
    calls["rare"][50] = 4.0
    more = watched_of(calls, expected)
    assert exceedances(Scan(more, flat, steady), more)[0].max() > 8


def test_days_of_a_kind_never_learned_do_not_make_limits_low() -> None:
    """They are judged by wide limits and so pass few, which says nothing of other days."""
    watched = clean(CALIBRATED, 5)
    whole = calibrated(watched)
    late = np.arange(watched.steps) >= 2 * DAY
    partly = calibrated(replace(watched, unsure=np.where(late, 0.25, 0.0)))
    assert partly.days == pytest.approx(2.0)
    for kind in ("volume", "silence"):
        had = whole.tails[kind].level(1.0)
        assert partly.tails[kind].level(1.0) == pytest.approx(had, abs=0.7)


def test_where_no_other_day_was_held_out_they_must_do() -> None:
    watched = clean(CALIBRATED, 5)
    every = np.full(watched.steps, 0.25)
    assert calibrated(replace(watched, unsure=every)).days == pytest.approx(CALIBRATED)


def test_without_clean_traffic_a_kind_that_has_one_side_counts_it_once() -> None:
    watched = clean(CALIBRATED, 5)
    guessed = calibrate(watched, np.zeros(watched.steps, dtype=bool), step_s=STEP_S).tails
    count = Counter(x.signal for x in watched.streams)
    a_stream = {
        kind: guessed[kind].per_day / count[signal]
        for kind, signal in (("mix", "share"), ("failure", "failures"), ("refusal", "refusals"))
    }
    assert a_stream["mix"] == pytest.approx(2 * a_stream["failure"])
    assert a_stream["refusal"] == pytest.approx(a_stream["failure"])
