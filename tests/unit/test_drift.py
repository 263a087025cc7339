"""Patience does not teach: traffic that creeps away from what was learned comes before a person."""

from dataclasses import replace

import numpy as np
import pytest

from informer.core.types import Floats, Grid, Model, PatternTraffic
from informer.detections.days import learned_kinds
from informer.detections.detect import Learned, Observed
from informer.detections.streams import learn_rates
from informer.forecasts.clock import with_clock
from informer.forecasts.diffusion_gru import DiffusionGru
from informer.forecasts.fit import Fitted, fit_all
from informer.forecasts.pool import pool_of
from informer.forecasts.seasonal import Seasonal
from informer.pipeline.drift import drift_of
from informer.pipeline.held_out import calibrate_held_out
from informer.pipeline.judge import Gathered, judge
from informer.pipeline.let_pass import held_back, roomy
from informer.pipeline.sampled import counting
from informer.pipeline.states import PatternState, state_of
from pattern_traffic import DAY, START_NS, STEP_S, traffic_of

LEARNED = 14  # days
POISONED = 12  # days of growth
CAP = 0.5
WANDERS = 0.08  # deviation of a day's step
CLOCK = np.arange((LEARNED + POISONED + 1) * DAY)
NOON = 1.0 - 0.6 * np.cos(2 * np.pi * CLOCK / DAY)
POISON = 1.05 ** np.maximum(CLOCK / DAY - LEARNED, 0.0)  # +5 % a day
ATTACK = np.ones(len(CLOCK))
ATTACK[-90:-60] = 1.15  # on the day after
SIZES = {"login": 30.0, "browse": 20.0, "pay": 12.0, "search": 25.0}


