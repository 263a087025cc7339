"""The default network: quick to train, never far from the clock, and forecast without JAX."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from informer.core.errors import InformerError
from informer.core.types import Floats, Model, PatternGraph, Series
from informer.forecasts.diffusion import supports
from informer.forecasts.diffusion_gru import DiffusionGru, weights_of
from informer.forecasts.gru_network import CHUNK, WALKS, Weights, log_correction, random_weights
from informer.forecasts.gru_stretches import Cut, Lesson, Stretches, length_for, padded
from informer.forecasts.gru_training import GruSchedule, _padded, correction, train
from informer.forecasts.noise import Noise, fit_noise
from informer.forecasts.online import NextStep
from informer.forecasts.residuals import OWN, SHARED, STATIC, Inputs, inputs_of
from informer.forecasts.seasonal import Seasonal
from informer.forecasts.store import save_model

DAY = 48  # steps of 30 minutes
MONDAY_NS = 1_780_272_000 * 10**9


def series_of(calls: Floats) -> Series:
    n = calls.shape[1]
    line = np.arange(n - 1)
    graph = PatternGraph(
        "p", tuple(f"r{i}" for i in range(n)), np.stack([line, line + 1]), np.ones(n - 1)
    )
    return Series(graph, MONDAY_NS, 1_800, calls.astype(np.float64), np.ones(len(calls), bool))


def wandering(days: int, *, rpcs: int = 3, rate: float = 60.0, seed: int = 0) -> Series:
    """A day whose level wanders for hours: what was off just now says what will be."""
    rng = np.random.default_rng(seed)
    steps = days * DAY
    level = np.zeros(steps)
    for t in range(1, steps):
        level[t] = 0.9 * level[t - 1] + 0.12 * rng.normal()
    day = 0.5 * np.sin(2 * np.pi * np.arange(steps) / DAY)
    return series_of(rng.poisson(rate * np.exp(day + level)[:, None] * np.ones(rpcs)))


def drawn_inputs(steps: int, rpcs: int, seed: int = 0) -> Inputs:
    rng = np.random.default_rng(seed)
    return Inputs(
        rng.normal(size=(steps, rpcs, OWN)),
        rng.normal(size=(steps, rpcs, STATIC)),
        rng.normal(size=(steps, SHARED)),
        rng.uniform(0.1, 0.5, (steps, rpcs)),
    )


def drawn_weights(rpcs: int, seed: int = 0) -> Weights:
    """Random everywhere, also where training begins with zeros."""
    rng = np.random.default_rng(seed)
    weights = random_weights(rpcs, seed)
    return {k: w + rng.normal(0, 0.2, w.shape).astype(np.float32) for k, w in weights.items()}


def lesson_of(series: Series, views: list[Inputs], held: np.ndarray) -> Lesson:
    n = series.calls.shape[1]
    base = np.broadcast_to(series.calls.mean(axis=0) + 0.5, series.calls.shape)
    noise = Noise(np.full(n, 0.05), np.zeros(n))
    sides = supports(series.graph, 2, n)
    return Lesson(views, base, series.calls, series.seen, held, noise, sides)


@pytest.mark.parametrize("rpcs", [1, 3, 6])
def test_the_forward_pass_without_jax_is_that_of_training(rpcs: int) -> None:
    steps = CHUNK + 40
    inputs, weights = drawn_inputs(steps, rpcs), drawn_weights(rpcs)
    series = series_of(np.ones((steps, rpcs)))
    sides = supports(series.graph, 2, rpcs)
    found = log_correction(weights, sides, inputs)
    nodes = padded(rpcs)
    around = Cut(lesson_of(series, [inputs], np.zeros(steps, bool)), nodes, 24).around
    wide = ((0, 0), (0, nodes - rpcs))
    whole = Stretches(
        *(
            jnp.asarray(np.asarray(a)[:, None], jnp.float32)
            for a in (
                np.pad(inputs.own, (*wide, (0, 0))),
                np.pad(inputs.static, (*wide, (0, 0))),
                inputs.shared,
                np.pad(inputs.unit, wide),
                np.ones((steps, nodes)),
                np.ones((steps, nodes)),
                np.ones((steps, 1)),
            )
        )
    )
    params = {k: jnp.asarray(_padded(k, w, nodes)) for k, w in weights.items()}
    wanted = np.asarray(correction(params, around, whole))[:, 0, :rpcs]
    assert np.abs(wanted).max() > 0.1
    assert found == pytest.approx(wanted, abs=1e-5)


def test_what_wanders_is_followed_better_than_by_the_clock() -> None:
    train_series, whole = wandering(12), wandering(16)
    network, clock = DiffusionGru(), Seasonal()
    off = [
        np.abs(f.forecast(f.fit(train_series, seed=0), whole).expected - whole.calls)[12 * DAY :]
        for f in (network, clock)
    ]
    assert off[0].mean() < 0.85 * off[1].mean()


def test_through_a_gap_the_forecast_returns_to_the_clock() -> None:
    series = wandering(12)
    model = DiffusionGru().fit(series, seed=0)
    seen = series.seen.copy()
    seen[-DAY:] = False
    gap = replace(series, seen=seen, calls=np.where(seen[:, None], series.calls, 0.0))
    made = DiffusionGru().forecast(model, gap).expected[-DAY // 2 :]
    by_clock = Seasonal().forecast(Seasonal().fit(series, seed=0), gap).expected[-DAY // 2 :]
    assert made == pytest.approx(by_clock, rel=0.25)


def test_what_the_held_out_steps_do_not_confirm_is_not_said() -> None:
    rng = np.random.default_rng(5)
    series = series_of(rng.poisson(3.0, (5 * DAY, 2)))
    model = DiffusionGru().fit(series, seed=0)
    made = DiffusionGru().forecast(model, series).expected[DAY:]
    assert made == pytest.approx(3.0, rel=0.25)


def test_a_model_without_a_finite_update_says_what_it_said_before() -> None:
    steps, rpcs = 4 * DAY, 3
    series = series_of(np.ones((steps, rpcs)))
    inputs = drawn_inputs(steps, rpcs)
    broken = replace(inputs, shared=np.full((steps, SHARED), np.nan))
    weights = drawn_weights(rpcs)
    held = np.arange(steps) > steps - 30
    after = train(weights, lesson_of(series, [broken, broken], held), GruSchedule(rounds=2), seed=0)
    assert all(np.array_equal(after[k], w) for k, w in weights.items())


def test_training_stops_when_the_held_out_steps_gain_no_more() -> None:
    """With nothing to learn, ten rounds and sixty come to the same."""
    steps, rpcs = 4 * DAY, 3
    series = series_of(np.random.default_rng(1).poisson(9.0, (steps, rpcs)))
    lesson = lesson_of(series, [drawn_inputs(steps, rpcs)] * 2, np.arange(steps) > steps - 60)
    found = [
        train(random_weights(rpcs, 0), lesson, GruSchedule(rounds, 3, 1e-6), seed=0)
        for rounds in (10, 60)
    ]
    assert all(np.array_equal(found[0][k], w) for k, w in found[1].items())


def test_the_seed_alone_decides() -> None:
    series = wandering(4)
    one, again, other = (DiffusionGru().fit(series, seed=s).arrays for s in (1, 1, 2))
    assert all(np.array_equal(one[k], again[k]) for k in one)
    assert not np.array_equal(one["network.gates"], other["network.gates"])


def test_two_hundred_rpcs_are_one_pattern_like_any_other() -> None:
    series = wandering(2, rpcs=200, rate=5.0).slice(0, 70)
    made = DiffusionGru().forecast(DiffusionGru().fit(series, seed=0), series)
    assert made.expected.shape == series.calls.shape
    assert np.isfinite(made.expected).all()
    assert np.isfinite(made.spread).all()


def test_rpcs_of_alike_counts_share_a_size() -> None:
    assert [padded(n) for n in (1, 4, 5, 20, 200, 513)] == [4, 4, 8, 24, 256, 640]
    assert [length_for(n) for n in (64, 100, 4_032)] == [24, 48, 96]


def test_a_network_may_begin_where_another_one_ended() -> None:
    series = wandering(6)
    before = DiffusionGru().fit(series, seed=0)
    longer = wandering(7)
    after = DiffusionGru(start=before).fit(longer, seed=0)
    fresh = DiffusionGru().fit(longer, seed=0)
    moved, far = (
        np.abs(weights_of(m)["gates"] - weights_of(before)["gates"]).mean() for m in (after, fresh)
    )
    assert moved < far or np.isclose(moved, far)
    with pytest.raises(InformerError, match="starts from one of its own, got seasonal"):
        DiffusionGru(start=Seasonal().fit(series, seed=0))


def test_calls_in_batches_scatter_less_by_day_than_their_nights_let_fear() -> None:
    rng = np.random.default_rng(0)
    m = np.where(np.arange(4_000) % 2, 4.0, 100.0)[:, None]
    batches = rng.poisson(m / 3.0) * 3.0
    noise = fit_noise(batches, m, np.ones(4_000, bool))
    assert noise.batch[0] == pytest.approx(2.0, abs=0.6)
    wanted = np.sqrt(3.0 * m[:2])
    assert noise.deviation(m[:2]) == pytest.approx(wanted, rel=0.25)


def test_nothing_of_a_step_is_read_before_it_is_over() -> None:
    series, n = wandering(2), 3
    base = np.full(series.calls.shape, 60.0)
    noise = Noise(np.full(n, 0.01), np.zeros(n))
    changed = series.calls.copy()
    changed[50] = 60.0  # as expected
    before, after = (
        inputs_of(replace(series, calls=c), series.seen, base, noise, np.zeros(n), 0).own
        for c in (series.calls, changed)
    )
    assert np.array_equal(before[:51], after[:51])
    assert not np.array_equal(before[51], after[51])


@pytest.mark.parametrize("forecaster", [Seasonal(), DiffusionGru()], ids=lambda f: f.name)
def test_a_step_at_a_time_says_what_the_whole_series_says(
    forecaster: Seasonal | DiffusionGru,
) -> None:
    series = wandering(6)
    model = forecaster.fit(series.slice(0, 5 * DAY), seed=0)
    seen = np.arange(series.steps) % 17 > 1
    given = replace(series, seen=seen, calls=np.where(seen[:, None], series.calls, 0.0))
    whole, online = forecaster.forecast(model, given), NextStep(model, given.start_ns)
    for t in range(given.steps):
        told = online.expect()
        assert told.expected[0] == pytest.approx(whole.expected[t], rel=1e-9)
        assert told.spread[0] == pytest.approx(whole.spread[t], rel=1e-9)
        assert told.doubt is not None
        assert whole.doubt is None or told.doubt[0] == pytest.approx(whole.doubt[t], rel=1e-9)
        online.observe(given.calls[t] if seen[t] else None)


@pytest.mark.parametrize("forecaster", [Seasonal(), DiffusionGru()], ids=lambda f: f.name)
def test_a_copy_goes_on_by_itself(forecaster: Seasonal | DiffusionGru) -> None:
    series = wandering(6)
    online = NextStep(forecaster.fit(series.slice(0, 5 * DAY), seed=0), series.start_ns)
    online.expect()
    online.observe(series.calls[0])
    told = online.copy().expect().expected
    twin = online.copy()
    for calls in (None, 9 * series.calls[1]):
        twin.expect()
        twin.observe(calls)
    assert np.array_equal(online.expect().expected, told)


def test_what_has_no_state_cannot_be_forecast_a_step_at_a_time() -> None:
    with pytest.raises(InformerError, match="dcrnn cannot be forecast a step at a time"):
        NextStep(Model("dcrnn", {}, {}), 0)


def test_walks_are_five() -> None:
    series = series_of(np.ones((2, 4)))
    assert supports(series.graph, 2, 4).shape == (4, 4 * WALKS)


def test_a_forecast_needs_no_jax(tmp_path: Path) -> None:
    version = save_model(DiffusionGru().fit(wandering(2), seed=0), tmp_path)
    script = (
        "import sys\nfrom pathlib import Path\nimport numpy as np\n"
        "from informer.core.types import PatternGraph, Series\n"
        "from informer.forecasts.store import load_model\n"
        "from informer.forecasts.select import forecast_with\n"
        f"model = load_model(Path({str(tmp_path)!r}), {version!r})\n"
        "graph = PatternGraph('p', ('r0', 'r1', 'r2'), np.zeros((2, 0), int), np.zeros(0))\n"
        f"series = Series(graph, {MONDAY_NS}, 1800, np.ones((9, 3)), np.ones(9, bool))\n"
        "assert (forecast_with(model, series).expected > 0).all()\n"
        "assert 'jax' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_looking_at_traffic_imports_no_jax() -> None:
    script = "import sys, informer.pipeline.detect\nassert 'jax' not in sys.modules\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
