"""How much is enough: rate limits out of learned traffic.

A limit is a bucket that refills with the mean traffic of the hour, times a headroom, and holds as
much as clean traffic ever came ahead of that. What lasts is stopped by the one, what bursts by the
other: the pair is the CUSUM test for a rate that has risen (Page 1954). How far a day comes ahead
at most is drawn from Gumbel's distribution of greatest values; the bucket is a high quantile of it.

Axes: t step, h hour of the day, d day.
"""

from dataclasses import dataclass

import numpy as np

from informer.core.types import NS_PER_S, Bools, Floats, Ints
from informer.policies.evidence import Counts
from informer.policies.syntax import Limit

MINUTE_NS = 60 * NS_PER_S
HOUR_NS = 3_600 * NS_PER_S
DAY_NS = 24 * HOUR_NS
DAYS = 7
WEEKEND = (5, 6)
LEAST_DAYS = 2  # of a kind, to be told apart
APART = 1.25  # kinds of days, or hours, whose means are nearer than this are not told apart
SURELY = 4.0  # standard errors between two kinds of days
BY_MINUTE = 600  # calls an hour from which limits are written per minute
EULER = 0.5772156649


@dataclass(frozen=True, slots=True)
class Margin:
    """How generous limits are: both are written beside every limit."""

    quantile: float = 0.99  # of clean days on which no call is cut
    headroom: float = 1.4  # times the traffic that was learned may come for good


@dataclass(frozen=True, slots=True)
class DayKind:
    """Days that have a limit of their own; None = every day."""

    weekend: bool | None
    limit: Limit


def learn_limits(counts: Counts, margin: Margin) -> list[DayKind]:
    """A limit; or two, one for weekends, where these differ. None without a whole day."""
    day = (counts.start_ns + np.arange(len(counts.calls)) * _step_ns(counts)) // DAY_NS  # [t]
    weekend = np.isin((day + 3) % DAYS, WEEKEND)
    kinds: list[tuple[bool | None, Bools]] = [(None, np.ones_like(weekend))]
    if _differ(counts, weekend):
        kinds = [(False, ~weekend), (True, weekend)]
    found = []
    for name, of_kind in kinds:
        seen = counts.seen & of_kind
        if seen.sum() >= _steps_a_day(counts):
            found.append(DayKind(name, _limit(counts, seen, day, margin)))
    return found


def _step_ns(counts: Counts) -> int:
    return counts.step_s * NS_PER_S


def _steps_a_day(counts: Counts) -> int:
    return DAY_NS // _step_ns(counts)


def _differ(counts: Counts, weekend: Bools) -> bool:
    means, errors = [], []
    for of_kind in (weekend, ~weekend):
        seen = counts.seen & of_kind
        if seen.sum() < LEAST_DAYS * _steps_a_day(counts):
            return False
        means.append(counts.calls[seen].mean())
        errors.append(counts.calls[seen].var() / seen.sum())
    low, high = sorted(means)
    return bool(high > APART * low and high - low > SURELY * np.sqrt(sum(errors)))


def _limit(counts: Counts, seen: Bools, day: Ints, margin: Margin) -> Limit:
    amounts, per_ns = _amounts(counts, seen, margin.headroom)
    hour = _hours(counts) if len(amounts) > 1 else np.zeros(len(seen), dtype=np.int64)
    refill = np.array(amounts)[hour] * _step_ns(counts) / per_ns  # [t]
    ahead = _ahead(counts.calls, refill, seen)
    last_of_day = np.flatnonzero(np.diff(day, append=day[-1] + 1))
    first_of_day = np.concatenate([[0], last_of_day[:-1] + 1])
    greatest = np.maximum.reduceat(ahead, first_of_day)  # [d]
    whole = np.add.reduceat(seen.astype(np.int64), first_of_day) > 0
    burst = int(np.ceil(_high(greatest[whole], margin.quantile, counts.stands_for)))
    return Limit(amounts, per_ns, burst=burst)


def _hours(counts: Counts) -> Ints:
    starts = counts.start_ns + np.arange(len(counts.calls)) * _step_ns(counts)
    return starts // HOUR_NS % 24


def _amounts(counts: Counts, seen: Bools, headroom: float) -> tuple[tuple[int | float, ...], int]:
    """What may come for good, by hour where hours differ, and in how long."""
    hour = _hours(counts)[seen]
    n = np.bincount(hour, minlength=24)
    total = np.bincount(hour, counts.calls[seen], minlength=24)
    # As if one step more had been seen, of the overall mean: an hour without a call in two weeks
    # is no hour in which none may come.
    overall = counts.calls[seen].mean()
    an_hour = (total + overall) / (n + 1) * (HOUR_NS / _step_ns(counts)) * headroom
    if an_hour.max() <= APART * an_hour.min() or _step_ns(counts) > HOUR_NS:
        an_hour = np.array([overall * (HOUR_NS / _step_ns(counts)) * headroom])
    if an_hour.max() >= BY_MINUTE:
        return tuple(_rounded(a / 60) for a in an_hour), MINUTE_NS
    return tuple(_rounded(a) for a in an_hour), HOUR_NS


def _rounded(amount: float) -> int | float:
    """Up, to what a person can read; never nothing.

    >>> _rounded(123.2), _rounded(3.21), _rounded(0.0)
    (124, 3.3, 0.1)
    """
    if amount > 20:
        return int(np.ceil(amount))
    return max(float(np.ceil(amount * 10) / 10), 0.1)


def _ahead(calls: Floats, refill: Floats, seen: Bools) -> Floats:
    """How empty the bucket gets, [t]: all calls of a step may come in its first moment."""
    found = np.zeros(len(calls))
    missing = 0.0
    for t, (came, filled, counted) in enumerate(
        zip(calls.tolist(), refill.tolist(), seen.tolist(), strict=True)
    ):
        if not counted:
            missing = 0.0  # days of another kind, and gaps: it fills meanwhile
            continue
        found[t] = missing + came
        missing = max(found[t] - filled, 0.0)
    return found


def _high(greatest: Floats, quantile: float, stands_for: float) -> float:
    """A quantile of the greatest of a day, and never below what was seen (Gumbel, by moments)."""
    mean = float(greatest.mean())
    # Few days tell little about their scatter: it is that of counts at least.
    deviation = max(
        float(greatest.std(ddof=1)) if len(greatest) > 1 else 0.0, np.sqrt(mean * stands_for)
    )
    scale = deviation * np.sqrt(6) / np.pi
    high = mean - EULER * scale - scale * np.log(-np.log(quantile))
    return max(float(high), float(greatest.max()), stands_for)
