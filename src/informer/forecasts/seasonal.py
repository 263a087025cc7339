"""The seasonal forecaster: a profile by the clock times a slow level; networks must beat it."""

from itertools import product

import numpy as np

from informer.core.types import NS_PER_S, Floats, Forecast, Model, Series
from informer.forecasts.calendar import DAY_S, starts_s
from informer.forecasts.counts import ROUGH_STEPS, fit_spread, log_likelihood
from informer.forecasts.lean import lean
from informer.forecasts.level import LevelRule, follow
from informer.forecasts.model import TooShortError, check_fits, described, since_first_seen
from informer.forecasts.pool import Pool
from informer.forecasts.season import Season, learn_season

HALF_LIVES_S = (4 * DAY_S, DAY_S)  # slower than an attack
HALF_LIVES_NO_DAY_S = (DAY_S, DAY_S // 4, DAY_S // 24)  # nothing but the level follows the day
YOUNG_HALF_LIFE_S = DAY_S
YOUNG_CALLS = (3.0, 100.0)
FEWEST_HALF_LIFE_STEPS = 6.0
PRIOR_CALLS = (100.0, 30.0, 10.0)
LEAST_GAIN = 1.0  # nats by which a level that moves must be likelier


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
        total = series.calls[seen].sum(axis=0)
        rule = _young_rule(series, total) if leaned.young else _level_rule(series, season, held)
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
                "doubt": leaned.doubt,
            },
            {
                "period_s": season.period_s,
                "days": series.steps * series.step_s / DAY_S,
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


def _young_rule(series: Series, total: Floats) -> LevelRule:
    """The level of the few calls there were counts as so many calls."""
    half_life = max(YOUNG_HALF_LIFE_S / series.step_s, FEWEST_HALF_LIFE_STEPS)
    return LevelRule(
        np.full_like(total, half_life), np.clip(total, min(YOUNG_CALLS), max(YOUNG_CALLS))
    )


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
