"""How many calls a time of day and a weekday usually bring.

Axes: t step, c column, s slot of the day.
"""

import numpy as np

from informer.core.types import Bools, Floats
from quality.baselines.timeline import DAY_S, Timeline
from quality.baselines.trailing import sums

SMOOTH_S = 3_600  # a step of the day is judged together with those around it
PRIOR_CALLS = 0.5  # in all of the past: a call never seen is rare, not impossible
DAYS_OF_DOUBT = 0.25  # by which a time of day is drawn to the mean of all, a weekday to all days


def season(line: Timeline, learned: Bools) -> Floats:
    """Expected counts of every step, [t, c], from the steps that may be `learned` from, [t].

    A profile of the day times a factor of the weekday; the mean where less than two days are known.
    """
    seconds, day = line.seconds(), line.steps_in(DAY_S)
    counts, steps = line.counts[learned], int(learned.sum())
    mean = (counts.sum(axis=0) + PRIOR_CALLS) / max(steps, 1)  # [c]
    if steps < 2 * day:
        return np.broadcast_to(mean, line.counts.shape)
    weekday = (seconds // DAY_S + 3) % 7
    doubt = DAYS_OF_DOUBT * day
    of_weekday = np.zeros((7, counts.shape[1]))
    np.add.at(of_weekday, weekday[learned], counts)
    known = np.bincount(weekday[learned], minlength=7)[:, None]
    factor = (of_weekday / mean + doubt) / (known + doubt)  # [7, c]
    slot = seconds % DAY_S // line.step_s
    calls, held = np.zeros((day, counts.shape[1])), np.zeros((day, counts.shape[1]))
    np.add.at(calls, slot[learned], counts)
    np.add.at(held, slot[learned], mean * factor[weekday[learned]])  # without a time of day
    width = 2 * (line.steps_in(SMOOTH_S) // 2) + 1
    around, plain = _around(calls, width), _around(held, width)
    doubt_calls = DAYS_OF_DOUBT * width * mean
    profile = (around + doubt_calls) / (plain + doubt_calls)  # [s, c]
    return np.asarray(profile[slot] * factor[weekday] * mean)


def _around(values: Floats, width: int) -> Floats:
    """Sums over the time around each slot, past midnight as well; [s, c]."""
    half = width // 2
    wrapped = np.concatenate([values[len(values) - half :], values, values[:half]])
    return sums(wrapped, width)[width - 1 :]
