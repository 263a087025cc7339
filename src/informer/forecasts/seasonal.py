"""The seasonal forecaster: a profile by the clock times a slow level; networks must beat it."""

from itertools import product

import numpy as np

from informer.core.types import NS_PER_S, Floats, Forecast, Model, Series
from informer.forecasts.calendar import DAY_S, HOUR_S, starts_s
from informer.forecasts.counts import ROUGH_STEPS, fit_spread, log_likelihood
from informer.forecasts.lean import lean
from informer.forecasts.level import LevelRule, follow
from informer.forecasts.model import TooShortError, check_fits, described, since_first_seen
from informer.forecasts.pool import Pool
from informer.forecasts.season import FEWEST_DAYS, Season, learn_season

HALF_LIVES_S = (4 * DAY_S, DAY_S)  # slower than an attack
HALF_LIVES_NO_DAY_S = (DAY_S, DAY_S // 4, DAY_S // 24)  # nothing but the level follows the day
FEWEST_HALF_LIFE_STEPS = 6.0
PRIOR_CALLS = (100.0, 30.0, 10.0)
LEAST_GAIN = 1.0  # nats by which a level that moves must be likelier
# Where no day was seen, the level follows one that nobody knows: by how much of itself traffic
# rises and falls in an hour of a usual day.
SLOPE_PER_H = 0.2
MEMORY_H = (0.75, 6.0)  # least and most: what lasts longer than the least may be an attack
FOLLOWING_CALLS = 1.0  # the level of the hours that were learned counts as one call


class Seasonal:
    """Forecasts by the clock: level x time of the season x weekday, with NumPy alone."""

    name = "seasonal"

    def __init__(self, pool: Pool | None = None) -> None:
        """`pool` is what other patterns lend to one that has too little of its own."""
        self.pool = pool

    def fit(self, series: Series, *, seed: int) -> Model:
        """Learn profile, level rule and spread; one seen step is enough. Nothing here is random."""
        return self.learn(series)[0]

    def learn(self, series: Series) -> tuple[Model, Floats]:
        """The model, and what it would have expected without a step's own cycle, [t, n].

        The steps are those since the first one that was seen.
        """
        if not series.seen.any():
            raise TooShortError("seasonal needs a step that was seen, got none")
        series = since_first_seen(series)
        pool = self.pool and self.pool.without(series.graph.pattern_id)
        leaned = lean(learn_season(series), series, pool)
        season, held, seen = leaned.season, leaned.held, series.seen
        days = series.steps * series.step_s / DAY_S
        total = series.calls[seen].sum(axis=0)
        doubt = leaned.doubt
        if leaned.young or (season.period_s == series.step_s and days < FEWEST_DAYS):
            rule, lags = _following_rule(total, series)
            doubt = (
                doubt if leaned.young else doubt + lags
            )  # who leans has that between its lenders
        else:
            rule = _level_rule(series, season, held)
        usual = pool.spread if pool and leaned.young else 0.0
        expected = follow(held, series.calls, seen, rule, np.zeros(held.shape[1]))
        spread = fit_spread(series.calls, expected, seen, ROUGH_STEPS)
        expected = follow(held, series.calls, seen, rule, spread)
        spread = np.maximum(fit_spread(series.calls, expected, seen), usual)
        model = Model(
            self.name,
            {
                "rates": season.rates,
                "weekday": season.weekday,
                "half_life_steps": rule.half_life_steps,
                "prior_calls": rule.prior_calls,
                # A mean learned from few calls is itself uncertain (gamma posterior).
                "spread": spread + 1.0 / (total + 0.5),
                "doubt": doubt,
            },
            {
                "period_s": season.period_s,
                "days": days,
                "until_ns": _until_ns(series),
                "leans_on": list(leaned.on),
                **described(series),
            },
        )
        return model, expected

    def forecast(self, model: Model, series: Series) -> Forecast:
        """Expected and spread, [t, n]; the level starts at that of the last days of training."""
        check_fits(model, series)
        a = model.arrays
        period_s, starts = int(model.settings["period_s"]), starts_s(series)
        season = Season(period_s, a["rates"], a["weekday"])
        rule = LevelRule(a["half_life_steps"], a["prior_calls"])
        profile = season.expected(starts, series.step_s)
        if series.level is not None:
            profile = profile * series.level
        room = (a["room"][0], a["room"][1]) if "room" in a else None
        expected = follow(profile, series.calls, series.seen, rule, a["spread"], room)
        even = np.ones_like(a["weekday"])
        doubt = Season(period_s, a["doubt"], even).expected(starts, series.step_s)
        return Forecast(expected, a["spread"] + doubt, doubt)


def _until_ns(series: Series) -> int:
    """End of the last step that was seen."""
    last = int(np.flatnonzero(series.seen)[-1])
    return int(series.step_starts_ns()[last]) + series.step_s * NS_PER_S


def _following_rule(total: Floats, series: Series) -> tuple[LevelRule, Floats]:
    """A level that follows the unknown day, and the relative variance of where it stands, [n].

    A mean that forgets with a time constant of h hours lags behind a slope by h times the slope,
    and rests on 2 h hours of calls: h makes the sum of both errors least.
    """
    seen_h = float(series.seen.sum()) * series.step_s / HOUR_S
    calls_per_h = (total + 0.5) / seen_h
    memory_h = np.clip(np.cbrt(1 / (4 * SLOPE_PER_H**2 * calls_per_h)), *MEMORY_H)
    half_life = np.maximum(np.log(2) * memory_h * HOUR_S / series.step_s, FEWEST_HALF_LIFE_STEPS)
    lags = (SLOPE_PER_H * memory_h) ** 2 + 1 / (2 * calls_per_h * memory_h)
    return LevelRule(half_life, np.full_like(total, FOLLOWING_CALLS)), lags


def _level_rule(series: Series, season: Season, held: Floats) -> LevelRule:
    """The likeliest way to follow the level of each rpc, slow ones first."""
    rpcs = held.shape[1]
    spread = fit_spread(series.calls, held, series.seen, ROUGH_STEPS)
    half_lives = HALF_LIVES_S if season.period_s >= DAY_S else HALF_LIVES_NO_DAY_S
    steps = [max(h / series.step_s, FEWEST_HALF_LIFE_STEPS) for h in half_lives]
    offers = [(steps[0], np.inf), *product(steps, PRIOR_CALLS)]
    if series.level is not None:
        offers = offers[1:]  # how far it leapt was read off few steps: it must be able to settle
    # All offers side by side, as though each were an rpc of its own.
    side = len(offers)
    every = LevelRule(*(np.repeat(column, rpcs) for column in np.array(offers).T))
    wide_calls, wide_spread = np.tile(series.calls, side), np.tile(spread, side)
    expected = follow(np.tile(held, side), wide_calls, series.seen, every, wide_spread)
    told = log_likelihood(wide_calls, expected, wide_spread)[series.seen].sum(axis=0)
    likely = told.reshape(side, rpcs)
    if np.isinf(offers[0][1]):
        likely[0] += LEAST_GAIN
    best = np.argmax(likely, axis=0)
    return LevelRule(np.array(offers)[best, 0], np.array(offers)[best, 1])
