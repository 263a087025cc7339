"""The stretches that `diffusion_gru` learns from: parts of a padded series, many at once.

Shapes are few, so that patterns share compiled programs.

Axes: u update, t step, b stretch, n rpc, c channel.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import informer.forecasts.jax_cpu  # noqa: F401  # imported for its effect: one thread
from informer.core.types import Bools, Floats, Ints
from informer.forecasts.gru_network import WALKS
from informer.forecasts.noise import Noise
from informer.forecasts.residuals import Inputs

LENGTHS = (96, 48, 24)  # of a stretch, the longest that fits twice
WARM_UP_SHARE = 3  # the first third fills the memory and does not count
CELLS = 256  # stretches x rpcs of an update, about
MOST_STRETCHES = 12
UPDATES = 8  # between two looks at the held-out steps
NODES = (4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)


@dataclass(frozen=True, slots=True)
class Lesson:
    """A series to learn from; `views` are its inputs, each with other gaps, the first with none."""

    views: Sequence[Inputs]
    base: Floats  # [t, n], what the clock expects
    calls: Floats  # [t, n]
    seen: Bools  # [t]
    held: Bools  # [t], steps that tell when to stop
    noise: Noise
    sides: Floats  # [n, n * m]


class Around(NamedTuple):
    """A pattern, padded."""

    sides: jax.Array  # [n, n * m]
    spread: jax.Array  # [n]
    batch: jax.Array  # [n]
    real: jax.Array  # [n], 0 for padding


class Stretches(NamedTuple):
    """Parts of a series, with or without a leading axis of updates."""

    own: jax.Array  # [t, b, n, c]
    static: jax.Array  # [t, b, n, c]
    shared: jax.Array  # [t, b, c]
    unit: jax.Array  # [t, b, n]
    base: jax.Array  # [t, b, n]
    calls: jax.Array  # [t, b, n]
    counts: jax.Array  # [t, b, 1], 1 where the loss counts


def padded(nodes: int) -> int:
    """The next of few sizes."""
    return next((size for size in NODES if size >= nodes), -(-nodes // 128) * 128)


def length_for(steps: int) -> int:
    """Steps of a stretch; the shortest one needs twice as many steps of series."""
    return next((length for length in LENGTHS if 2 * length <= steps), LENGTHS[-1])


def stretches_for(nodes: int) -> int:
    """How many stretches an update takes."""
    return int(np.clip(CELLS // nodes, 2, MOST_STRETCHES))


class Cut:
    """Cuts stretches out of a padded series."""

    def __init__(self, lesson: Lesson, nodes: int, length: int) -> None:
        def wide(array: Floats, fill: float = 0.0) -> Floats:
            pad = [(0, 0)] * array.ndim
            pad[1] = (0, nodes - array.shape[1])
            return np.pad(array, pad, constant_values=fill).astype(np.float32)

        first, steps = lesson.views[0], len(lesson.calls)
        short = max(0, length - steps)  # what there is too little of is never counted

        def long(array: Floats) -> Floats:
            return np.pad(array, [(0, short)] + [(0, 0)] * (array.ndim - 1), mode="edge")

        self._own = [long(wide(view.own)) for view in lesson.views]
        self._shared = [long(view.shared.astype(np.float32)) for view in lesson.views]
        self._others = [
            long(a)
            for a in (
                wide(first.static),
                wide(first.unit, 0.1),
                wide(lesson.base, 1.0),
                wide(lesson.calls),
            )
        ]
        self._seen = np.pad(lesson.seen, (0, short))
        self._held = np.pad(lesson.held, (0, short))
        self._steps, self._length = steps + short, length
        n = lesson.sides.shape[0]
        sides = np.zeros((nodes, nodes, WALKS), np.float32)
        sides[:n, :n] = lesson.sides.reshape(n, n, WALKS)
        pad = (0, nodes - n)
        self.around = Around(
            jnp.asarray(sides.reshape(nodes, -1)),
            jnp.asarray(np.pad(lesson.noise.spread, pad, constant_values=1.0), jnp.float32),
            jnp.asarray(np.pad(lesson.noise.batch, pad), jnp.float32),
            jnp.asarray(np.arange(nodes) < n, jnp.float32),
        )

    def drawn(self, stretches: int, view: int, rng: np.random.Generator) -> Stretches:
        """`UPDATES` times so many, anywhere, in one of the views; held-out steps do not count."""
        starts = rng.integers(0, self._steps - self._length + 1, (UPDATES, stretches))
        return self._of(starts, view, ~self._held)

    def held(self, stretches: int) -> Stretches:
        """So many around held-out steps, evenly taken, of which those alone count."""
        at = np.flatnonzero(self._held & self._seen)
        at = at if len(at) else np.zeros(1, np.int64)
        middle = at[((np.arange(stretches) + 0.5) * len(at) / stretches).astype(np.int64)]
        starts = np.clip(middle - 2 * self._length // 3, 0, self._steps - self._length)
        return self._of(starts, 0, self._held)

    def _of(self, starts: Ints, view: int, counted: Bools) -> Stretches:
        t = starts[..., None, :] + np.arange(self._length)[:, None]  # [..., t, b]
        warm = self._length // WARM_UP_SHARE
        late = (np.arange(self._length) >= warm)[:, None] | (starts[..., None, :] == 0)
        counts = (counted & self._seen)[t] & late
        static, unit, base, calls = (a[t] for a in self._others)
        own, shared = self._own[view][t], self._shared[view][t]
        given = (own, static, shared, unit, base, calls, counts[..., None])
        return Stretches(*(jnp.asarray(a, jnp.float32) for a in given))
