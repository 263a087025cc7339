"""How well does our DCRNN forecast what graph networks are usually judged by: road speeds?

usage: los_speed.py [--epochs N]

A week of METR-LA below INFORMER_DATA (`los-speed`): 2,016 steps of five minutes, 207 sensors, and
the graph of their distances. The first 80 % teach, the last 20 % judge; 12 steps are read, and the
speeds 15, 30, 45 and 60 minutes ahead are held against those that came, in miles an hour. A speed
of 0 is a sensor that said nothing: it neither teaches nor counts, and is read as its last speed.

`dcrnn` is the network of `informer.forecasts.dcrnn_network` on standardised speeds, 12 steps ahead
as published, but with one layer of 16 in place of two of 64, N epochs (5) and one thread; `gru` is
the same without walks, the identity alone. Beside them stand the mean of the sensor at that time of
day, its last speed, and a ridge regression on its last 12 speeds. Prints a table and writes
results/los_speed.json.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax

from informer.core.types import Floats, Ints, Json, PatternGraph
from informer.forecasts import jax_cpu  # noqa: F401 (one thread)
from informer.forecasts.dcrnn_network import DcrnnNetwork
from informer.forecasts.walks import supports

RESULTS = Path(__file__).parent / "results" / "los_speed.json"
PAST = AHEAD = 12
JUDGED = {15: 3, 30: 6, 45: 9, 60: 12}  # minutes: steps ahead
DAY = 288  # steps
TRAIN_SHARE = 0.8
HIDDEN, WALKS_EACH_WAY = 16, 2
BATCH, RATE, CLIP, DECAY = 16, 0.01, 5.0, 100.0
RIDGE = 1.0


def main() -> None:
    """Learn, forecast, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--epochs", type=int, default=5)
    epochs = parser.parse_args().epochs
    if "INFORMER_DATA" not in os.environ:
        sys.exit("set INFORMER_DATA to the folder that holds los-speed")
    folder = Path(os.environ["INFORMER_DATA"]) / "los-speed"
    speed = np.loadtxt(folder / "los_speed.csv", delimiter=",", skiprows=1)  # [t, n]
    nearness = np.loadtxt(folder / "los_adj.csv", delimiter=",")  # [n, n]
    seen = speed > 0
    cut = int(TRAIN_SHARE * len(speed))
    starts = np.arange(cut, len(speed) - AHEAD + 1)
    filled = _filled(speed, seen)
    ways: dict[str, Callable[[], Floats]] = {
        "historical average": lambda: _by_time_of_day(speed, seen, cut)[_ahead(starts)],
        "last value": lambda: np.repeat(filled[starts - 1][:, None], AHEAD, axis=1),
        "ridge": lambda: _ridge(filled, seen, cut, starts),
        "gru": lambda: _network(filled, seen, None, cut, starts, epochs),
        "dcrnn": lambda: _network(filled, seen, nearness, cut, starts, epochs),
    }
    results: Json = {}
    print(f"{'':20}" + "".join(f"{m:>10} min" for m in JUDGED) + "   CPU s   (MAE / RMSE, mph)")
    for name, way in ways.items():
        began = time.process_time()
        results[name] = _errors(way(), speed, seen, starts)
        results[name]["cpu_s"] = round(time.process_time() - began, 1)
        told = "".join(
            f"{results[name][str(m)]['mae']:7.2f} /{results[name][str(m)]['rmse']:5.2f}"
            for m in JUDGED
        )
        print(f"{name:20}{told}{results[name]['cpu_s']:8}", flush=True)
    document = {"epochs": epochs, "hidden": HIDDEN, "results": results}
    RESULTS.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _errors(made: Floats, speed: Floats, seen: np.ndarray, starts: Ints) -> Json:
    """`made` is [w, h, n] for windows that begin at `starts`."""
    found: Json = {}
    for minutes, steps in JUDGED.items():
        at = starts + steps - 1
        off = (made[:, steps - 1] - speed[at])[seen[at]]
        found[str(minutes)] = {
            "mae": round(float(np.abs(off).mean()), 3),
            "rmse": round(float(np.sqrt((off**2).mean())), 3),
        }
    return found


def _filled(speed: Floats, seen: np.ndarray) -> Floats:
    """Where a sensor said nothing, its last speed; before the first, its first."""
    steps = np.arange(len(speed))[:, None]
    last = np.maximum.accumulate(np.where(seen, steps, -1), axis=0)
    first = np.argmax(seen, axis=0)
    return np.take_along_axis(speed, np.where(last >= 0, last, first), axis=0)


def _ahead(starts: Ints) -> Ints:
    """The steps of the futures, [w, h]."""
    return starts[:, None] + np.arange(AHEAD)


