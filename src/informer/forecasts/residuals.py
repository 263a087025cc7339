"""What a network reads of a series beside its forecast by the clock: how far off that was.

Everything at step t is known before it. Axes: t step, n rpc, f own input, q shared input.
"""

from collections.abc import Sequence
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
    return views_of(series, [seen], base, noise, usual_log, covered_s)[0]


def views_of(
    series: Series,
    seen: Sequence[Bools],
    base: Floats,
    noise: Noise,
    usual_log: Floats,
    covered_s: int,
) -> list[Inputs]:
    """As `inputs_of`, once for each `seen`."""
    off, unit, static = scaled(series.calls, base, noise, usual_log)
    calendar = waves(starts_s(series), series.step_s, covered_s)
    steps, rpcs = off.shape
    # Side by side, as though the rpcs of each view were others.
    side = np.repeat(np.stack(seen, axis=1), rpcs, axis=1)  # [t, v * n]
    own = _memories(np.tile(off, len(seen)) * side, side).reshape(steps, len(seen), rpcs, OWN)
    found = []
    for i, mask in enumerate(seen):
        before = np.concatenate([np.zeros(min(1, steps)), mask[:-1]])
        shared = np.concatenate([calendar, before[:, None]], axis=1)
        found.append(Inputs(own[:, i], static, shared, unit))
    return found


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
        self._total, self._weight = np.zeros((2, len(HALF_LIVES), rpcs))

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

    def learn(self, off: Floats, seen: Bools) -> None:
        """That step is over, [n] each; an rpc that was not seen has 0 and only forgets."""
        self._total *= self._decay
        self._weight *= self._decay
        self._total += off
        self._weight += seen
        self._last = off[None]


def _memories(off: Floats, seen: Bools) -> Floats:
    """What is remembered before every step, [t, n, f]."""
    steps, rpcs = off.shape
    found, memory = np.empty((steps, rpcs, OWN)), Memory(rpcs)
    for t in range(steps):
        found[t] = memory.read().T
        memory.learn(off[t], seen[t])
    return found
