"""The DCRNN forecaster: the paper's network on counts, with a negative binomial around it."""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace

import jax
import jax.numpy as jnp
import numpy as np

from informer.core.errors import InformerError
from informer.core.types import Forecast, Json, Model, Series
from informer.forecasts.calendar import DAY_WAVES, day_waves, starts_s
from informer.forecasts.counts import REACH_SD, fit_spread
from informer.forecasts.dcrnn_network import DcrnnNetwork
from informer.forecasts.jax_cpu import padded_nodes
from informer.forecasts.model import TooShortError, check_fits, described
from informer.forecasts.training import Schedule, Surroundings, predict, train
from informer.forecasts.windows import Scale, Windows

TAIL_SHARE = 0.15  # of training, for early stopping and the spread
FEWEST_WINDOWS = 64
LEAST_LEVEL = 1e-3  # below it, what there was of an rpc says nothing about now
CHUNK = 256  # steps per call of the compiled program, whatever the length of the series


@dataclass(frozen=True, slots=True)
class DcrnnSettings:
    """Size and schedule, as published (Li et al. 2018)."""

    hidden: int = 64
    layers: int = 2
    diffusion_steps: int = 2
    past: int = 12
    horizon: int = 12
    schedule: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        for name in ("hidden", "layers", "diffusion_steps", "past", "horizon"):
            value = getattr(self, name)
            if value <= 0:
                raise InformerError(f"dcrnn.{name} must be > 0, got {value}")


