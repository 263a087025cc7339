"""How a DCRNN learns counts: likelihood, scheduled sampling, Adam, early stopping.

As Li et al. (2018) train theirs, but for the loss. They take the mean absolute error of values in
standard deviations; here it is the deviance of a negative binomial, as counts scatter more the more
there are. And an update that is not finite is left out.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import lru_cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from informer.core.errors import InformerError
from informer.core.types import Floats, Ints, PatternGraph
from informer.forecasts.dcrnn_network import DcrnnNetwork
from informer.forecasts.walks import supports
from informer.forecasts.windows import Scale, Windows

UNIT = float(np.log(np.expm1(1.0)))  # softplus(UNIT) = 1: an output of 0 is the mean rate
CLIP_NORM = 5.0
FALL = 0.1  # of the learning rate, at each of the epochs where it falls
LEAST_ROOT = 1e-3  # Adam's epsilon
LEAST_GAIN = 1e-4
TAIL_BATCHES = 8


class Surroundings(NamedTuple):
    """What a network needs to know of its pattern; arguments, so that programs are shared."""

    sides: jax.Array  # [n, n * m]
    mean: jax.Array  # [n]
    deviation: jax.Array  # [n]
    rate: jax.Array  # [n]
    noise: jax.Array  # [n]
    real: jax.Array  # [n], 0 for padding

    @classmethod
    def of(
        cls, graph: PatternGraph, scale: Scale, diffusion_steps: int, nodes: int
    ) -> "Surroundings":
        """A pattern's graph and scale, padded to `nodes`."""
        padded = scale.padded(nodes)
        arrays = (
            supports(graph, diffusion_steps, nodes),
            padded.mean,
            padded.deviation,
            padded.rate,
            padded.noise,
            np.arange(nodes) < len(graph.rpc_ids),
        )
        return cls(*(jnp.asarray(np.asarray(a, np.float32)) for a in arrays))


