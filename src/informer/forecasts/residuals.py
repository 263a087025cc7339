"""What a network reads of a series beside its forecast by the clock: how far off that was.

Everything at step t is known before it. Axes: t step, n rpc, f own input, q shared input.
"""

from copy import copy
from dataclasses import dataclass

import numpy as np

from informer.core.types import Bools, Floats, Series
from informer.forecasts.calendar import WAVES, starts_s, waves
from informer.forecasts.noise import Noise

REACH_SD = 4.0  # an attack may pull no further
HALF_LIVES = (2.0, 6.0, 24.0)  # steps, of the means of what was off
OWN = 1 + len(HALF_LIVES)  # inputs that diffuse
STATIC = 2
SHARED = WAVES + 1
LARGEST_STATIC = 3.0


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that is read, in units of about one."""

    own: Floats  # [t, n, f], the last residual and means of earlier ones
    static: Floats  # [t, n, 2], how busy the rpc is by the clock, and how far it scatters
    shared: Floats  # [t, q], the calendar, and whether the step before was seen
    unit: Floats  # [t, n], one deviation as a share of what is expected, at most 1


def inputs_of(
    series: Series, seen: Bools, base: Floats, noise: Noise, usual_log: Floats, covered_s: int
) -> Inputs:
    """Inputs of every step, where only the steps in `seen` [t] may be read.

    `base` [t, n] is what the clock expects, `usual_log` [n] the mean of its logarithm.
    """
    off, unit, static = scaled(series.calls, base, noise, usual_log)
    off *= seen[:, None]
    before = np.concatenate([np.zeros(min(1, len(seen))), seen[:-1]])
    calendar = waves(starts_s(series), series.step_s, covered_s)
    return Inputs(
        _memories(off, seen),
        static,
        np.concatenate([calendar, before[:, None]], axis=1),
        unit,
    )


def scaled(
    calls: Floats, base: Floats, noise: Noise, usual_log: Floats
) -> tuple[Floats, Floats, Floats]:
    """Residuals in standard deviations, the unit, and static inputs, [t, n], [t, n], [t, n, 2]."""
    deviation = noise.deviation(base)
    off = np.clip((calls - base) / deviation, -REACH_SD, REACH_SD)
    unit = np.minimum(deviation / base, 1.0)
    static = np.stack([0.5 * (np.log(base) - usual_log), 0.5 * np.log(unit)], axis=-1)
    return off, unit, np.clip(static, -LARGEST_STATIC, LARGEST_STATIC)


class Memory:
    """What is remembered of residuals between two steps, for [n] rpcs."""

    def __init__(self, rpcs: int) -> None:
        self._decay = 0.5 ** (1.0 / np.array(HALF_LIVES))[:, None]
        self._last = np.zeros((1, rpcs))
        self._total, self._weight = np.zeros((len(HALF_LIVES), rpcs)), np.zeros_like(self._decay)

    def copy(self) -> "Memory":
        """The same, to go on by itself from here."""
        twin = copy(self)
        twin._total, twin._weight = self._total.copy(), self._weight.copy()
        return twin

    def read(self) -> Floats:
        """The residual of the step before, and means that forget with each half-life, [f, n].

        A mean of few steps is drawn towards 0.
        """
        return np.concatenate([self._last, self._total / (self._weight + 1.0)])

    def learn(self, off: Floats | None) -> None:
        """That step is over; one that was not seen (None) only forgets."""
        self._total *= self._decay
        self._weight *= self._decay
        self._last = np.zeros_like(self._last)
        if off is not None:
            self._total += off
            self._weight += 1.0
            self._last = off[None]


def _memories(off: Floats, seen: Bools) -> Floats:
    """What is remembered before every step, [t, n, f]."""
    steps, rpcs = off.shape
    found, memory = np.zeros((steps, OWN, rpcs)), Memory(rpcs)
    for t in range(steps):
        found[t] = memory.read()
        memory.learn(off[t] if seen[t] else None)
    return np.moveaxis(found, 1, 2)
