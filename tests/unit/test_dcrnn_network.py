"""The network against the published equations, written once more in plain NumPy."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from informer.core.types import Floats, PatternGraph
from informer.forecasts.dcrnn import DcrnnSettings, _network
from informer.forecasts.dcrnn_network import DcgruLayer, DcrnnNetwork
from informer.forecasts.training import (
    Batch,
    Schedule,
    Surroundings,
    _optimizer,
    _share_shown,
    loss,
    predict,
    train,
)
from informer.forecasts.walks import supports
from informer.forecasts.windows import Scale, Windows

PAST, HORIZON, HIDDEN, STEPS = 5, 3, 3, 2
# A tree with a leaf that leads nowhere and a root that nothing leads to, and an rpc on its own.
GRAPH = PatternGraph(
    "p",
    ("root", "left", "right", "leaf", "alone"),
    np.array([[0, 0, 1, 2], [1, 2, 3, 3]]),
    np.array([1.0, 0.5, 0.25, 0.75]),
)
NODES = 5
PREDICT, LOSS = jax.jit(predict), jax.jit(loss)


def sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def diffusion(filters: Floats, x: Floats) -> Floats:
    """Equation 2: the sum over walks of theta * (D^-1 W)^k X, one signal [n, c] -> [n, o]."""
    n = len(x)
    weight = np.zeros((n, n))
    for (a, b), w in zip(GRAPH.edges.T, GRAPH.weight, strict=True):
        weight[a, b] = w
    total = x @ filters[:, 0]
    walk = 1
    for w in (weight, weight.T):
        for k in range(1, STEPS + 1):
            moved = x
            for _ in range(k):
                moved = np.array(
                    [
                        sum(w[i, j] / w[i].sum() * moved[j] for j in range(n) if w[i].sum() > 0)
                        + np.zeros(x.shape[1])
                        for i in range(n)
                    ]
                )
            total = total + moved @ filters[:, walk]
            walk += 1
    return np.asarray(total)


def gru(layer: DcgruLayer, x: Floats, state: Floats) -> Floats:
    """Equation 3, with the filters of input and state as one."""
    of_input, of_state = np.asarray(layer.of_input, float), np.asarray(layer.of_state, float)
    last, bias = np.asarray(layer.of_reset_state, float), np.asarray(layer.bias, float)
    h = state.shape[1]
    both = np.concatenate([x, state], axis=1)
    parts = [slice(0, h), slice(h, 2 * h), slice(2 * h, 3 * h)]
    gate = [
        sigmoid(diffusion(np.concatenate([of_input[..., p], of_state[..., p]]), both) + bias[p])
        for p in parts[:2]
    ]
    reset, update = gate
    held = np.concatenate([x, reset * state], axis=1)
    c = np.tanh(diffusion(np.concatenate([of_input[..., parts[2]], last]), held) + bias[parts[2]])
    return np.asarray(update * state + (1 - update) * c)


def reference(
    network: DcrnnNetwork, around: Surroundings, calls: Floats, calendar: Floats, shown: list[bool]
) -> Floats:
    """Expected calls of one window, [h, n]."""
    mean, deviation, rate = (
        np.asarray(a, float) for a in (around.mean, around.deviation, around.rate)
    )
    values = (np.log1p(calls) - mean) / deviation
    n = len(mean)
    states = [np.zeros((n, HIDDEN)) for _ in network.encoder]
    for t in range(PAST):
        x = np.column_stack([values[t], np.tile(calendar[t], (n, 1))])
        for i, layer in enumerate(network.encoder):
            states[i] = x = gru(layer, x, states[i])
    go, found = np.zeros(n), []
    for step in range(HORIZON):
        t = PAST + step
        x = np.column_stack([go, np.tile(calendar[t], (n, 1))])
        for i, layer in enumerate(network.decoder):
            states[i] = x = gru(layer, x, states[i])
        output = x @ np.asarray(network.projection, float) + float(network.offset)
        expected = rate * np.log1p(np.exp(output + np.log(np.e - 1))) + 1e-6 * rate
        found.append(expected)
        go = values[t] if shown[step] else (np.log1p(expected) - mean) / deviation
    return np.array(found)


def make(layers: int, nodes: int = NODES) -> tuple[DcrnnNetwork, Surroundings, Batch]:
    rng = np.random.default_rng(1)
    network = DcrnnNetwork.random(
        past=3, future=3, hidden=HIDDEN, layers=layers, walks=1 + 2 * STEPS, seed=2
    )
    network = jax.tree.map(lambda a: a + rng.normal(0, 0.3, a.shape).astype(np.float32), network)
    rate = rng.uniform(0.5, 9, NODES)
    scale = Scale(np.log1p(rate), rng.uniform(0.3, 1, NODES), rate, rng.uniform(0.05, 0.5, NODES))
    around = Surroundings.of(GRAPH, scale, STEPS, nodes)
    calls = rng.poisson(np.pad(rate, (0, nodes - NODES)), (2, PAST + HORIZON, nodes))
    calendar = rng.normal(size=(2, PAST + HORIZON, 2))
    batch = Batch(
        jnp.asarray(calls, jnp.float32),
        jnp.asarray(calendar, jnp.float32),
        jnp.asarray(calls[:, PAST:], jnp.float32),
        jnp.ones((2, HORIZON, nodes)),
    )
    return network, around, batch


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("shown", [[False] * 3, [True, False, True]])
def test_a_forward_pass_is_the_published_one(layers: int, shown: list[bool]) -> None:
    network, around, batch = make(layers)
    found = PREDICT(network, around, batch.calls, batch.calendar, jnp.array(shown))
    for i in range(2):
        wanted = reference(
            network,
            around,
            np.asarray(batch.calls[i], float),
            np.asarray(batch.calendar[i], float),
            shown,
        )
        assert np.asarray(found[i]) == pytest.approx(wanted, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("layers", [1, 2])
def test_gradients_are_those_of_finite_differences(layers: int) -> None:
    network, around, batch = make(layers)
    shown = jnp.array([True, False, False])
    with jax.enable_x64(True):
        network, around, batch = jax.tree.map(
            lambda a: jnp.asarray(np.asarray(a), jnp.float64), (network, around, batch)
        )
        slope = jax.jit(jax.grad(loss))(network, around, batch, shown)
        leaves, form = jax.tree.flatten(network)
        rng = np.random.default_rng(3)
        for i, found in enumerate(jax.tree.leaves(slope)):
            for _ in range(3):
                at = tuple(int(rng.integers(s)) for s in found.shape)
                sides = []
                for nudge in (1e-5, -1e-5):
                    moved = leaves[i].at[at].add(nudge)
                    trial = jax.tree.unflatten(form, [*leaves[:i], moved, *leaves[i + 1 :]])
                    sides.append(float(LOSS(trial, around, batch, shown)))
                wanted = (sides[0] - sides[1]) / 2e-5
                assert float(found[at]) == pytest.approx(wanted, rel=1e-4, abs=1e-7)


def test_roots_and_lonely_rpcs_divide_nothing_by_zero() -> None:
    sides = supports(GRAPH, STEPS, NODES).reshape(NODES, NODES, 1 + 2 * STEPS)
    assert np.isfinite(sides).all()
    forward, against = sides[:, :, 1], sides[:, :, 1 + STEPS]
    assert forward.sum(axis=1) == pytest.approx([1, 1, 1, 0, 0])
    assert against.sum(axis=1) == pytest.approx([0, 1, 1, 1, 0])
    assert against[3] == pytest.approx([0, 0.25, 0.75, 0, 0])


def test_padding_changes_no_real_rpc() -> None:
    network, around, batch = make(1)
    _, padded, wide = make(1, nodes=8)
    wide = wide._replace(
        calls=wide.calls.at[:, :, :NODES].set(batch.calls).at[:, :, NODES:].set(9.0)
    )
    shown = jnp.zeros(HORIZON, bool)
    narrow = PREDICT(network, around, batch.calls, batch.calendar, shown)
    found = PREDICT(network, padded, wide.calls, batch.calendar, shown)
    assert np.asarray(found[:, :, :NODES]) == pytest.approx(np.asarray(narrow), rel=1e-5)
    wide = wide._replace(calendar=batch.calendar, targets=wide.calls[:, PAST:])
    assert float(LOSS(network, padded, wide, shown)) == pytest.approx(
        float(LOSS(network, around, batch, shown)), rel=1e-5
    )


def test_the_truth_is_shown_less_and_less() -> None:
    share = _share_shown(np.arange(0, 1_000), 60.0)[:, 0]
    assert share[0] > 0.95
    assert share[60] == pytest.approx(60 / (60 + np.e))  # k / (k + exp(i / k))
    assert (np.diff(share) < 0).all()
    assert share[-1] < 0.01


def test_the_preset_is_of_the_published_size() -> None:
    s = DcrnnSettings()
    assert (s.layers, s.hidden, s.diffusion_steps, s.past, s.horizon) == (2, 64, 2, 12, 12)
    # An encoder cell reads a value and a calendar, a decoder cell the same; all begin alike.
    shapes = {leaf.shape for leaf in jax.tree.leaves(_network(s, 0))}
    assert {(64, 5, 128), (64, 5, 64), (64, 5, 192), (192,), (64,), ()} <= shapes


def test_the_rate_falls_to_a_tenth_at_the_published_epochs() -> None:
    schedule = Schedule()
    slope = {"w": jnp.ones(1)}
    optimizer = _optimizer(replace(schedule, falls=(1, 2)), 2)
    state, moved = optimizer.init(slope), []
    for _ in range(6):
        change, state = optimizer.update(slope, state, slope)
        moved.append(-float(change["w"][0]))
    assert moved == pytest.approx([0.01] * 2 + [0.001] * 2 + [0.0001] * 2, rel=2e-3)


def test_training_stops_when_the_tail_gains_no_more() -> None:
    rng = np.random.default_rng(4)
    steps = 120
    windows = Windows(
        rng.poisson(5.0, (steps, NODES)).astype(float),
        np.ones((steps, NODES)),
        np.zeros((steps, 2)),
        PAST,
        HORIZON,
        np.arange(PAST, steps - HORIZON),
    )
    training, tail = windows.split(90)
    looks: list[float] = []
    network, around, _ = make(1)
    schedule = Schedule(batch=8, batches=4, epochs=60, patience=3)
    train(network, around, training, tail, schedule, seed=0, watch=looks.append)
    best = int(np.argmin(looks))
    assert len(looks) < 60
    assert len(looks) - 1 - best >= 3


def test_a_network_without_a_finite_gradient_comes_back_as_it_was() -> None:
    network, around, _ = make(1)
    steps = 60
    windows = Windows(
        np.ones((steps, NODES)),
        np.ones((steps, NODES)),
        np.full((steps, 2), np.nan),
        PAST,
        HORIZON,
        np.arange(PAST, steps - HORIZON),
    )
    schedule = Schedule(batch=4, batches=2, epochs=2, patience=2)
    after = train(network, around, windows, replace(windows), schedule, seed=0)
    for a, b in zip(jax.tree.leaves(network), jax.tree.leaves(after), strict=True):
        assert np.array_equal(a, b)
