"""How far traffic has moved away from what was learned, whole days at a time.

Axes: t step, d day.
"""

from dataclasses import dataclass

import numpy as np

from informer.core.types import NS_PER_S, Bools, Floats, Model, Series
from informer.detections.calibrate import SECONDS_A_DAY
from informer.forecasts.clock import by_the_clock
from informer.pipeline.sampled import counted_in

SURE_SD = 3.0  # by which a count must pass the cap, as chance goes
LEAST_DAYS = 2  # one day is an event, not a drift
LEAST_SEEN = 0.5  # of a day that is to say something


@dataclass(frozen=True, slots=True)
class Drift:
    """The last days of a series, from when on each was beyond the cap."""

    first: int  # step
    observed: float  # calls of the entry since then, a day
    expected: float  # by the model, a day

    @property
    def times(self) -> float:
        """How many times the learned calls there are."""
        return self.observed / max(self.expected, 1e-9)


def drift_of(model: Model, series: Series, cap: float) -> Drift | None:
    """How the last days of a series left the level that the model was learned at; None if not.

    Days end with the series. One that was hardly seen neither begins a drift nor ends it.
    """
    expected = by_the_clock(model, series)
    if expected is None:
        return None
    due = expected[:, 0] if series.level is None else expected[:, 0] * series.level[:, 0]
    due = due * (counted_in(model) / series.stands_for)
    observed, due = series.calls[:, 0] * series.seen, due * series.seen
    day = SECONDS_A_DAY // series.step_s
    days = series.steps // day
    first = series.steps - days * day
    had, should = (x[first:].reshape(days, day).sum(axis=1) for x in (observed, due))  # [d] each
    said = series.seen[first:].reshape(days, day).mean(axis=1) >= LEAST_SEEN
    beyond = _beyond(had, should, cap)
    if not (said & beyond).any():
        return None
    sign = np.sign(had - should)
    last = int(np.flatnonzero(said)[-1])
    within = np.flatnonzero(said & ~(beyond & (sign == sign[last])))
    since = int(within[-1]) + 1 if len(within) else 0
    told = said.copy()
    told[:since] = False
    if told.sum() < LEAST_DAYS:
        return None
    begin = first + (since + int(np.argmax(told[since:]))) * day
    a_day = (series.stands_for * float(x[told].mean()) for x in (had, should))
    return Drift(begin, *a_day)


def step_of(series: Series, moment_ns: int) -> int:
    """The first step of a series that starts no earlier than a moment."""
    step_ns = series.step_s * NS_PER_S
    return int(np.clip(-(-(moment_ns - series.start_ns) // step_ns), 0, series.steps))


def _beyond(observed: Floats, due: Floats, cap: float) -> Bools:
    """Days that passed the cap by more than chance, [d]."""
    most, least = due * (1.0 + cap), due / (1.0 + cap)
    high = observed > most + SURE_SD * np.sqrt(most + 1.0)
    low = observed < least - SURE_SD * np.sqrt(least + 1.0)
    return np.asarray(high | low)
