"""Scores every cell by the most surprising window that ends there: slow abuse adds up.

Axes: t step, s stream, u unit, w window, m a cell to score.
"""

from dataclasses import dataclass

import numpy as np

from informer.core.types import Bools, Floats, Ints
from informer.detections.demand import demand_of_each, demand_of_others
from informer.detections.latency import TOLERATED, excused, slow_enough, tamed
from informer.detections.streams import Watched
from informer.detections.tails import surprise

# Steps; each half as long again as the one before, so that no campaign falls far between two.
WINDOWS = (1, 2, 3, 4, 6, 9, 13, 18, 27, 40, 60, 90, 144, 216, 324, 480, 720)
LATELY, PACE = 4, 0.25  # the last quarter of a window must go on at a quarter of its pace
EVENT_WINDOWS = (3, 6, 13)  # steps that tell whether a crowd is under way
CELLS_AT_ONCE = 500_000  # keeps temporary arrays in a few megabytes
LIKELY_CROWD = 0.5
CALM_SHAPE = 200.0  # until a calibration knows better, demand swings by 7 % on ordinary days


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of cells and what they rest on, all of one shape."""

    score: Floats  # -log10 p
    high: Bools  # too much, else too little
    window: Ints  # steps
    observed: Floats  # over the window, whole where scores see it tamed
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
        self.longest = longest
        self._watched = watched
        self._inflation = inflation
        self._calm_shape = calm_shape
        self._expected = _sums(watched.expected)
        self._variance = _sums(watched.variance)
        # Expected calls times how unsure their kind of day makes them: days err as a whole.
        self._unsure = _sums(
            watched.expected * np.sqrt(watched.unsure)[:, None] * (watched.unit >= 0)
        )
        self._unit_observed = _sums(watched.unit_observed)
        self._unit_expected = _sums(watched.unit_expected)
        self.event = self._events_under_way()  # [t, u]
        observed, beyond = self._tamed()
        self._observed, self._beyond = _sums(observed), _sums(beyond)
        # The column of `_beyond` that belongs to each stream of latency, else 0.
        self._beyond_of = np.maximum(np.cumsum(watched.timed) - 1, 0)
        self._demands = [self._demand_grid(w) for w, _ in self._windows(longest)]

    def score(self, step: Ints, stream: Ints, since: Ints, longest: int = WINDOWS[-1]) -> Scored:
        """Score cells (step, stream), [m]; windows begin no earlier than `since`, [m]."""
        best = _nothing(len(step))
        for w, window in self._windows(longest):
            first = np.maximum(step + 1 - window, since)
            observed, expected, variance, factor = self._moments(step, stream, first, w)
            variance = variance * self._inflation[stream, w]
            two_sided, timed = self._watched.two_sided[stream], self._watched.timed[stream]
            mean = expected * np.where(timed, TOLERATED, 1.0)
            score, high = surprise(observed, mean, variance, two_sided, ~timed)
            last = max(window // LATELY, 1)
            lately = np.maximum(step + 1 - last, first)
            pace = PACE * last / window * (observed - expected)
            score[~timed] *= self._goes_on(step, stream, lately, factor, pace, high)[~timed]
            column = self._beyond_of[stream[timed]]
            last = self._beyond[step[timed] + 1, column]
            observed[timed] += last - self._beyond[first[timed], column]
            usual_ms = self._watched.usual_ms[stream[timed]]
            score[timed] *= slow_enough(observed[timed], expected[timed], usual_ms)
            found = Scored(score, high, step + 1 - first, observed, expected, factor)
            best = _merge(best, found, found.score > best.score)
        return best

    def score_all(self) -> Scored:
        """Score every cell with windows as long as they come; fields are [t, s]."""
        steps, streams = self._watched.observed.shape
        parts = []
        for of in np.array_split(np.arange(streams), max(1, steps * streams // CELLS_AT_ONCE)):
            best = _nothing((steps, len(of)))
            timed = self._watched.timed[of]
            two_sided, counted = (
                np.broadcast_to(x, (steps, len(of))) for x in (self._watched.two_sided[of], ~timed)
            )
            for w, window in self._windows(WINDOWS[-1]):
                observed, expected, variance, factor = self._whole_moments(of, w)
                variance *= self._inflation[of, w]
                mean = expected * np.where(timed, TOLERATED, 1.0)
                score, high = surprise(observed, mean, variance, two_sided, counted)
                last = max(window // LATELY, 1)
                more = _trailing(self._observed[:, of], last)
                more -= _trailing(self._expected[:, of], last) * factor
                more -= PACE * last / window * (observed - expected)
                score *= timed | (more >= 0) & high | (more <= 0) & ~high
                columns = self._beyond[:, self._beyond_of[of[timed]]]
                observed[:, timed] += _trailing(columns, window)
                usual_ms = self._watched.usual_ms[of[timed]]
                score[:, timed] *= slow_enough(observed[:, timed], expected[:, timed], usual_ms)
                length = np.minimum(np.arange(1, steps + 1), window)[:, None]
                length = np.broadcast_to(length, score.shape)
                found = Scored(score, high, length, observed, expected, factor)
                best = _merge(best, found, found.score > best.score)
            parts.append(best)
        return Scored(
            *(np.concatenate([getattr(p, f) for p in parts], axis=1) for f in Scored.__slots__)
        )

    def _goes_on(
        self, step: Ints, stream: Ints, lately: Ints, factor: Floats, pace: Floats, high: Bools
    ) -> Bools:
        """Whether the last part of a window, from `lately` on, is still irregular, [m].

        It must exceed what is expected by `pace`, a part of what the window as a whole does.

        Where it is not, what the window holds is over: a window that remembers it for half a day
        would keep the alarm up for as long.
        """
        more = self._observed[step + 1, stream] - self._observed[lately, stream]
        more -= (self._expected[step + 1, stream] - self._expected[lately, stream]) * factor
        return np.asarray(np.where(high, more >= pace, more <= pace))

    def residuals(self, w: int) -> tuple[Floats, Floats, Floats]:
        """Observed, expected and variance of every window of one length, each [t, s]."""
        observed, expected, variance, _ = self._whole_moments(
            np.arange(len(self._watched.streams)), w
        )
        return observed, expected, variance

    def _tamed(self) -> tuple[Floats, Floats]:
        """Observed as scores see it, [t, s], and what streams of latency have beyond that, [t, l].

        No single slow step makes an alarm, and what a crowd explains is as usual.
        """
        watched, timed = self._watched, self._watched.timed
        expected, variance = watched.expected[:, timed], watched.variance[:, timed]
        whole = excused(watched.observed[:, timed], expected, self._load())  # [t, l]
        seen = tamed(whole, expected, variance)
        observed = watched.observed.copy()
        observed[:, timed] = seen
        return observed, whole - seen

    def _load(self) -> Floats:
        """How many times the expected traffic a crowd brings; 1 where there is none; [t]."""
        window = EVENT_WINDOWS[0]
        observed = _trailing(self._unit_observed, window).sum(axis=1)
        expected = _trailing(self._unit_expected, window).sum(axis=1)
        crowd = self.event.min(axis=1) >= LIKELY_CROWD
        return np.where(crowd, np.maximum(observed / np.maximum(expected, 1e-9), 1.0), 1.0)

    def _windows(self, longest: int) -> list[tuple[int, int]]:
        """Place and length of the windows that are looked at."""
        longest = min(longest, self.longest)
        return [(w, window) for w, window in enumerate(WINDOWS) if window <= longest]

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
        unsure = self._unsure[last, stream] - self._unsure[first, stream]
        doubt = doubt + self._watched.doubt[stream]
        variance = spread * factor + plain**2 * doubt + unsure**2
        return observed, expected, variance, factor

    def _whole_moments(self, of: Ints, w: int) -> tuple[Floats, Floats, Floats, Floats]:
        """The same for all windows of one length that end at any step, of some streams; [t, s]."""
        window = WINDOWS[w]
        observed, plain, spread, unsure = (
            _trailing(sums[:, of], window)
            for sums in (self._observed, self._expected, self._variance, self._unsure)
        )
        unit = self._watched.unit[of]
        factor, doubt = (
            np.where(unit >= 0, grid[:, np.maximum(unit, 0)], neutral)
            for grid, neutral in zip(self._demands[w], (1.0, 0.0), strict=True)
        )
        expected = plain * factor
        doubt = doubt + self._watched.doubt[of]
        variance = spread * factor + plain**2 * doubt + unsure**2
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

    def _demand_grid(self, w: int) -> tuple[Floats, Floats]:
        """Mean and variance of the shared factor for every step and unit; [t, u] each."""
        demand = demand_of_each(
            _trailing(self._unit_observed, WINDOWS[w]),
            _trailing(self._unit_expected, WINDOWS[w]),
            float(self._calm_shape[w]),
            self.event,
        )
        shape = self.event.shape
        return demand.mean.reshape(shape), demand.variance.reshape(shape)

    def _events_under_way(self) -> Floats:
        """How sure the last steps make each unit that something moves all others; [t, u].

        One step holds too few calls to tell a crowd from chance; the windows that already tell
        lend it their certainty.
        """
        shape = self._watched.unit_observed.shape
        surest = np.zeros(shape)
        for w, window in enumerate(WINDOWS):
            if window not in EVENT_WINDOWS:
                continue
            demand = demand_of_each(
                _trailing(self._unit_observed, window),
                _trailing(self._unit_expected, window),
                float(self._calm_shape[w]),
                np.zeros(shape),
            )
            surest = np.maximum(surest, demand.event.reshape(shape))
        return surest


def _sums(values: Floats) -> Floats:
    """Running sums with a zero in front, so that a window is a difference; [t + 1, ...]."""
    return np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0)])


def _trailing(sums: Floats, window: int) -> Floats:
    """Sums over the window that ends at each step, shorter at the beginning; [t, ...]."""
    steps = len(sums) - 1
    whole = sums[1:].copy()
    whole[window:] -= sums[1 : max(steps - window, 0) + 1]
    return whole


def _nothing(shape: int | tuple[int, int]) -> Scored:
    return Scored(
        np.full(shape, -1.0),
        np.ones(shape, dtype=bool),
        np.ones(shape, dtype=np.int64),
        np.zeros(shape),
        np.zeros(shape),
        np.ones(shape),
    )


def _merge(best: Scored, found: Scored, better: Bools) -> Scored:
    return Scored(
        *(np.where(better, getattr(found, f), getattr(best, f)) for f in Scored.__slots__)
    )
