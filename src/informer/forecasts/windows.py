"""Counts as a network reads them: scaled, with a calendar, cut into windows."""

from dataclasses import dataclass, replace

import numpy as np

from informer.core.types import Floats, Ints, Series
from informer.forecasts.calendar import day_waves, starts_s

LEAST_SEEN = 0.5  # share of the past of a window that must have been seen
SPREAD_LIMITS = (1e-3, 1.0)


@dataclass(frozen=True, slots=True)
class Scale:
    """How counts become inputs and outputs become counts, [n] each; fitted on training alone."""

    mean: Floats  # of log(1 + calls)
    deviation: Floats
    rate: Floats  # mean calls, > 0
    noise: Floats  # spread from step to step, what the loss weighs residuals with

    @classmethod
    def of(cls, series: Series) -> "Scale":
        """Fitted on the steps that were seen."""
        calls = series.calls[series.seen]
        logs = np.log1p(calls)
        rate = (calls.sum(axis=0) + 0.5) / (len(calls) + 0.5)
        both = series.seen[1:] & series.seen[:-1]
        steps = np.diff(series.calls, axis=0)[both]
        variance = 0.5 * (steps**2).mean(axis=0) if len(steps) else rate
        noise = np.clip((variance - rate) / rate**2, *SPREAD_LIMITS)
        return cls(logs.mean(axis=0), np.maximum(logs.std(axis=0), 0.1), rate, noise)

    def padded(self, nodes: int) -> "Scale":
        """For a graph of more nodes; the added ones are quiet."""
        more = (0, nodes - len(self.mean))
        return Scale(
            np.pad(self.mean, more),
            np.pad(self.deviation, more, constant_values=1.0),
            np.pad(self.rate, more, constant_values=1.0),
            np.pad(self.noise, more, constant_values=1.0),
        )


@dataclass(frozen=True, slots=True)
class Windows:
    """A series as windows are cut from it, padded to `nodes` rpcs."""

    calls: Floats  # [t, n]; a step that was not seen repeats the last one that was
    counts: Floats  # [t, n], 1 where the loss counts
    calendar: Floats  # [t, f]
    past: int
    horizon: int
    starts: Ints  # steps at which a window's future may begin

    @classmethod
    def of(cls, series: Series, nodes: int, past: int, horizon: int, covered_s: int) -> "Windows":
        """Every window whose past was mostly seen and whose next step was seen."""
        t, n = series.calls.shape
        last_seen = np.maximum.accumulate(np.where(series.seen, np.arange(t), -1))
        filled = np.where(last_seen[:, None] >= 0, series.calls[last_seen], 0.0)
        seen = np.concatenate([[0], np.cumsum(series.seen)])
        first = np.arange(past, t - horizon + 1)
        enough = seen[first] - seen[first - past] >= LEAST_SEEN * past
        return cls(
            np.pad(filled, ((0, 0), (0, nodes - n))),
            np.pad(np.repeat(series.seen[:, None], n, axis=1) * 1.0, ((0, 0), (0, nodes - n))),
            day_waves(starts_s(series), series.step_s, covered_s),
            past,
            horizon,
            first[enough & series.seen[first]],
        )

    def split(self, step: int) -> tuple["Windows", "Windows"]:
        """Windows that end before this step, and those whose future begins at it or later."""
        before = self.starts + self.horizon <= step
        after = self.starts >= step
        return replace(self, starts=self.starts[before]), replace(self, starts=self.starts[after])

    def cut(self, starts: Ints) -> tuple[Floats, Floats, Floats, Floats]:
        """Calls and calendar, [..., t + h, n] and [..., t + h, f], and the future's targets.

        The targets are calls and whether they count, [..., h, n] each.
        """
        steps = starts[..., None] + np.arange(-self.past, self.horizon)
        future = steps[..., self.past :]
        return self.calls[steps], self.calendar[steps], self.calls[future], self.counts[future]