class Batch(NamedTuple):
    """Windows, with or without a leading axis of batches."""

    calls: jax.Array  # [b, t + h, n]
    calendar: jax.Array  # [b, t + h, f]
    targets: jax.Array  # [b, h, n]
    counts: jax.Array  # [b, h, n], 0 where the loss does not count


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to train; as published for METR-LA."""

    batch: int = 64
    batches: int | None = None  # per epoch; None = every window once
    epochs: int = 100
    patience: int = 50  # epochs without gain on the tail before training stops
    learning_rate: float = 0.01
    falls: tuple[int, ...] = (20, 30, 40, 50)  # epochs at which the rate falls
    sampling_decay: float = 2_000.0  # updates; larger = the truth is shown for longer

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if name != "falls" and value is not None and value <= 0:
                raise InformerError(f"dcrnn.schedule.{name} must be > 0, got {value}")


def values_of(around: Surroundings, calls: jax.Array) -> jax.Array:
    """Calls [..., n] as inputs: the logarithm, standardised."""
    return (jnp.log1p(calls) - around.mean) / around.deviation


def expected_of(around: Surroundings, output: jax.Array) -> jax.Array:
    """Outputs [..., n] as expected calls, always > 0."""
    return around.rate * jax.nn.softplus(output + UNIT) + 1e-6 * around.rate


def predict(
    network: DcrnnNetwork,
    around: Surroundings,
    calls: jax.Array,
    calendar: jax.Array,
    shown: jax.Array,
) -> jax.Array:
    """Expected calls of the last len(shown) steps, [b, h, n], from calls [b, t + h, n].

    Of the future's calls only those are read that `shown` [h] allows.
    """
    horizon = shown.shape[0]
    values = values_of(around, calls)
    b, steps, n = values.shape
    known = jnp.broadcast_to(calendar[:, :, None, :], (b, steps, n, calendar.shape[-1]))
    past = jnp.concatenate([values[..., None], known], axis=-1)[:, :-horizon]
    outputs = network.decode(
        around.sides,
        network.encode(around.sides, past),
        known[:, -horizon:],
        values[:, -horizon:],
        shown,
        lambda output: values_of(around, expected_of(around, output)),
    )
    return expected_of(around, outputs)


def loss(network: DcrnnNetwork, around: Surroundings, batch: Batch, shown: jax.Array) -> jax.Array:
    """Mean deviance of a negative binomial whose spread is `noise`, per call count that counts."""
    m = predict(network, around, batch.calls, batch.calendar, shown)
    y, size = batch.targets, 1.0 / around.noise
    deviance = jax.scipy.special.xlogy(y, jnp.maximum(y, 1e-6) / m) - (y + size) * jnp.log(
        (y + size) / (m + size)
    )
    counts = batch.counts * around.real
    return (deviance * counts).sum() / jnp.maximum(counts.sum(), 1.0)


def train(
    network: DcrnnNetwork,
    around: Surroundings,
    windows: Windows,
    tail: Windows,
    schedule: Schedule,
    *,
    seed: int,
    watch: Callable[[float], None] = lambda loss: None,
) -> DcrnnNetwork:
    """The network as it was after the epoch that forecast the tail best, all steps of it.

    An update that is not finite is left out; where none is, the network comes back as it was.
    `watch` hears the loss of the tail after every epoch.
    """
    rng = np.random.default_rng(seed)
    batches = schedule.batches or -(-len(windows.starts) // schedule.batch)
    optimizer = _optimizer(schedule, batches)
    state = optimizer.init(network)
    held = _batch(tail, _evenly(tail.starts, schedule.batch * TAIL_BATCHES))
    unseen = jnp.zeros(windows.horizon, bool)
    best, best_loss, waited, updates = network, np.inf, 0, 0
    for _ in range(schedule.epochs):
        starts = np.resize(rng.permutation(windows.starts), (batches, schedule.batch))
        shown = rng.random((batches, windows.horizon)) < _share_shown(
            updates + np.arange(batches), schedule.sampling_decay
        )
        network, state = _epoch(network, state, around, _batch(windows, starts), shown, optimizer)
        updates += batches
        now = float(_loss(network, around, held, unseen))
        watch(now)
        if now < best_loss - LEAST_GAIN:
            best, best_loss, waited = network, now, 0
            continue
        waited += 1
        if waited >= schedule.patience:
            break
    return best


@partial(jax.jit, static_argnames="optimizer")
def _epoch(
    network: DcrnnNetwork,
    state: optax.OptState,
    around: Surroundings,
    batches: Batch,
    shown: jax.Array,
    optimizer: optax.GradientTransformationExtraArgs,
) -> tuple[DcrnnNetwork, optax.OptState]:
    def update(
        carry: tuple[DcrnnNetwork, optax.OptState], given: tuple[Batch, jax.Array]
    ) -> tuple[tuple[DcrnnNetwork, optax.OptState], None]:
        network, state = carry
        batch, show = given
        slope = jax.grad(loss)(network, around, batch, show)
        change, state = optimizer.update(slope, state, network)
        return (optax.apply_updates(network, change), state), None

    return jax.lax.scan(update, (network, state), (batches, shown))[0]


_loss = jax.jit(loss)


@lru_cache
def _optimizer(schedule: Schedule, batches: int) -> optax.GradientTransformationExtraArgs:
    """The same object for the same numbers: compiled programs are found by it."""
    falls = {epoch * batches: FALL for epoch in schedule.falls}
    falling = optax.piecewise_constant_schedule(schedule.learning_rate, falls)
    steps = optax.chain(optax.clip_by_global_norm(CLIP_NORM), optax.adam(falling, eps=LEAST_ROOT))
    # As one vector: a program of few operations compiles in half the time.
    return optax.flatten(optax.apply_if_finite(steps, schedule.epochs * batches))


def _batch(windows: Windows, starts: Ints) -> Batch:
    return Batch(*(jnp.asarray(a.astype(np.float32)) for a in windows.cut(starts)))


def _share_shown(updates: Ints, decay: float) -> Floats:
    """Inverse sigmoid decay of the share of true inputs (Bengio et al. 2015), [u, 1]."""
    return np.asarray(1.0 / (1.0 + np.exp(np.minimum(updates / decay, 50.0)) / decay))[:, None]


def _evenly(starts: Ints, count: int) -> Ints:
    """So many of the starts, evenly taken; some twice where there are too few."""
    return starts[np.linspace(0, len(starts) - 1, count).astype(np.int64)]
