"""How much is enough: rate limits out of learned traffic.

The amount of an interval is a high quantile of what clean traffic would bring, given headroom:
calls are negative binomial around the mean of that hour, times the headroom, as wide as days were
seen to differ. It is never below the most that was seen, nor far beyond.

Axes: i interval, h hour of the day.
"""

from dataclasses import dataclass

import numpy as np
from scipy.stats import nbinom, poisson

from informer.core.types import NS_PER_S, Bools, Floats, Ints
from informer.policies.evidence import Counts
from informer.policies.syntax import Limit

HOUR_NS = 3_600 * NS_PER_S
DAY_NS = 24 * HOUR_NS
DAYS = 7
WEEKEND = (5, 6)
LEAST_DAYS = 2  # of a kind, to be told apart
APART = 1.25  # kinds of days, or hours, whose amounts are nearer than this are not told apart
SURELY = 4.0  # standard errors between two kinds of days
LEAST_INTERVALS = 20


@dataclass(frozen=True, slots=True)
class Margin:
    """How generous limits are: both are written beside every limit."""

    quantile: float = 0.9999  # of intervals of clean traffic that stay below
    headroom: float = 1.2  # times the traffic that was learned


@dataclass(frozen=True, slots=True)
class DayKind:
    """Days that have limits of their own; None = every day."""

    weekend: bool | None
    limits: tuple[Limit, ...]


def learn_limits(counts: Counts, margin: Margin) -> list[DayKind]:
    """Limits per step, per hour and per day; apart for weekends where these differ."""
    day = (counts.start_ns // DAY_NS + 3 + _days_in(counts)) % DAYS  # [t]
    weekend = np.isin(day, WEEKEND)
    kinds: list[tuple[bool | None, Bools]] = [(None, np.ones_like(weekend))]
    if _differ(counts, weekend):
        kinds = [(False, ~weekend), (True, weekend)]
    found = []
    for name, of_kind in kinds:
        limits = [_limit(counts, of_kind, per_ns, margin) for per_ns in _intervals(counts.step_s)]
        found.append(DayKind(name, tuple(limit for limit in limits if limit is not None)))
    return [kind for kind in found if kind.limits]


def _intervals(step_s: int) -> list[int]:
    """One step, an hour, a day: short ones stop bursts, long ones what is slow."""
    step_ns = step_s * NS_PER_S
    return [step_ns, *(n for n in (HOUR_NS, DAY_NS) if n > step_ns and n % step_ns == 0)]


def _days_in(counts: Counts) -> Ints:
    starts = counts.start_ns + np.arange(len(counts.calls)) * counts.step_s * NS_PER_S
    return starts // DAY_NS - counts.start_ns // DAY_NS


def _differ(counts: Counts, weekend: Bools) -> bool:
    steps_a_day = DAY_NS // (counts.step_s * NS_PER_S)
    means, errors = [], []
    for of_kind in (weekend, ~weekend):
        seen = counts.seen & of_kind
        if seen.sum() < LEAST_DAYS * steps_a_day:
            return False
        means.append(counts.calls[seen].mean())
        errors.append(counts.calls[seen].var() / seen.sum())
    low, high = sorted(means)
    return bool(high > APART * low and high - low > SURELY * np.sqrt(sum(errors)))


def _limit(counts: Counts, of_kind: Bools, per_ns: int, margin: Margin) -> Limit | None:
    """One limit; None where too few intervals were seen whole."""
    calls, starts = _per_interval(counts, of_kind, per_ns)  # [i], [i]
    if len(calls) < (LEAST_DAYS if per_ns == DAY_NS else LEAST_INTERVALS):
        return None
    hourly = HOUR_NS % per_ns == 0
    hour = starts // HOUR_NS % 24 if hourly else np.zeros(len(starts), dtype=np.int64)
    amounts = _amounts(calls, hour, margin)  # [h]
    if not hourly or amounts.max() <= APART * amounts.min():
        return Limit((int(amounts.max()),), per_ns)
    return Limit(tuple(int(a) for a in amounts), per_ns)


def _per_interval(counts: Counts, of_kind: Bools, per_ns: int) -> tuple[Floats, Ints]:
    """Calls of the intervals whose every step was seen, and where these begin."""
    step_ns = counts.step_s * NS_PER_S
    starts = counts.start_ns + np.arange(len(counts.calls)) * step_ns
    interval = starts // per_ns
    first = np.flatnonzero(np.diff(interval, prepend=interval[0] - 1))
    calls = np.add.reduceat(counts.calls, first)
    whole = np.add.reduceat((counts.seen & of_kind).astype(np.int64), first) == per_ns // step_ns
    return calls[whole], (interval[first] * per_ns)[whole]


def _amounts(calls: Floats, hour: Ints, margin: Margin) -> Floats:
    """[h], or one amount where intervals are no part of an hour."""
    n = np.bincount(hour, minlength=24).astype(float)  # [h]
    total = np.bincount(hour, calls, minlength=24)
    # As if one interval more had been seen, of the overall mean: an hour without a call in two
    # weeks is no hour in which none may come.
    mean = (total + calls.mean()) / (n + 1)
    peak = np.zeros(24)
    np.maximum.at(peak, hour, calls)
    spread = _spread(calls, mean[hour])
    if hour.any():  # what an hour ramps up to is nearer to its neighbour's mean than to its own
        around = [np.roll(mean, 1), np.roll(mean, -1)]
        mean = np.maximum.reduce([mean, *((mean + a) / 2 for a in around)])
        peak = np.maximum.reduce([peak, np.roll(peak, 1), np.roll(peak, -1)])
    by_mean = _high(mean * margin.headroom, spread + 1 / (total + 0.5), margin.quantile)
    by_peak = poisson.ppf(margin.quantile, np.maximum(peak, 0.5) * margin.headroom)
    amounts: Floats = np.maximum(np.ceil(peak), np.minimum(by_mean, by_peak))
    return np.where(n > 0, amounts, amounts[n > 0].max()) if hour.any() else amounts[:1]


def _spread(calls: Floats, mean: Floats) -> float:
    """variance = mean + spread * mean ** 2, over all intervals."""
    squares = float(np.sum(mean**2))
    excess = float(np.sum((calls - mean) ** 2 - mean))
    return max(excess / squares, 0.0) if squares else 0.0


def _high(mean: Floats, spread: Floats, quantile: float) -> Floats:
    """The quantile of negative binomials; a mean of nothing becomes half a call in all."""
    mean = np.maximum(mean, 1e-9)
    size = 1 / np.maximum(spread, 1e-9)
    return np.asarray(nbinom.ppf(quantile, size, size / (size + mean)))
