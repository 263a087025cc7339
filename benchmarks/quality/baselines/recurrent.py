"""A small gated recurrent unit that forecasts the next step of many columns with the same weights.

Axes: t step, c column, b column of a batch, f input, h hidden.
"""

from dataclasses import dataclass
from functools import lru_cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax

import informer.forecasts.jax_cpu  # noqa: F401  # one thread, as for every baseline
from informer.core.types import Bools, Floats

HIDDEN = 16
UPDATES, BATCHES = 200, (32, 192)  # columns of a batch: as many as there are, within limits
WARM_UP, LENGTH = 24, 96  # steps of a batch: the first ones fill the memory and do not count
RATES = (0.01, 0.05)  # of learning: the highest, and what share of it is left at the end
CLIP = 1.0
SPREAD = 0.02  # of the loss: a busy column must not outweigh all others
COLUMNS = 128  # to forecast together
FURTHEST = 3.0  # of the logarithm of a ratio

Weights = dict[str, jax.Array]


@dataclass(frozen=True, slots=True)
class Sequences:
    """What the network reads and what it is to forecast; columns are alike to it."""

    inputs: Floats  # [f, t, c], known before each step
    shared: Floats  # [t, f], the same for all columns: the calendar
    usual: Floats  # [t, c], counts to expect where nothing else is known
    counts: Floats  # [t, c]


def forecast(sequences: Sequences, learned: Bools, *, seed: int) -> Floats:
    """Expected counts of every step, [t, c], having learned from some steps, [t]."""
    rng = np.random.default_rng(seed)
    of, size = sequences, int(np.clip(sequences.counts.shape[1], *BATCHES))
    weights = _random(len(of.inputs) + of.shared.shape[1], rng)
    optimizer = _optimizer()
    state = optimizer.init(weights)
    (known,) = np.nonzero(learned)
    steps = min(WARM_UP + LENGTH, int(known[-1]) + 1)
    for _ in range(UPDATES):
        first = rng.integers(0, known[-1] + 2 - steps, size)
        columns = rng.integers(0, of.counts.shape[1], size)
        t = first + np.arange(steps)[:, None]  # [t, b]
        counted = learned[t] & (np.arange(steps) >= WARM_UP)[:, None]
        batch = (_read(of, t, columns), of.usual[t, columns], of.counts[t, columns], counted)
        weights, state = _update(
            weights, state, tuple(jnp.asarray(x, jnp.float32) for x in batch), optimizer
        )
    return _forecast_all(weights, of)


def _read(of: Sequences, t: np.ndarray, columns: np.ndarray) -> Floats:
    """Inputs of steps [t, b] of columns [b], [t, b, f]."""
    own = np.moveaxis(of.inputs[:, t, columns], 0, -1)
    return np.concatenate([own, of.shared[t]], axis=-1)


def _forecast_all(weights: Weights, of: Sequences) -> Floats:
    """Some columns at a time, padded so that all share one program."""
    steps, columns = of.counts.shape
    expected = np.empty((steps, columns))
    t = np.repeat(np.arange(steps)[:, None], COLUMNS, axis=1)
    for first in range(0, columns, COLUMNS):
        some = np.minimum(np.arange(first, first + COLUMNS), columns - 1)
        inputs = jnp.asarray(_read(of, t, some), jnp.float32)
        width = min(COLUMNS, columns - first)
        ratio = np.exp(np.asarray(_run(weights, inputs), np.float64))[:, :width]
        expected[:, first : first + width] = ratio * of.usual[:, first : first + width]
    return expected


def _random(inputs: int, rng: np.random.Generator) -> Weights:
    def drawn(*shape: int) -> jax.Array:
        return jnp.asarray(rng.normal(size=shape) / np.sqrt(shape[0]), jnp.float32)

    return {
        "in": drawn(inputs, 3 * HIDDEN),
        "gates": drawn(HIDDEN, 2 * HIDDEN),
        "candidate": drawn(HIDDEN, HIDDEN),
        "bias": jnp.zeros(3 * HIDDEN).at[HIDDEN : 2 * HIDDEN].set(1.0),  # remember at first
        "out": drawn(HIDDEN) * 0.1,
        "offset": jnp.zeros(()),
    }


@jax.jit
def _run(weights: Weights, inputs: jax.Array) -> jax.Array:
    """Logarithm of the ratio to what is usual, [t, b], from inputs [t, b, f] (Cho et al. 2014)."""

    def step(state: jax.Array, drive: jax.Array) -> tuple[jax.Array, jax.Array]:
        gates = jax.nn.sigmoid(drive[:, : 2 * HIDDEN] + state @ weights["gates"])
        reset, update = gates[:, :HIDDEN], gates[:, HIDDEN:]
        candidate = jnp.tanh(drive[:, 2 * HIDDEN :] + (reset * state) @ weights["candidate"])
        state = update * state + (1.0 - update) * candidate
        return state, state @ weights["out"] + weights["offset"]

    drives = inputs @ weights["in"] + weights["bias"]
    start = jnp.zeros((inputs.shape[1], HIDDEN))
    return jnp.clip(jax.lax.scan(step, start, drives)[1], -FURTHEST, FURTHEST)


def _loss(weights: Weights, batch: tuple[jax.Array, ...]) -> jax.Array:
    """Mean negative log likelihood of negative binomial counts, without constants."""
    inputs, usual, counts, counted = batch
    mean = usual * jnp.exp(_run(weights, inputs))
    size = 1.0 / SPREAD
    loss = (counts + size) * jnp.log(mean + size) - counts * jnp.log(mean)
    return (loss * counted).sum() / jnp.maximum(counted.sum(), 1.0)


@partial(jax.jit, static_argnames="optimizer")
def _update(
    weights: Weights,
    state: optax.OptState,
    batch: tuple[jax.Array, ...],
    optimizer: optax.GradientTransformation,
) -> tuple[Weights, optax.OptState]:
    slope = jax.grad(_loss)(weights, batch)
    change, state = optimizer.update(slope, state, weights)
    return optax.apply_updates(weights, change), state


@lru_cache
def _optimizer() -> optax.GradientTransformation:
    """The same object every time: compiled programs are found by it."""
    falling = optax.cosine_decay_schedule(RATES[0], UPDATES, RATES[1])
    return optax.chain(optax.clip_by_global_norm(CLIP), optax.adam(falling))