def wandering(rng: np.random.Generator) -> Floats:
    """A level that goes up and down by itself, as levels do; [t]."""
    drawn, days = rng.normal(0.0, WANDERS, len(CLOCK) // DAY), [0.0]
    for step in drawn:
        days.append(0.8 * days[-1] + step)
    return np.asarray(np.exp(np.interp(CLOCK / DAY, np.arange(len(days)), days)))


def traffic(*times: Floats) -> dict[str, PatternTraffic]:
    """Four patterns; what is given multiplies the calls of `login`."""
    rng = np.random.default_rng(3)
    found = {}
    for pattern_id, size in SIZES.items():
        rate = size * NOON * wandering(rng)
        for factor in times if pattern_id == "login" else ():
            rate = rate * factor
        found[pattern_id] = traffic_of(pattern_id, {f"in-{pattern_id}": rng.poisson(rate)})
    return found


def days(given: dict[str, PatternTraffic], first: int, last: int) -> dict[str, PatternTraffic]:
    return {p: t.slice(first * DAY, last * DAY) for p, t in given.items()}


@pytest.fixture(scope="module")
def fitted() -> dict[str, Fitted]:
    learned = days(traffic(), 0, LEARNED)
    return fit_all([t.series for t in learned.values()], critical=(), seed=0, processes=1)


def looked_at(
    fitted: dict[str, Fitted], now: dict[str, PatternTraffic], *, cap: float | None
) -> set[int]:
    """The days after learning on which `login` has detections."""
    grid = Grid(START_NS, STEP_S, np.ones(LEARNED * DAY, bool))
    past = days(now, 0, LEARNED)
    late = days(now, LEARNED, len(CLOCK) // DAY)
    learned = Learned(
        calibrate_held_out(past, fitted, grid),
        learn_rates(past, grid.seen),
        {},
        {},
        {},
        1.0,
        learned_kinds(grid),
    )
    begin_ns = START_NS + LEARNED * DAY * STEP_S * 10**9
    grid = Grid(begin_ns, STEP_S, np.ones(len(CLOCK) - LEARNED * DAY, bool))
    models: dict[str, Model] = {
        p: f.model if cap is None else roomy(f.model, None, cap) for p, f in fitted.items()
    }
    gathered = Gathered(grid, late, past, Observed(grid, [], {}, {}, {}))
    rows = judge(gathered, models, learned).found.detections.to_pylist()
    mine = [r for r in rows if r["pattern_id"] == "login"]
    return {(r["step_start_ns"] - begin_ns) // (DAY * STEP_S * 10**9) for r in mine}


def test_an_attack_after_poisoning_is_hidden_without_the_cap_and_found_with_it(
    fitted: dict[str, Fitted],
) -> None:
    poisoned = traffic(POISON, ATTACK)
    attacked = POISONED
    assert looked_at(fitted, poisoned, cap=None) == set()
    found = looked_at(fitted, poisoned, cap=CAP)
    assert attacked in found


def test_the_cap_is_no_alarm_of_its_own(fitted: dict[str, Fitted]) -> None:
    assert looked_at(fitted, traffic(), cap=CAP) == looked_at(fitted, traffic(), cap=None)


def test_days_beyond_the_cap_at_the_end_are_held_back_and_no_others(
    fitted: dict[str, Fitted],
) -> None:
    passed = {p: f.model for p, f in fitted.items()}
    late = days(traffic(POISON), LEARNED, LEARNED + POISONED)
    held = held_back(passed, late, CAP)
    assert set(held) == {"login"}
    steps = held["login"].steps
    first = int(np.argmax(steps)) // DAY
    assert 7 <= first <= 10  # 1.05 ** 8.3 = 1.5
    assert steps[first * DAY :].all()
    assert 1.5 < held["login"].drift.times < 1.8
    assert held_back(passed, days(traffic(), LEARNED, LEARNED + POISONED), CAP) == {}


def test_a_burst_that_is_over_is_no_drift(fitted: dict[str, Fitted]) -> None:
    burst = np.where(CLOCK // DAY - LEARNED < 3, 2.5, 1.0)
    series = traffic(burst)["login"].slice(LEARNED * DAY, (LEARNED + 6) * DAY).series
    assert drift_of(fitted["login"].model, series, CAP) is None
    still = series.slice(0, 3 * DAY)
    found = drift_of(fitted["login"].model, still, CAP)
    assert found is not None
    assert found.first == 0
    assert drift_of(fitted["login"].model, still.slice(0, DAY), CAP) is None


def test_days_without_data_neither_end_a_drift_nor_make_one(fitted: dict[str, Fitted]) -> None:
    doubled = traffic(np.full(len(CLOCK), 2.5))["login"].series
    late = doubled.slice(LEARNED * DAY, (LEARNED + 6) * DAY)
    lost = replace(late, seen=np.arange(late.steps) < 4 * DAY)
    found = drift_of(fitted["login"].model, lost, CAP)
    assert found is not None
    assert found.first == 0
    dark = replace(late, seen=np.zeros(late.steps, bool))
    assert drift_of(fitted["login"].model, dark, CAP) is None


def test_what_later_runs_learned_does_not_widen_the_cap(fitted: dict[str, Fitted]) -> None:
    passed = fitted["login"].model
    series = traffic(np.full(len(CLOCK), 1.4))["login"].slice(0, LEARNED * DAY).series
    later = roomy(Seasonal().fit(series, seed=0), passed, CAP)
    least, most = later.arrays["room"]
    assert most[0] == pytest.approx(1.5 / 1.4, rel=0.05)
    assert least[0] == pytest.approx(1 / 1.5 / 1.4, rel=0.05)


def test_sampling_that_began_since_is_no_drift(fitted: dict[str, Fitted]) -> None:
    passed, series = fitted["login"].model, traffic()["login"].series
    assert drift_of(passed, series, CAP) is None
    thinned = replace(series, calls=series.calls / 10.0)
    assert drift_of(passed, thinned, CAP) is not None
    sampled = replace(thinned, stands_for=10.0)
    assert drift_of(passed, sampled, CAP) is None
    later = counting(Seasonal().fit(sampled.slice(0, LEARNED * DAY), seed=0), 10.0)
    least, most = roomy(later, passed, CAP).arrays["room"]
    assert most[0] == pytest.approx(1.5, rel=0.05)
    assert least[0] == pytest.approx(1 / 1.5, rel=0.05)


def test_a_network_keeps_the_room_for_the_clock_beneath_it(fitted: dict[str, Fitted]) -> None:
    clock = fitted["login"].model
    network = with_clock(Model("network", {}, {"rpcs": ["in"], "step_s": STEP_S}), clock)
    made = roomy(network, None, CAP)
    assert np.array_equal(made.arrays["clock.room"], roomy(clock, None, CAP).arrays["room"])


def test_a_model_of_less_than_a_week_is_free_to_find_its_level() -> None:
    young = Seasonal().fit(days(traffic(), 0, 5)["login"].series, seed=0)
    assert "room" not in roomy(young, None, CAP).arrays


def test_a_pattern_whose_traffic_drifted_or_is_long_past_is_stale(
    fitted: dict[str, Fitted],
) -> None:
    model, day_ns = fitted["login"].model, DAY * STEP_S * 10**9
    until_ns = START_NS + LEARNED * day_ns
    usual = days(traffic(), LEARNED, LEARNED + 5)["login"]
    assert state_of(model, usual, until_ns + 5 * day_ns, CAP) == PatternState("ready")
    doubled = days(traffic(np.full(len(CLOCK), 2.0)), LEARNED, LEARNED + 5)["login"]
    drifted = state_of(model, doubled, until_ns + 5 * day_ns, CAP)
    assert drifted.state == "stale"
    assert "in the last 5 days it had" in drifted.why
    old = state_of(model, None, until_ns + 40 * day_ns, CAP)
    assert old == PatternState("stale", "learned from traffic that ended 40 days before the last")
    assert state_of(None, None, until_ns, CAP).state == "learning"


def test_a_network_above_a_clock_that_leans_on_others_is_learning() -> None:
    lenders = days(traffic(), 0, LEARNED)
    young = days(traffic(), LEARNED - 1, LEARNED)["login"].series
    pool = pool_of([t.series for p, t in lenders.items() if p != "login"])
    model = DiffusionGru(pool).fit(young, seed=0)
    told = state_of(model, None, START_NS + LEARNED * DAY * STEP_S * 10**9, CAP)
    assert told.state == "learning"
    assert "leans on the days of" in told.why
