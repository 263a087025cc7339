"""Where a step lies in the day, the week or any other season; all times are UTC."""

import numpy as np

from informer.core.types import NS_PER_S, Floats, Ints, Series

HOUR_S = 3_600
DAY_S = 86_400
WEEK_S = 7 * DAY_S
DAYS = 7
SATURDAY = 5
DAY_WAVES = 6  # columns of `day_waves`
WAVES = 9  # columns of `waves`


def starts_s(series: Series) -> Ints:
    """Start of every step in seconds since 1970, [t]."""
    return np.asarray(series.step_starts_ns() // NS_PER_S, np.int64)


def slot_count(period_s: int, step_s: int) -> int:
    """How many steps begin within one period."""
    return -(-period_s // step_s)


def slots(starts: Ints, period_s: int, step_s: int) -> Ints:
    """Which step of its period each step is, 0..slot_count-1, [t]."""
    return np.asarray(starts % period_s // step_s, np.int64)


def cycles(starts: Ints, period_s: int) -> Ints:
    """Which period each step lies in, counted from the first one, [t]."""
    number = starts // period_s
    return np.asarray(number - (number[0] if number.size else 0), np.int64)


def weekdays(starts: Ints) -> Ints:
    """Monday 0 to Sunday 6, [t]; 1970-01-01 was a Thursday."""
    return np.asarray((starts // DAY_S + 3) % DAYS, np.int64)


def day_waves(starts: Ints, step_s: int, covered_s: int) -> Floats:
    """Where a step lies in the day, [t, 6]: sine and cosine of hour, day and half day.

    A season that the training range (`covered_s` long) did not see twice is all zeros: what it does
    was never learned.
    """
    seasons = ((HOUR_S, HOUR_S), (DAY_S, DAY_S), (DAY_S // 2, DAY_S))
    return np.concatenate([_wave(starts, *s, step_s, covered_s) for s in seasons], axis=1)


def waves(starts: Ints, step_s: int, covered_s: int) -> Floats:
    """Calendar features of every step, [t, 9]: `day_waves`, and sine and cosine of the week.

    The last one marks the weekend, from a week of training on.
    """
    weekend = (weekdays(starts) >= SATURDAY) * float(covered_s >= WEEK_S)
    week = _wave(starts, WEEK_S, WEEK_S, step_s, covered_s)
    return np.column_stack([day_waves(starts, step_s, covered_s), week, weekend])


def _wave(starts: Ints, period_s: int, season_s: int, step_s: int, covered_s: int) -> Floats:
    known = covered_s >= 2 * season_s and step_s * 4 <= period_s
    phase = 2.0 * np.pi * (starts % period_s) / period_s
    return np.stack([np.sin(phase) * known, np.cos(phase) * known], axis=1)
