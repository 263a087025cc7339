"""The threshold is calibrated on what every backtest held out, whenever a pattern was born."""

from dataclasses import replace

import numpy as np

from informer.core.types import Bools, Floats, Grid, PatternTraffic
from informer.forecasts.fit import Fitted, fit_all
from informer.pipeline.held_out import calibrate_held_out
from informer.pipeline.teaching import unseen
from pattern_traffic import DAY, START_NS, STEP_S, traffic_of

DAYS = 5
STEPS = DAYS * DAY


def calls(seed: int, rate: float = 8.0) -> Floats:
    return np.random.default_rng(seed).poisson(rate, STEPS).astype(float)


def old() -> dict[str, PatternTraffic]:
    return {f"old-{k}": traffic_of(f"old-{k}", {f"in-{k}": calls(k)}) for k in range(3)}


def born(first: int) -> PatternTraffic:
    whole = traffic_of("young", {"in-young": calls(9)})
    return unseen(whole, np.arange(STEPS) < first)


def fitted(traffic: dict[str, PatternTraffic]) -> dict[str, Fitted]:
    return fit_all([t.series for t in traffic.values()], critical=(), seed=0, processes=1)


def grid(seen: Bools | None = None) -> Grid:
    return Grid(START_NS, STEP_S, np.ones(STEPS, bool) if seen is None else seen)


def test_a_pattern_born_late_leaves_the_others_their_held_out_days() -> None:
    alone = calibrate_held_out(old(), fitted(old()), grid())
    for first in (4 * DAY, STEPS - 6):  # with a backtest of its own, and without
        traffic = old() | {"young": born(first)}
        together = calibrate_held_out(traffic, fitted(traffic), grid())
        assert together.days == alone.days == 0.4 * DAYS
        for key, inflation in alone.inflation.items():
            if "|old-" in key:
                assert np.allclose(together.inflation[key], inflation, rtol=0.05)


def test_nothing_that_a_young_pattern_learned_from_is_held_against_it() -> None:
    late = born(4 * DAY)
    wild = late.series.calls.copy()
    wild[4 * DAY : 4 * DAY + 60] *= 5.0  # learned by its backtest, which holds out the last 58
    series = replace(late.series, calls=wild)
    traffic = old() | {"young": replace(late, series=series)}
    models = fitted(old() | {"young": born(4 * DAY)})
    usual = calibrate_held_out(old() | {"young": born(4 * DAY)}, models, grid())
    found = calibrate_held_out(traffic, models, grid())
    assert found.inflation["calls|young|in-young"] == usual.inflation["calls|young|in-young"]


def test_without_a_held_out_step_there_is_nothing_to_calibrate_on() -> None:
    traffic = {"young": born(STEPS - 6)}
    assert calibrate_held_out(traffic, fitted(traffic), grid()).days == 0.0
