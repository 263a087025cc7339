"""Calibrating on held-out steps: those that no backtest forecast was trained on."""

from dataclasses import replace

import numpy as np

from informer.core.types import Bools, Forecast, Grid, PatternTraffic
from informer.detections.calibrate import Calibration, calibrate
from informer.detections.days import learned_kinds, unsure
from informer.detections.streams import Rates, Watched, learn_rates, watch
from informer.forecasts.fit import Fitted
from informer.pipeline.facts import with_rates
from informer.pipeline.teaching import unseen


def calibrate_held_out(
    traffic: dict[str, PatternTraffic], fitted: dict[str, Fitted], grid: Grid
) -> Calibration:
    """What clean traffic scores, from the steps that every backtest held out."""
    firsts = [f.backtest.first for f in fitted.values() if f.backtest.first is not None]
    first = min(firsts, default=0)
    trained = np.arange(len(grid.seen)) < (first or len(grid.seen))
    late = {p: _held_out_steps(f, traffic[p], first) for p, f in fitted.items()}
    forecasts = {p: _held_out(f, traffic[p], first) for p, f in fitted.items()}
    known = learned_kinds(replace(grid, seen=grid.seen & trained))
    unlearned = unsure(grid, known)[first:]
    rates = _rates_before(traffic, grid.seen, grid.seen & trained)
    watched = watch(late, forecasts, rates, unlearned)
    # Without held-out steps there is nothing to calibrate on: no step counts as seen.
    seen = grid.seen[first:] & bool(firsts)
    return calibrate(watched, seen, step_s=grid.step_s, trained=(_shares(traffic, grid), grid.seen))


def _rates_before(traffic: dict[str, PatternTraffic], seen: Bools, trained: Bools) -> Rates:
    """Rates of the steps that were not held out; of all, where traffic is only seen since then."""
    late = {p: t for p, t in traffic.items() if not (t.series.seen & trained).any()}
    rates = learn_rates(traffic, trained)
    for pattern_id in late:
        rates = with_rates(rates, pattern_id, learn_rates({pattern_id: late[pattern_id]}, seen))
    return rates


def _shares(traffic: dict[str, PatternTraffic], grid: Grid) -> Watched:
    """All streams of the training range; only those that no forecast makes are of use."""
    none = {p: _level(t, 0) for p, t in traffic.items()}
    return watch(traffic, none, learn_rates(traffic, grid.seen))


def _level(traffic: PatternTraffic, first: int) -> Forecast:
    """The mean of the steps from `first` on, where there is no forecast to be had."""
    calls = traffic.series.calls[first:]
    expected = np.broadcast_to(np.maximum(calls.mean(axis=0), 1e-3), calls.shape).copy()
    return Forecast(expected, np.zeros_like(expected))


def _held_out_steps(fitted: Fitted, traffic: PatternTraffic, first: int) -> PatternTraffic:
    """Steps from `first` on; of a pattern that was born later, those that its own backtest held."""
    own = fitted.backtest.first
    own = len(traffic.series.seen) if own is None else own
    learned = np.arange(len(traffic.series.seen)) < own
    return unseen(traffic, learned).slice(first, len(learned))


def _held_out(fitted: Fitted, traffic: PatternTraffic, first: int) -> Forecast:
    """Forecasts of steps from `first` on; before the backtest's own they are of no use."""
    backtest = fitted.backtest
    level = _level(traffic, first)
    if backtest.first is None or backtest.forecast is None:
        return level
    return Forecast.joined([level.slice(0, backtest.first - first), backtest.forecast])
