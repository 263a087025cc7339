"""A kind of day that nobody learned is met with wide limits, not with alarms."""

import numpy as np

from informer.core.types import Bools, Grid
from informer.detections.days import learned_kinds, unsure
from informer.detections.scan import WINDOWS, Scan
from informer.detections.streams import watch
from pattern_traffic import NO_RATES, expecting, stream_of, traffic_of

MONDAY_NS = 1_780_272_000 * 10**9
STEP_S = 3600


def hours(days: int, *, seen: Bools | None = None) -> Grid:
    return Grid(MONDAY_NS, STEP_S, np.ones(24 * days, dtype=bool) if seen is None else seen)


def test_five_working_days_say_nothing_of_a_weekend() -> None:
    assert learned_kinds(hours(5)) == (True, False)
    assert learned_kinds(hours(7)) == (True, True)


def test_a_weekend_that_was_not_covered_was_not_learned() -> None:
    assert learned_kinds(hours(7, seen=np.arange(24 * 7) < 24 * 5)) == (True, False)


def test_only_days_of_an_unknown_kind_are_unsure() -> None:
    doubt = unsure(hours(7), (True, False))
    assert (doubt[: 24 * 5] == 0).all()
    assert (doubt[24 * 5 :] > 0).all()
    assert not unsure(hours(7), (True, True)).any()


def test_where_an_hour_is_all_that_was_learned_the_level_is_trusted_on_any_day() -> None:
    assert not unsure(hours(7), (False, False)).any()


def test_a_first_weekend_at_half_the_traffic_is_no_silence_but_none_at_all_is() -> None:
    calls, usual = np.full(48, 20.0), np.full(48, 40.0)
    calls[40:] = 0
    every = {"a": calls, "b": usual, "c": usual, "d": usual}
    traffic = {p: traffic_of(p, {f"{p}-in": x}) for p, x in every.items()}
    scores = {}
    for known in (True, False):
        doubt = unsure(Grid(MONDAY_NS + 5 * 24 * STEP_S * 10**9, STEP_S, calls >= 0), (True, known))
        forecasts = {p: expecting(t, usual) for p, t in traffic.items()}
        watched = watch(traffic, forecasts, NO_RATES, doubt)
        flat = np.ones((len(watched.streams), len(WINDOWS)))
        scan = Scan(watched, flat, np.full(len(WINDOWS), 2000.0))
        scores[known] = scan.score_all().score[:, stream_of(watched, "calls", "a")]
    assert scores[True][:40].max() > 20
    assert scores[False][:40].max() < 3
    assert scores[False][44:].max() > 4


def test_on_the_monday_after_a_first_weekend_nobody_is_surprised_by_that_weekend() -> None:
    grid = Grid(MONDAY_NS + 5 * 24 * STEP_S * 10**9, STEP_S, np.ones(72, dtype=bool))
    usual = np.full(72, 40.0)
    calls = np.where(np.arange(72) < 48, 20.0, 40.0)
    every = {"a": calls, "b": usual, "c": usual, "d": usual}
    traffic = {p: traffic_of(p, {f"{p}-in": x}) for p, x in every.items()}
    forecasts = {p: expecting(t, usual) for p, t in traffic.items()}
    watched = watch(traffic, forecasts, NO_RATES, unsure(grid, (True, False)))
    flat = np.ones((len(watched.streams), len(WINDOWS)))
    scan = Scan(watched, flat, np.full(len(WINDOWS), 2000.0))
    own = stream_of(watched, "calls", "a")
    assert scan.score_all().score[48:, own].max() < 3
    steps = np.arange(48, 72)
    again = scan.score(steps, np.full(24, own), np.zeros(24, dtype=np.int64))
    assert again.score.max() < 3
