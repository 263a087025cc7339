"""What a series does by the clock: its season, its weekdays, its weekend, found by evidence."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from informer.core.types import Floats, Ints, Series
from informer.forecasts.calendar import (
    DAY_S,
    HOUR_S,
    SATURDAY,
    WEEK_S,
    cycles,
    slot_count,
    slots,
    starts_s,
    weekdays,
)
from informer.forecasts.counts import ROUGH_STEPS, fit_spread, within_reach
from informer.forecasts.profile import FEWEST_SLOTS, Folded, learn_profile, repeating_period_steps
from informer.forecasts.weekday import day_trend, weekday_factors

LEAST_GAIN = 3.0  # nats per rpc by which a season must be likelier than none
LEAST_GAIN_FOUND = 10.0  # the same for a period that was looked for in the data themselves
FEWEST_CYCLES = 3.0  # of an hour, a week or what the autocorrelation says; a day needs fewer
FEWEST_DAYS = 1.5
FEWEST_HOURS = 2.0  # of a season of an hour that is plain to see
PLAIN_SHARE = 2 / 3  # of what differs between steps, told by an hour that was left out
LEARNING_REACH_SD = 2.5  # a day of a few must not be bent by one burst


@dataclass(frozen=True, slots=True)
class Season:
    """Expected calls by the clock alone, at the level of the last days it was learned from."""

    period_s: int  # the step itself = no season
    rates: Floats  # [2, p, n]: Monday to Friday, weekend
    weekday: Floats  # [7, n], factor of each day

    def expected(self, starts: Ints, step_s: int) -> Floats:
        """Calls of the steps that start at these seconds, [t, n]."""
        day = weekdays(starts)
        slot = slots(starts, self.period_s, step_s)
        return np.asarray(self.rates[(day >= SATURDAY).astype(int), slot] * self.weekday[day])


@dataclass(frozen=True, slots=True)
class Found:
    """A season, and what it was found in."""

    season: Season
    held: Floats  # [t, n], calls of each step as learned without its cycle, at its known level
    expected: Floats  # [t, n], the same with the trend from day to day; 0 where not seen
    counts: Floats  # [t, n], clipped; 0 where not seen
    acts: Floats  # [t, n], trend and known level; 0 where not seen


@dataclass(frozen=True, slots=True)
class _Data:
    """Counts, clipped as far as is known, and what acts on a step besides its slot."""

    counts: Floats  # [t, n], 0 where not seen
    seen: Floats  # [t, 1], 0 or 1
    starts: Ints  # [t]
    step_s: int
    trend: Floats  # [t, n], 1 on the last day; with the known level
    weekday: Floats  # [t, n], factor of the step's weekday
    own_weekday: Floats  # [t, n], the same as learned from all other days

    @property
    def exposure(self) -> Floats:
        return self.seen * self.trend * self.weekday


@dataclass(frozen=True, slots=True)
class _Fit:
    """The profile of one period."""

    period_s: int
    rates: Floats  # [2, p, n]
    held: Floats  # [t, n], the rate of each step as learned without its cycle
    likely: float


def learn_season(series: Series) -> Found:
    """The likeliest season of a series, from nothing but itself.

    What it held out is an honest forecast at the level of the last days, or what is known of the
    step's own. Two rounds: the first finds the rough form, the second learns from clipped counts,
    weekday and trend known.
    """
    seen = series.seen[:, None].astype(np.float64)
    calls = np.where(series.seen[:, None], series.calls, 0.0)
    starts = starts_s(series)
    even = np.ones_like(calls)
    level = even if series.level is None else series.level
    data = _Data(calls, seen, starts, series.step_s, level, even, even)
    held = _likeliest(data, with_weekend=False).held * level

    def clipped(expected: Floats) -> Floats:
        spread = fit_spread(calls, expected, series.seen, ROUGH_STEPS)
        return within_reach(calls, expected, spread, LEARNING_REACH_SD) * seen

    trend = day_trend(clipped(held), held * seen, starts)
    counts = clipped(held * trend)
    weekday, own_weekday = weekday_factors(counts, held * trend * seen, starts)
    data = replace(
        data,
        counts=clipped(held * trend * own_weekday),
        trend=level * trend,
        weekday=weekday[weekdays(starts)],
        own_weekday=own_weekday,
    )
    fit = _likeliest(data, with_weekend=True)
    season, acts = Season(fit.period_s, fit.rates, weekday), data.trend * seen
    held = fit.held * own_weekday
    return Found(season, held * level, held * acts, data.counts, acts)


def log_poisson(counts: Floats, expected: Floats) -> Floats:
    """Log likelihood of every rpc, [n], of steps [t, n], up to what the counts alone say."""
    told = special.xlogy(counts, np.maximum(expected, 1e-12)) - expected
    return np.asarray(told.sum(axis=0), np.float64)


def _likeliest(data: _Data, *, with_weekend: bool) -> _Fit:
    flat = _fit_period(data, data.step_s, with_weekend=with_weekend)
    fits, differs = [flat], _most_likely(data) - flat.likely
    for period_s, least_gain in _periods(data):
        fit = _fit_period(data, period_s, with_weekend=with_weekend)
        few = period_s == HOUR_S and _covered_s(data) < FEWEST_CYCLES * HOUR_S
        if few and fit.likely - flat.likely < PLAIN_SHARE * differs:
            continue  # two hours of a level that wanders may look alike by chance
        fits.append(replace(fit, likely=fit.likely - least_gain * data.counts.shape[1]))
    return max(fits, key=lambda fit: fit.likely)


def _most_likely(data: _Data) -> float:
    """How likely counts would be if each were expected just as it came."""
    return float(log_poisson(data.counts, data.counts).sum())


def _covered_s(data: _Data) -> int:
    return len(data.starts) * data.step_s


def _periods(data: _Data) -> Iterator[tuple[int, float]]:
    """Seasons that the data are long enough for, in seconds, and the gain they must show."""
    offered = {
        DAY_S: (FEWEST_DAYS, LEAST_GAIN),
        HOUR_S: (FEWEST_HOURS, LEAST_GAIN),
        WEEK_S: (FEWEST_CYCLES, LEAST_GAIN),
    }
    found_steps = repeating_period_steps(data.counts, data.seen[:, 0] > 0)
    if found_steps is not None:
        offered.setdefault(found_steps * data.step_s, (FEWEST_CYCLES, LEAST_GAIN_FOUND))
    for period_s, (fewest, least_gain) in offered.items():
        if (
            _covered_s(data) >= fewest * period_s
            and slot_count(period_s, data.step_s) >= FEWEST_SLOTS
        ):
            yield period_s, least_gain


def _fit_period(data: _Data, period_s: int, *, with_weekend: bool) -> _Fit:
    """The likeliest profile of one period, found for every rpc on its own."""
    cycle = cycles(data.starts, period_s)
    slot = slots(data.starts, period_s, data.step_s)
    shape = (int(cycle[-1]) + 1, slot_count(period_s, data.step_s))
    weekend = None
    if with_weekend and period_s == DAY_S:
        weekend = weekdays(data.starts[0] + np.arange(shape[0]) * DAY_S) >= SATURDAY
    acts = data.seen * data.trend * data.own_weekday
    profile, held, likely = np.empty((2, shape[1], data.counts.shape[1])), np.empty_like(acts), 0.0
    for i in range(data.counts.shape[1]):
        by_slot = np.zeros((3, *shape))  # counts, exposure, what acts
        by_slot[:, cycle, slot] = data.counts[:, i], data.exposure[:, i], acts[:, i]
        profile[:, :, i], rate, gain = learn_profile(
            Folded(by_slot[0], by_slot[1]), by_slot[2], weekend
        )
        held[:, i] = rate[cycle, slot]
        likely += gain
    return _Fit(period_s, profile, held, likely)
