"""How the network of `diffusion_gru` learns: many stretches at once, with gaps, and when to stop.

Truncated backpropagation through whole stretches, one step ahead at every step, and the deviance
of a negative binomial. Shapes are few, so that patterns share compiled programs.

Axes: u update, t step, b stretch, n rpc, c channel.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

import informer.forecasts.jax_cpu  # noqa: F401  # one thread
from informer.core.types import Bools, Floats, Ints
from informer.forecasts.gru_network import FURTHEST, HIDDEN, PER_RPC, SAID, WALKS, Weight, Weights
from informer.forecasts.noise import Noise
from informer.forecasts.residuals import OWN, SHARED, STATIC, Inputs

LENGTHS = (96, 48, 24)  # of a stretch, the longest that fits twice
WARM_UP_SHARE = 3  # the first third fills the memory and does not count
CELLS = 256  # stretches x rpcs of an update, about
MOST_STRETCHES = 12
UPDATES = 8  # between two looks at the held-out steps
LEAST_NOISE = 1e-3
CLIP_NORM = 1.0
LEAST_RATE = 0.05  # of the learning rate, at the end
MEMORY = 0.95  # of the mean of weights over updates, which is what is kept
LEAST_GAIN = 2e-4
NODES = (4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512)

Params = dict[str, jax.Array]


@dataclass(frozen=True, slots=True)
class GruSchedule:
    """How long and how fast to train."""

    rounds: int = 40  # of `UPDATES` each
    patience: int = 5  # rounds without gain on the held-out steps, more for short series
    learning_rate: float = 0.01


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


def round_flops(rpcs: int, steps: int) -> float:
    """Operations of the products of one round, padding included: what no program can do without.

    The way back costs twice the way there.
    """
    n = padded(rpcs)
    walked = 2 * n * WALKS * OWN
    read = 2 * 3 * HIDDEN * (WALKS * OWN + STATIC + SHARED)
    recurred = 2 * 3 * HIDDEN * HIDDEN
    said = 2 * SAID * (HIDDEN * WALKS + n * WALKS)
    cells = UPDATES * _stretches(n) * length_for(steps) * n
    return float(cells * (walked + 3 * (read + recurred + said)))


def train(
    weights: Weights,
    lesson: Lesson,
    schedule: GruSchedule,
    *,
    seed: int,
    watch: Callable[[float], None] = lambda loss: None,
) -> Weights:
    """The mean of weights that told the held-out steps best, those given included.

    An update that is not finite is left out; where none is, the weights come back as they were.
    `watch` hears the loss of the held-out steps at every look.
    """
    rng = np.random.default_rng(seed)
    nodes = padded(lesson.calls.shape[1])
    stretches = _stretches(nodes)
    length = length_for(lesson.calls.shape[0])
    cut = _Cut(lesson, nodes, length)
    patience = schedule.patience * LENGTHS[0] // length  # a short series teaches less a round
    held = cut.held(stretches)
    params = {k: jnp.asarray(_padded(k, v, nodes)) for k, v in weights.items()}
    optimizer = _optimizer(schedule.learning_rate, schedule.rounds * UPDATES)
    state, mean = optimizer.init(params), params
    best, best_loss, waited = params, np.inf, 0
    for i in range(schedule.rounds + 1):
        before = mean
        batch = cut.drawn(stretches, 1 + i % (len(lesson.views) - 1), rng)
        params, state, mean, told = _round(
            params, state, mean, cut.around, batch, held, optimizer=optimizer
        )
        loss = float(told)
        watch(loss)
        if loss < best_loss - LEAST_GAIN:
            best, best_loss, waited = before, loss, 0
            continue
        waited += 1
        if waited >= patience:
            break
    rpcs = lesson.calls.shape[1]
    return {k: np.asarray(v)[:rpcs] if k in PER_RPC else np.asarray(v) for k, v in best.items()}


def _stretches(nodes: int) -> int:
    return int(np.clip(CELLS // nodes, 2, MOST_STRETCHES))


def correction(params: Params, around: Around, of: Stretches) -> jax.Array:
    """As `gru_network.log_correction`, for stretches, [t, b, n]."""
    t, b, n, _ = of.own.shape
    wide = jnp.broadcast_to(of.shared[:, :, None], (t, b, n, of.shared.shape[-1]))
    known = jnp.concatenate([of.static, wide], axis=-1)
    drive = _walked(around.sides, of.own) @ params["read"]
    drive = drive + known @ params["read_known"] + params["bias"]

    def step(state: jax.Array, drive: jax.Array) -> tuple[jax.Array, jax.Array]:
        gates = jax.nn.sigmoid(drive[:, : 2 * HIDDEN] + state @ params["gates"])
        reset, update = gates[:, :HIDDEN], gates[:, HIDDEN:]
        candidate = jnp.tanh(drive[:, 2 * HIDDEN :] + (reset * state) @ params["candidate"])
        state = update * state + (1.0 - update) * candidate
        return state, state

    start = jnp.zeros((b * n, HIDDEN))
    _, states = jax.lax.scan(step, start, drive.reshape(t, b * n, 3 * HIDDEN))
    # One product for all steps and stretches: a walk matrix for each would fill the memory.
    filters = params["diffuse"].reshape(HIDDEN, -1)
    filtered = (states.reshape(-1, HIDDEN) @ filters).reshape(t * b, n * WALKS, SAID)
    walked = around.sides @ filtered.transpose(1, 0, 2).reshape(n * WALKS, -1)
    hidden = walked.reshape(n, t * b, SAID).transpose(1, 0, 2)
    hidden = jnp.tanh(hidden.reshape(t, b, n, SAID) + params["diffuse_bias"])
    said = hidden @ params["say"] + (of.own * params["direct"]).sum(-1) + params["offset"]
    return jnp.clip(of.unit * said, -FURTHEST, FURTHEST)


def loss(params: Params, around: Around, of: Stretches) -> jax.Array:
    """Mean deviance of the counts that count."""
    m = of.base * jnp.exp(correction(params, around, of))
    size = 1.0 / jnp.maximum(around.spread + around.batch / of.base, LEAST_NOISE)
    y = of.calls
    deviance = jax.scipy.special.xlogy(y, jnp.maximum(y, 1e-6) / m) - (y + size) * jnp.log(
        (y + size) / (m + size)
    )
    counts = of.counts * around.real
    return (deviance * counts).sum() / jnp.maximum(counts.sum(), 1.0)


@partial(jax.jit, static_argnames="optimizer")
def _round(
    params: Params,
    state: optax.OptState,
    mean: Params,
    around: Around,
    batches: Stretches,
    held: Stretches,
    *,
    optimizer: optax.GradientTransformationExtraArgs,
) -> tuple[Params, optax.OptState, Params, jax.Array]:
    """So many updates; and how the mean told the held-out steps before them."""

    def update(
        carry: tuple[Params, optax.OptState, Params], batch: Stretches
    ) -> tuple[tuple[Params, optax.OptState, Params], None]:
        params, state, mean = carry
        slope = jax.grad(loss)(params, around, batch)
        change, state = optimizer.update(slope, state, params)
        params = optax.apply_updates(params, change)
        mean = jax.tree.map(lambda a, b: MEMORY * a + (1.0 - MEMORY) * b, mean, params)
        return (params, state, mean), None

    told = loss(mean, around, held)
    params, state, mean = jax.lax.scan(update, (params, state, mean), batches)[0]
    return params, state, mean, told


@cache
def _optimizer(learning_rate: float, updates: int) -> optax.GradientTransformationExtraArgs:
    """The same object for the same numbers: compiled programs are found by it."""
    falling = optax.cosine_decay_schedule(learning_rate, updates, LEAST_RATE)
    steps = optax.chain(optax.clip_by_global_norm(CLIP_NORM), optax.adam(falling))
    # As one vector: a program of few operations compiles in half the time.
    return optax.flatten(optax.apply_if_finite(steps, updates))


class _Cut:
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


def _walked(sides: jax.Array, x: jax.Array) -> jax.Array:
    t, b, n, c = x.shape
    walks = sides.reshape(n, n, WALKS).transpose(0, 2, 1).reshape(n * WALKS, n)
    walked = (walks @ x.transpose(2, 0, 1, 3).reshape(n, -1)).reshape(n, WALKS, t, b, c)
    return walked.transpose(2, 3, 0, 1, 4).reshape(t, b, n, WALKS * c)


def _padded(name: str, array: Weight, nodes: int) -> Weight:
    if name not in PER_RPC:
        return array
    return np.pad(array, [(0, nodes - len(array))] + [(0, 0)] * (array.ndim - 1))
