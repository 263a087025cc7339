"""How the network of `diffusion_gru` learns: many stretches at once, with gaps, and when to stop.

Truncated backpropagation through whole stretches, one step ahead at every step, and the deviance
of a negative binomial.

Axes: u update, t step, b stretch, n rpc, c channel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

import informer.forecasts.jax_cpu  # noqa: F401  # imported for its effect: one thread
from informer.forecasts.gru_network import FURTHEST, HIDDEN, PER_RPC, SAID, WALKS, Weight, Weights
from informer.forecasts.gru_stretches import (
    LENGTHS,
    UPDATES,
    Around,
    Cut,
    Lesson,
    Stretches,
    length_for,
    padded,
    stretches_for,
)
from informer.forecasts.residuals import OWN, SHARED, STATIC

LEAST_NOISE = 1e-3
CLIP_NORM = 1.0
LEAST_RATE = 0.05  # of the learning rate, at the end
MEMORY = 0.95  # of the mean of weights over updates, which is what is kept
LEAST_GAIN = 2e-4

Params = dict[str, jax.Array]


@dataclass(frozen=True, slots=True)
class GruSchedule:
    """How long and how fast to train."""

    rounds: int = 40  # of `UPDATES` each
    patience: int = 5  # rounds without gain on the held-out steps, more for short series
    learning_rate: float = 0.01


def round_flops(rpcs: int, steps: int) -> float:
    """Operations of the products of one round, padding included: what no program can do without.

    The way back costs twice the way there.
    """
    n = padded(rpcs)
    walked = 2 * n * WALKS * OWN
    read = 2 * 3 * HIDDEN * (WALKS * OWN + STATIC + SHARED)
    recurred = 2 * 3 * HIDDEN * HIDDEN
    said = 2 * SAID * (HIDDEN * WALKS + n * WALKS)
    cells = UPDATES * stretches_for(n) * length_for(steps) * n
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
    stretches = stretches_for(nodes)
    length = length_for(lesson.calls.shape[0])
    cut = Cut(lesson, nodes, length)
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


def _walked(sides: jax.Array, x: jax.Array) -> jax.Array:
    t, b, n, c = x.shape
    walks = sides.reshape(n, n, WALKS).transpose(0, 2, 1).reshape(n * WALKS, n)
    walked = (walks @ x.transpose(2, 0, 1, 3).reshape(n, -1)).reshape(n, WALKS, t, b, c)
    return walked.transpose(2, 3, 0, 1, 4).reshape(t, b, n, WALKS * c)


def _padded(name: str, array: Weight, nodes: int) -> Weight:
    if name not in PER_RPC:
        return array
    return np.pad(array, [(0, nodes - len(array))] + [(0, 0)] * (array.ndim - 1))
