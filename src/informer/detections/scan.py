"""Scores every cell by the most surprising window that ends there: slow abuse adds up.

Axes: t step, s stream, u unit, w window, m a cell to score.
"""

from dataclasses import dataclass

import numpy as np

from informer.core.types import Bools, Floats, Ints
from informer.detections.demand import demand_of_others
from informer.detections.streams import Watched
from informer.detections.tails import log_tail

WINDOWS = (1, 2, 3, 6, 12, 24, 48)  # steps
EVENT_WINDOWS = (3, 6, 12)  # steps that tell whether a crowd is under way
CALM_SHAPE = 200.0  # until a calibration knows better, demand swings by 7 % on ordinary days


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of cells and what they rest on, all [m]."""

    score: Floats  # -log10 p
    high: Bools  # too much, else too little
    window: Ints  # steps
    observed: Floats  # over the window
    expected: Floats  # over the window, demand included
    demand: Floats  # the shared factor over the window


class Scan:
    """Trailing-window sums of all streams, ready to be scored from any step on."""

    def __init__(
        self,
        watched: Watched,
        inflation: Floats,
        calm_shape: Floats,
        longest: int = WINDOWS[-1],
    ) -> None:
        """`inflation` [s, w] multiplies the variance of a window, >= 1; `calm_shape` is [w].

        No window is longer than `longest` steps.
        """
        self._longest = longest
        self._watched = watched
        self._inflation = inflation
        self._calm_shape = calm_shape
        self._observed = _sums(watched.observed)
        self._expected = _sums(watched.expected)
        self._variance = _sums(watched.variance)
        self._unit_observed = _sums(watched.unit_observed)
        self._unit_expected = _sums(watched.unit_expected)
        self.event = self._events_under_way()  # [t, u]

    def score(self, step: Ints, stream: Ints, since: Ints, longest: int = WINDOWS[-1]) -> Scored:
        """Score cells (step, stream), [m]; windows begin no earlier than `since`, [m]."""
        best = Scored(
            np.full(len(step), -1.0),
            np.ones(len(step), dtype=bool),
            np.ones(len(step), dtype=np.int64),
            np.zeros(len(step)),
            np.zeros(len(step)),
            np.ones(len(step)),
        )
        for w, window in enumerate(WINDOWS):
            if window > min(longest, self._longest):
                break
            first = np.maximum(step + 1 - window, since)
            observed, expected, variance, factor = self._moments(step, stream, first, w)
            variance = variance * self._inflation[stream, w]
            high = log_tail(observed, expected, variance, high=True)
            low = log_tail(observed, expected, variance, high=False)
            low = np.where(self._watched.two_sided[stream], low, -1.0)
            found = Scored(
                np.maximum(high, low), high >= low, step + 1 - first, observed, expected, factor
            )
            best = _merge(best, found, found.score > best.score)
        return best

    def residuals(self, w: int) -> tuple[Floats, Floats, Floats]:
        """Observed, expected and variance of every window of one length, each [t, s]."""
        steps, streams = self._watched.observed.shape
        step, stream = _grid(steps, streams)
        first = np.maximum(step + 1 - WINDOWS[w], 0)
        observed, expected, variance, _ = self._moments(step, stream, first, w)
        shape = (steps, streams)
        return observed.reshape(shape), expected.reshape(shape), variance.reshape(shape)

    def _moments(
        self, step: Ints, stream: Ints, first: Ints, w: int
    ) -> tuple[Floats, Floats, Floats, Floats]:
        """Observed, expected, variance with demand, and the demand factor; [m] each."""
        last = step + 1
        observed = self._observed[last, stream] - self._observed[first, stream]
        plain = self._expected[last, stream] - self._expected[first, stream]
        spread = self._variance[last, stream] - self._variance[first, stream]
        factor, doubt = self._demand(first, last, self._watched.unit[stream], w)
        expected = plain * factor
        variance = spread * factor + (plain**2) * (doubt + self._watched.doubt[stream])
        return observed, expected, variance, factor

    def _demand(self, first: Ints, last: Ints, unit: Ints, w: int) -> tuple[Floats, Floats]:
        """Mean and variance of the shared factor for each cell, [m]; 1 and 0 where unit is -1."""
        factor, doubt = np.ones(len(unit)), np.zeros(len(unit))
        (judged,) = np.nonzero(unit >= 0)
        demand = demand_of_others(
            self._unit_observed[last[judged]] - self._unit_observed[first[judged]],
            self._unit_expected[last[judged]] - self._unit_expected[first[judged]],
            unit[judged],
            float(self._calm_shape[w]),
            self.event[last[judged] - 1, unit[judged]],
        )
        factor[judged], doubt[judged] = demand.mean, demand.variance
        return factor, doubt

    def _events_under_way(self) -> Floats:
        """How sure the last steps make each unit that something moves all others; [t, u].

        One step holds too few calls to tell a crowd from chance; the windows that already tell
        lend it their certainty.
        """
        steps, units = self._watched.unit_observed.shape
        step, unit = _grid(steps, units)
        surest = np.zeros(len(step))
        for w, window in enumerate(WINDOWS):
            if window not in EVENT_WINDOWS:
                continue
            first = np.maximum(step + 1 - window, 0)
            demand = demand_of_others(
                self._unit_observed[step + 1] - self._unit_observed[first],
                self._unit_expected[step + 1] - self._unit_expected[first],
                unit,
                float(self._calm_shape[w]),
                np.zeros(len(step)),
            )
            surest = np.maximum(surest, demand.event)
        return surest.reshape(steps, units)


def score_all(scan: Scan, steps: int, streams: int) -> Scored:
    """Score every cell with windows as long as they come; fields are [t * s], step-major."""
    step, stream = _grid(steps, streams)
    parts = []
    for chunk in np.array_split(np.arange(len(step)), max(1, len(step) // 200_000)):
        parts.append(scan.score(step[chunk], stream[chunk], np.zeros(len(chunk), dtype=np.int64)))
    return Scored(*(np.concatenate([getattr(p, f) for p in parts]) for f in Scored.__slots__))


def _grid(steps: int, streams: int) -> tuple[Ints, Ints]:
    step = np.repeat(np.arange(steps, dtype=np.int64), streams)
    stream = np.tile(np.arange(streams, dtype=np.int64), steps)
    return step, stream


def _sums(values: Floats) -> Floats:
    """Running sums with a zero in front, so that a window is a difference; [t + 1, ...]."""
    return np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])


def _merge(best: Scored, found: Scored, better: Bools) -> Scored:
    return Scored(
        *(np.where(better, getattr(found, f), getattr(best, f)) for f in Scored.__slots__)
    )