class Dcrnn:
    """Forecasts with a diffusion convolutional recurrent network on the pattern's graph."""

    name = "dcrnn"

    def __init__(
        self,
        settings: DcrnnSettings | None = None,
        watch: Callable[[float], None] = lambda loss: None,
    ) -> None:
        """`watch` hears the loss of the tail after every epoch."""
        self.settings = settings or DcrnnSettings()
        self._watch = watch

    def fit(self, series: Series, *, seed: int) -> Model:
        """Train on all but the tail, stop by the tail, take the spread from the tail.

        Raises `TooShortError` where fewer than `FEWEST_WINDOWS` windows can be cut.
        """
        s = self.settings
        series = _at_one_level(series)
        n = series.calls.shape[1]
        nodes = padded_nodes(n)
        cut = series.steps - max(int(series.steps * TAIL_SHARE), s.horizon)
        covered_s = cut * series.step_s  # the tail teaches no season
        windows = Windows.of(series, nodes, s.past, s.horizon, covered_s)
        training, tail = windows.split(cut)
        if len(training.starts) < FEWEST_WINDOWS or len(tail.starts) == 0:
            raise TooShortError(
                f"dcrnn needs {FEWEST_WINDOWS} windows of {s.past} + {s.horizon} seen steps and"
                f" a tail to stop by, got {len(training.starts)} and {len(tail.starts)}"
            )
        scale = Scale.of(series.slice(0, cut))
        around = Surroundings.of(series.graph, scale, s.diffusion_steps, nodes)
        network = train(
            _network(s, seed), around, training, tail, s.schedule, seed=seed, watch=self._watch
        )
        model = Model(
            self.name,
            {f"network.{i}": np.asarray(leaf) for i, leaf in enumerate(jax.tree.leaves(network))}
            | {f"around.{key}": np.asarray(value) for key, value in around._asdict().items()}
            | {"spread": scale.noise},
            {"network": _shape(s), "covered_s": covered_s, **described(series)},
        )
        warm = series.slice(max(0, cut - CHUNK), series.steps)
        expected = self.forecast(model, warm).expected[-(series.steps - cut) :]
        last = series.slice(cut, series.steps)
        model.arrays["spread"] = fit_spread(last.calls, expected, last.seen)
        return model

    def forecast(self, model: Model, series: Series) -> Forecast:
        """Expected and spread, [t, n]; the first steps are forecast as after an average past.

        What enters the past is clipped, and where nothing was seen the forecast itself enters.
        """
        check_fits(model, series)
        level = series.level
        series = _at_one_level(series)
        s = DcrnnSettings(**model.settings["network"])
        around = Surroundings(
            *(jnp.asarray(model.arrays[f"around.{key}"]) for key in Surroundings._fields)
        )
        network = _network_from(model, s)
        t, n = series.calls.shape
        nodes = around.rate.shape[0]
        spread = np.pad(model.arrays["spread"], (0, nodes - n))
        chunks = -(-t // CHUNK)
        calls = np.pad(series.calls, ((0, chunks * CHUNK - t), (0, nodes - n)))
        seen = np.pad(series.seen, (0, chunks * CHUNK - t))
        first = starts_s(series)[0] if t else 0
        starts = first + np.arange(-s.past, chunks * CHUNK) * series.step_s
        calendar = day_waves(starts, series.step_s, model.settings["covered_s"])
        window = np.tile(np.expm1(around.mean), (s.past, 1))
        parts = []
        for begin in range(0, t, CHUNK):
            end = begin + CHUNK
            given = (calls[begin:end], calendar[begin : end + s.past], spread, window)
            part, window = _follow(
                network, around, seen[begin:end], *(np.asarray(a, np.float32) for a in given)
            )
            parts.append(np.asarray(part, np.float64))
        expected = np.concatenate(parts)[:t, :n] if parts else np.zeros((0, n))
        if level is not None:
            expected = expected * level
        return Forecast(expected, np.broadcast_to(spread[:n], expected.shape).copy())


def _at_one_level(series: Series) -> Series:
    """The same traffic as it would have been, had its level always been that of now.

    Where an rpc had (next to) none of its traffic of now, it follows the entry as it does now.
    """
    if series.level is None:
        return series
    calls = series.calls / series.level
    there = (series.level >= LEAST_LEVEL) & series.seen[:, None]
    per_entry = (calls * there).sum(axis=0) / np.maximum((calls[:, :1] * there).sum(axis=0), 1.0)
    calls = np.where(series.level >= LEAST_LEVEL, calls, calls[:, :1] * per_entry)
    return replace(series, calls=calls, level=None)


@jax.jit
def _follow(
    network: DcrnnNetwork,
    around: Surroundings,
    seen: jax.Array,
    calls: jax.Array,
    calendar: jax.Array,
    spread: jax.Array,
    window: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """Expected calls of a chunk, [t, n], step after step, and the window [past, n] it leaves."""
    past = window.shape[0]
    unknown = jnp.zeros((1, window.shape[1]))

    def step(
        window: jax.Array, given: tuple[jax.Array, jax.Array, jax.Array]
    ) -> tuple[jax.Array, jax.Array]:
        at, observed, was_seen = given
        expected = predict(
            network,
            around,
            jnp.concatenate([window, unknown])[None],
            jax.lax.dynamic_slice_in_dim(calendar, at, past + 1)[None],
            jnp.zeros(1, bool),
        )[0, 0]
        reach = REACH_SD * jnp.sqrt(expected + spread * expected**2)
        clipped = jnp.clip(observed, expected - reach, expected + reach + 1.0)
        entered = jnp.where(was_seen, clipped, expected)
        return jnp.concatenate([window[1:], entered[None]]), expected

    window, expected = jax.lax.scan(step, window, (jnp.arange(len(calls)), calls, seen))
    return expected, window


def _shape(s: DcrnnSettings) -> Json:
    return {key: value for key, value in asdict(s).items() if key != "schedule"}


def _network(s: DcrnnSettings, seed: int) -> DcrnnNetwork:
    return DcrnnNetwork.random(
        past=1 + DAY_WAVES,
        future=1 + DAY_WAVES,
        hidden=s.hidden,
        layers=s.layers,
        walks=1 + 2 * s.diffusion_steps,
        seed=seed,
    )


def _network_from(model: Model, s: DcrnnSettings) -> DcrnnNetwork:
    leaves, form = jax.tree.flatten(_network(s, 0))
    network: DcrnnNetwork = jax.tree.unflatten(
        form, [model.arrays[f"network.{i}"] for i in range(len(leaves))]
    )
    return network
