"""The seasonal forecaster: a profile by the clock times a slow level; networks must beat it."""

from itertools import product

import numpy as np

from informer.core.types import Floats, Forecast, Model, Series
from informer.forecasts.calendar import DAY_S, starts_s
from informer.forecasts.counts import fit_spread, log_likelihood
from informer.forecasts.level import LevelRule, follow
from informer.forecasts.model import TooShortError, check_fits, described
from informer.forecasts.season import Season, learn_season

HALF_LIVES_S = (4 * DAY_S, DAY_S)  # slower than an attack
HALF_LIVES_NO_DAY_S = (DAY_S, DAY_S // 4, DAY_S // 24)  # nothing but the level follows the day
FEWEST_HALF_LIFE_STEPS = 6.0
PRIOR_CALLS = (100.0, 30.0, 10.0)
LEAST_GAIN = 1.0  # nats by which a level that moves must be likelier


class Seasonal:
    """Forecasts by the clock: level x time of the season x weekday, with NumPy alone."""

    name = "seasonal"

    def fit(self, series: Series, *, seed: int) -> Model:
        """Learn profile, level rule and spread; one seen step is enough. Nothing here is random."""
        if not series.seen.any():
            raise TooShortError("seasonal needs a step that was seen, got none")
        season, held = learn_season(series)
        rule = _level_rule(series, season, held)
        seen = series.seen
        expected = follow(held, series.calls, seen, rule, np.zeros(held.shape[1]))
        spread = fit_spread(series.calls, expected, seen)
        expected = follow(held, series.calls, seen, rule, spread)
        total = series.calls[seen].sum(axis=0)
        return Model(
            self.name,
            {
                "rates": season.rates,
                "weekday": season.weekday,
                "half_life_steps": rule.half_life_steps,
                "prior_calls": rule.prior_calls,
                # A mean learned from few calls is itself uncertain (gamma posterior).
                "spread": fit_spread(series.calls, expected, seen) + 1.0 / (total + 0.5),
            },
            {"period_s": season.period_s, **described(series)},
        )

    def forecast(self, model: Model, series: Series) -> Forecast:
        """Expected and spread, [t, n]; the level starts at that of the last days of training."""
        check_fits(model, series)
        a = model.arrays
        season = Season(int(model.settings["period_s"]), a["rates"], a["weekday"])
        rule = LevelRule(a["half_life_steps"], a["prior_calls"])
        profile = season.expected(starts_s(series), series.step_s)
        if series.level is not None:
            profile = profile * series.level
        expected = follow(profile, series.calls, series.seen, rule, a["spread"])
        return Forecast(expected, np.broadcast_to(a["spread"], expected.shape).copy())


def _level_rule(series: Series, season: Season, held: Floats) -> LevelRule:
    """The likeliest way to follow the level of each rpc, slow ones first."""
    rpcs = held.shape[1]
    spread = fit_spread(series.calls, held, series.seen)
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
