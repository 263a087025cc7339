"""How days differ as wholes: the factor of each weekday, and the trend from day to day."""

import numpy as np
from scipy import special

from informer.core.types import Floats, Ints
from informer.forecasts.calendar import DAY_S, DAYS, SATURDAY, cycles, weekdays

TREND_DAYS = 3  # the level of a day is the mean of so many days on both sides of it
LEAST_DAYS = 8  # a trend or a weekday cannot be told from fewer
WEIGHTS = (
    (1.0, np.inf),
    (0.1, np.inf),
    (0.1, 2.0),
    (0.1, 0.3),
)  # days of evidence for: no effect, its class
LEAST_GAIN = 2.0  # nats


def day_trend(counts: Floats, expected: Floats, starts: Ints) -> Floats:
    """Level of every step's day beside the last day, [t, n]; smooth over a week."""
    day = cycles(starts, DAY_S)
    days = int(day[-1]) + 1
    if days < LEAST_DAYS:
        return np.ones_like(counts)
    had, due = _by_day(counts, day), _by_day(expected, day)  # [d, n]
    prior = due.sum(axis=0) / days
    near = np.abs(np.subtract.outer(np.arange(days), np.arange(days))) <= TREND_DAYS
    level = (near @ had + prior + 1.0) / (near @ due + prior + 1.0)
    return np.asarray((level / level[-1])[day], np.float64)


def weekday_factors(counts: Floats, expected: Floats, starts: Ints) -> tuple[Floats, Floats]:
    """Factor of each weekday, [7, n], and that of every step as learned from other days, [t, n].

    A weekday leans on its class (Monday to Friday, weekend), a class on 1, as far as the days
    that were left out say that it should; 1 everywhere where no difference is worth it.
    """
    day = cycles(starts, DAY_S)
    days = int(day[-1]) + 1
    factors, own = np.ones((DAYS, counts.shape[1])), np.ones_like(counts)
    if days < LEAST_DAYS:
        return factors, own
    had, due = _by_day(counts, day), _by_day(expected, day)  # [d, n]
    due *= (had.sum(axis=0) + 1.0) / (due.sum(axis=0) + 1.0)
    of_day = weekdays(starts[0] + np.arange(days) * DAY_S)
    likely = _log_poisson(had, due) + LEAST_GAIN
    for class_days, weekday_days in WEIGHTS:
        one_day = due.sum(axis=0) / days + 1.0
        trial = np.ones_like(had)
        for d in range(days):
            others = np.arange(days) != d
            table = _table(
                had[others], due[others], of_day[others], class_days, weekday_days, one_day
            )
            trial[d] = table[of_day[d]]
        gain = _log_poisson(had, due * trial)
        better = gain > likely
        likely = np.where(better, gain, likely)
        own = np.where(better, trial[day], own)
        table = _table(had, due, of_day, class_days, weekday_days, one_day)
        factors = np.where(better, table, factors)
    return factors, own


def _table(
    had: Floats, due: Floats, of_day: Ints, class_days: float, weekday_days: float, one_day: Floats
) -> Floats:
    """Factors, [7, n], from days [d, n]."""
    factors = np.ones((DAYS, had.shape[1]))
    for weekend in (False, True):
        mine = (of_day >= SATURDAY) == weekend
        prior = class_days * one_day
        of_class = (had[mine].sum(axis=0) + prior) / (due[mine].sum(axis=0) + prior)
        for w in range(SATURDAY, DAYS) if weekend else range(SATURDAY):
            if np.isinf(weekday_days):
                factors[w] = of_class
                continue
            same = of_day == w
            prior = weekday_days * one_day
            factors[w] = (had[same].sum(axis=0) + prior * of_class) / (
                due[same].sum(axis=0) + prior
            )
    return factors


def _by_day(values: Floats, day: Ints) -> Floats:
    total = np.zeros((int(day[-1]) + 1, values.shape[1]))
    np.add.at(total, day, values)
    return total


def _log_poisson(had: Floats, due: Floats) -> Floats:
    """Log likelihood of each rpc, [n], of days [d, n], up to what the counts alone say."""
    return np.asarray((special.xlogy(had, np.maximum(due, 1e-12)) - due).sum(axis=0), np.float64)
