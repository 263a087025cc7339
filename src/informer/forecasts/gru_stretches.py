"""The stretches that `diffusion_gru` learns from: parts of a series, many at once.

Axes: t step, c channel, b stretch, n rpc.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from informer.core.types import Bools, Floats, Ints
from informer.forecasts.gru_network import WALKS
from informer.forecasts.noise import Noise
from informer.forecasts.residuals import Inputs

LENGTHS = (96, 48, 24)  # of a stretch, the longest that fits twice
WARM_UP_SHARE = 3  # the first third fills the memory and does not count
CELLS = 240  # stretches x rpcs of an update, about
STRETCHES = (2, 12)  # of an update, at least and at most
LEAST_NOISE = 1e-3

Array = npt.NDArray[np.floating]  # single precision to learn, double to be checked


@dataclass(frozen=True, slots=True)
class Lesson:
    """A series to learn from; `views` are its inputs, each with other gaps, the first with none."""

    views: Sequence[Inputs]
    base: Floats  # [t, n], what the clock expects
    calls: Floats  # [t, n]
    seen: Bools  # [t]
    held: Bools  # [t], steps that tell when to stop
    noise: Noise
    sides: Floats  # [n, n * m], as from `walks.supports`


@dataclass(frozen=True, slots=True)
class Stretches:
    """Parts of a series, with what the gradient of the loss needs to know of them."""

    own: Array  # [t, c, b, n]
    read: Array  # [t, c, b, n]: own inputs after every walk, the walks outermost; then all others
    unit: Array  # [t, b, n]
    base: Array  # [t, b, n]
    calls: Array  # [t, b, n]
    size: Array  # [t, b, n], 1 / spread of the counts
    counts: Array  # [t, b, 1], 1 where the loss counts


def length_for(steps: int) -> int:
    """Steps of a stretch; the shortest one needs twice as many steps of series."""
    return next((length for length in LENGTHS if 2 * length <= steps), LENGTHS[-1])


def stretches_for(rpcs: int) -> int:
    """How many stretches an update takes."""
    return int(np.clip(CELLS // rpcs, *STRETCHES))


def walks_of(sides: Floats) -> list[Array]:
    """What to multiply [..., n] with for each walk but the identity, [n, n] each."""
    n = len(sides)
    each = np.asarray(sides, np.float32).reshape(n, n, WALKS)
    return [np.ascontiguousarray(each[:, :, m].T) for m in range(1, WALKS)]


def walked(array: Array, walk: Array) -> Array:
    """Signals [..., n] after a walk, as one product: many small ones would take longer."""
    return np.asarray((array.reshape(-1, len(walk)) @ walk).reshape(array.shape))


class Cut:
    """Cuts stretches out of a series."""

    def __init__(self, lesson: Lesson, length: int) -> None:
        first, steps = lesson.views[0], len(lesson.calls)
        short = max(0, length - steps)  # what there is too little of is never counted

        def long(array: Floats) -> Array:
            pad = [(0, short)] + [(0, 0)] * (array.ndim - 1)
            return np.pad(array, pad, mode="edge").astype(np.float32)

        self._own = [long(np.moveaxis(view.own, 2, 1)) for view in lesson.views]  # [t, c, n]
        self._shared = [long(view.shared) for view in lesson.views]
        self._static = long(np.moveaxis(first.static, 2, 1))
        size = 1.0 / np.maximum(lesson.noise.spread_at(lesson.base), LEAST_NOISE)
        self._others = [long(a) for a in (first.unit, lesson.base, lesson.calls, size)]
        self._seen = np.pad(lesson.seen, (0, short))
        self._held = np.pad(lesson.held, (0, short))
        self._steps, self._length = steps + short, length
        self.walks = walks_of(lesson.sides)

    def drawn(self, stretches: int, view: int, rng: np.random.Generator) -> Stretches:
        """So many, anywhere, in one of the views; held-out steps do not count."""
        starts = rng.integers(0, self._steps - self._length + 1, stretches)
        return self._of(starts, view, ~self._held)

    def held(self, stretches: int) -> Stretches:
        """So many around held-out steps, evenly taken, of which those alone count."""
        at = np.flatnonzero(self._held & self._seen)
        at = at if len(at) else np.zeros(1, np.int64)
        middle = at[((np.arange(stretches) + 0.5) * len(at) / stretches).astype(np.int64)]
        starts = np.clip(middle - 2 * self._length // 3, 0, self._steps - self._length)
        return self._of(starts, 0, self._held)

    def _of(self, starts: Ints, view: int, counted: Bools) -> Stretches:
        t = starts + np.arange(self._length)[:, None]  # [t, b]
        warm = self._length // WARM_UP_SHARE
        late = (np.arange(self._length) >= warm)[:, None] | (starts == 0)
        counts = (counted & self._seen)[t] & late
        own = _channels_first(self._own[view][t])
        static = _channels_first(self._static[t])
        shared = np.moveaxis(self._shared[view][t], 2, 1)[..., None]  # [t, c, b, 1]
        shared = np.broadcast_to(shared, (*shared.shape[:-1], own.shape[-1]))
        read = np.concatenate([own, *(walked(own, w) for w in self.walks), static, shared], axis=1)
        unit, base, calls, size = (a[t] for a in self._others)
        return Stretches(own, read, unit, base, calls, size, counts[..., None].astype(np.float32))


def _channels_first(array: Array) -> Array:
    """[t, b, c, n] as [t, c, b, n]."""
    return np.ascontiguousarray(np.swapaxes(array, 1, 2))
