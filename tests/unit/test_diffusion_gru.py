"""The default network: quick to train, never far from the clock, and forecast without JAX."""

import subprocess
import sys
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from informer.core.errors import InformerError
from informer.core.types import Floats, Model, PatternGraph, Series
from informer.forecasts.diffusion_gru import HELD_BLOCKS, HELD_SHARE, DiffusionGru
from informer.forecasts.gru_gradient import correction, gradient, loss
from informer.forecasts.gru_network import (
    CHUNK,
    HIDDEN,
    WALKS,
    Weights,
    log_correction,
    random_weights,
)
from informer.forecasts.gru_stretches import Lesson, Stretches, length_for, walks_of
from informer.forecasts.gru_training import GruSchedule, train
from informer.forecasts.noise import Noise, fit_noise
from informer.forecasts.online import NextStep
from informer.forecasts.residuals import OWN, SHARED, STATIC, Inputs, inputs_of
from informer.forecasts.seasonal import Seasonal
from informer.forecasts.store import save_model
from informer.forecasts.walks import supports

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


def whole_stretch(inputs: Inputs, sides: Floats, dtype: type) -> Stretches:
    """All steps as one stretch, in which the last half counts."""
    own = np.moveaxis(inputs.own, 2, 1)[:, :, None].astype(dtype)  # [t, c, 1, n]
    static = np.moveaxis(inputs.static, 2, 1)[:, :, None]
    steps, _, _, rpcs = own.shape
    shared = np.broadcast_to(inputs.shared[..., None, None], (steps, SHARED, 1, rpcs))
    walked = [own @ walk.astype(dtype) for walk in walks_of(sides)]
    rng = np.random.default_rng(7)
    base = rng.uniform(1.0, 20.0, (steps, 1, rpcs))
    return Stretches(
        own,
        np.concatenate([own, *walked, static, shared], axis=1).astype(dtype),
        inputs.unit[:, None].astype(dtype),
        base.astype(dtype),
        rng.poisson(base).astype(dtype),
        rng.uniform(1.0, 50.0, (steps, 1, rpcs)).astype(dtype),
        (np.arange(steps) > steps // 2)[:, None, None].astype(dtype),
    )


@pytest.mark.parametrize("rpcs", [1, 3, 6])
def test_the_forward_pass_of_training_is_that_of_forecasts(rpcs: int) -> None:
    steps = CHUNK + 40
    inputs, weights = drawn_inputs(steps, rpcs), drawn_weights(rpcs)
    sides = supports(series_of(np.ones((steps, rpcs))).graph, 2, rpcs)
    found = log_correction(weights, sides, inputs)
    wanted = correction(dict(weights), walks_of(sides), whole_stretch(inputs, sides, np.float32))
    assert np.abs(wanted).max() > 0.1
    assert found == pytest.approx(wanted[:, 0], abs=1e-5)


@pytest.mark.parametrize("rpcs", [1, 4])
def test_the_gradient_is_that_of_small_differences(rpcs: int) -> None:
    steps, small = 18, 1e-5
    inputs = drawn_inputs(steps, rpcs)
    weights = {k: w.astype(np.float64) for k, w in drawn_weights(rpcs).items()}
    sides = supports(series_of(np.ones((steps, rpcs))).graph, 2, rpcs)
    walks = [walk.astype(np.float64) for walk in walks_of(sides)]
    of = whole_stretch(inputs, sides, np.float64)
    told, slopes = gradient(weights, walks, of)
    assert told == pytest.approx(loss(weights, walks, of), rel=1e-12)
    assert set(slopes) == set(weights)
    rng = np.random.default_rng(3)
    for name, weight in weights.items():
        assert slopes[name].shape == weight.shape
        for place in rng.choice(weight.size, min(weight.size, 6), replace=False):
            at = np.unravel_index(place, weight.shape)
            moved = {sign: weights | {name: weight.copy()} for sign in (-1, 1)}
            for sign, some in moved.items():
                some[name][at] += sign * small
            wanted = (loss(moved[1], walks, of) - loss(moved[-1], walks, of)) / (2 * small)
            assert slopes[name][at] == pytest.approx(wanted, rel=1e-5, abs=1e-9), name


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


def test_memory_grows_with_steps_and_rpcs_and_not_with_their_square() -> None:
    """A fortnight of 200 rpcs in steps of five minutes stays below half a gigabyte."""
    series = wandering(5, rpcs=200, rate=5.0)
    tracemalloc.start()
    try:
        DiffusionGru().fit(series, seed=0)
        most = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    of_a_chunk = 6 * 8 * CHUNK * 200 * 3 * HIDDEN  # what a forecast holds at once
    assert most < of_a_chunk + 60 * series.calls.nbytes
    assert of_a_chunk + 60 * 8 * 200 * 4_032 < 2**29


def test_where_no_held_out_step_was_seen_it_says_what_the_clock_says() -> None:
    series = wandering(6)
    seen = np.ones(series.steps, bool)
    for end in np.linspace(0, series.steps, HELD_BLOCKS + 1)[1:].astype(int):
        seen[end - 2 * int(series.steps * HELD_SHARE / HELD_BLOCKS) : end] = False
    given = replace(series, seen=seen, calls=np.where(seen[:, None], series.calls, 0.0))
    model = DiffusionGru().fit(given, seed=0)
    made = DiffusionGru().forecast(model, given)
    by_clock = Seasonal().forecast(Seasonal().fit(given, seed=0), given)
    assert np.array_equal(made.expected, by_clock.expected)
    assert np.isfinite(made.spread).all()


def test_billions_of_calls_are_forecast_as_well_as_tens() -> None:
    series = wandering(8)
    many = replace(series, calls=series.calls * 1e9)
    off = []
    for one in (series, many):
        made = DiffusionGru().forecast(DiffusionGru().fit(one, seed=0), one).expected
        off.append(np.abs(made - one.calls).sum() / one.calls.sum())
    assert off[1] == pytest.approx(off[0], rel=0.3)


def test_a_short_series_is_learned_in_short_stretches() -> None:
    assert [length_for(n) for n in (64, 100, 4_032)] == [24, 48, 96]


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