def _by_time_of_day(speed: Floats, seen: np.ndarray, cut: int) -> Floats:
    """The mean of every sensor at that time of day, [t, n]."""
    slot = np.arange(len(speed)) % DAY
    total, count = np.zeros((2, DAY, speed.shape[1]))
    np.add.at(total, slot[:cut], np.where(seen, speed, 0.0)[:cut])
    np.add.at(count, slot[:cut], seen[:cut])
    overall = total.sum(axis=0) / count.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), overall)[slot]


def _ridge(filled: Floats, seen: np.ndarray, cut: int, starts: Ints) -> Floats:
    """Each sensor by itself, all steps ahead at once."""
    taught = np.arange(PAST, cut - AHEAD + 1)
    made = np.empty((len(starts), AHEAD, filled.shape[1]))
    for n in range(filled.shape[1]):
        mean = filled[:cut, n].mean()
        past, future = (
            filled[at, n] - mean for at in (taught[:, None] + np.arange(-PAST, 0), _ahead(taught))
        )
        keep = seen[_ahead(taught), n].all(axis=1)
        gram = past[keep].T @ past[keep] + RIDGE * np.eye(PAST)
        weights = np.linalg.solve(gram, past[keep].T @ future[keep])
        made[:, :, n] = (filled[starts[:, None] + np.arange(-PAST, 0), n] - mean) @ weights + mean
    return made


def _network(
    filled: Floats,
    seen: np.ndarray,
    nearness: Floats | None,
    cut: int,
    starts: Ints,
    epochs: int,
) -> Floats:
    """The network learns and forecasts; without `nearness`, no sensor knows of another."""
    nodes = filled.shape[1]
    walks = WALKS_EACH_WAY if nearness is not None else 0
    near = np.zeros((nodes, nodes)) if nearness is None else nearness
    graph = PatternGraph(
        "roads", tuple(map(str, range(nodes))), np.array(np.nonzero(near)), near[near != 0]
    )
    sides = jnp.asarray(supports(graph, walks, nodes), jnp.float32)
    mean, deviation = filled[:cut].mean(), filled[:cut].std()
    values = jnp.asarray((filled - mean) / deviation, jnp.float32)
    angle = 2 * np.pi * (np.arange(len(filled)) % DAY) / DAY
    clock = jnp.asarray(np.stack([np.sin(angle), np.cos(angle)], axis=1), jnp.float32)
    counts = jnp.asarray(seen, jnp.float32)
    network = DcrnnNetwork.random(
        past=3, future=3, hidden=HIDDEN, layers=1, walks=1 + 2 * walks, seed=0
    )
    taught = np.arange(PAST, cut - AHEAD + 1)
    updates = epochs * (len(taught) // BATCH)
    steps = optax.chain(
        optax.clip_by_global_norm(CLIP),
        optax.adam(optax.cosine_decay_schedule(RATE, updates, 0.05)),
    )
    state = steps.init(network)
    rng = np.random.default_rng(0)

    @jax.jit
    def update(
        network: DcrnnNetwork, state: optax.OptState, at: jax.Array, shown: jax.Array
    ) -> tuple[DcrnnNetwork, optax.OptState]:
        def loss(network: DcrnnNetwork) -> jax.Array:
            future = at[:, None] + jnp.arange(AHEAD)
            off = jnp.abs(forecast(network, sides, values, clock, at, shown) - values[future])
            return (off * counts[future]).sum() / jnp.maximum(counts[future].sum(), 1.0)

        change, after = steps.update(jax.grad(loss)(network), state, network)
        return optax.apply_updates(network, change), after

    for number in range(updates):
        at = jnp.asarray(rng.choice(taught, BATCH, replace=False))
        share = 1.0 / (1.0 + np.exp(min(number / DECAY, 50.0)) / DECAY)
        network, state = update(network, state, at, jnp.asarray(rng.random(AHEAD) < share))
    nothing = jnp.zeros(AHEAD, bool)
    parts = [
        forecast(network, sides, values, clock, jnp.asarray(starts[i : i + BATCH]), nothing)
        for i in range(0, len(starts), BATCH)
    ]
    return np.concatenate([np.asarray(part, np.float64) for part in parts]) * deviation + mean


@partial(jax.jit)
def forecast(
    network: DcrnnNetwork,
    sides: jax.Array,
    values: jax.Array,
    clock: jax.Array,
    at: jax.Array,
    shown: jax.Array,
) -> jax.Array:
    """Standardised speeds of the 12 steps from `at` [b] on, [b, h, n]."""
    steps = at[:, None] + jnp.arange(-PAST, AHEAD)
    known = jnp.broadcast_to(clock[steps][:, :, None], (*steps.shape, values.shape[1], 2))
    given = values[steps]
    past = jnp.concatenate([given[..., None], known], axis=-1)[:, :PAST]
    return network.decode(
        sides,
        network.encode(sides, past),
        known[:, PAST:],
        given[:, PAST:],
        shown,
        lambda output: output,
    )


if __name__ == "__main__":
    main()
