"""Forecasters side by side: each is judged on the same steps and knows nothing of the future."""

import numpy as np
import pytest

from informer.core.types import NS_PER_S, Bools, Floats, Series
from pattern_traffic import graph_of
from quality.one_step import Compared, compare

START_S = 1_658_458_380
CYCLE = 60
LEARNED = 240


def waves(steps: int, *, noise: float = 0.0, seed: int = 0) -> Series:
    """Two rpcs in step, a cycle of 60 steps."""
    rng = np.random.default_rng(seed)
    rate: Floats = 400 * (1 + 0.5 * np.sin(2 * np.pi * np.arange(steps) / CYCLE))
    scatter = 1 + noise * rng.standard_normal((steps, 2))
    calls = np.stack([rate, rate / 2], axis=1) * scatter
    seen = np.ones(steps, dtype=bool)
    return Series(graph_of("p", "front", "back"), START_S * NS_PER_S, 60, calls, seen)


def compared(
    series: Series, counts: Bools | None = None, *, learned: int = LEARNED
) -> dict[str, Compared]:
    train, test = series.slice(0, learned), series.slice(learned, series.steps)
    every = np.ones(test.steps, dtype=bool) if counts is None else counts
    table = compare(train, test, every, season_steps=CYCLE, ours=("seasonal",))
    assert [row.crps for row in table] == sorted(row.crps for row in table)
    return {row.forecaster: row for row in table}


def test_what_repeats_exactly_is_told_exactly_by_its_last_cycle() -> None:
    rows = compared(waves(400))
    assert rows["seasonal-naive"].mae < 1e-9
    assert rows["seasonal-naive"].crps < rows["last value"].crps


def test_the_last_value_is_off_by_the_change_from_step_to_step() -> None:
    series = waves(400)
    row = compared(series)["last value"]
    changes = np.abs(np.diff(series.calls, axis=0))[LEARNED - 1 :]
    assert row.mae == pytest.approx(changes.mean())
    assert row.wape == pytest.approx(changes.sum() / series.calls[LEARNED:].sum())


def test_ridge_learns_which_way_a_wave_goes() -> None:
    rows = compared(waves(400, noise=0.01))
    assert rows["ridge"].mae < 0.8 * rows["last value"].mae
    assert rows["ridge"].crps < rows["last value"].crps


def test_where_only_the_level_is_to_be_known_ours_is_better_than_the_last_value() -> None:
    series = waves(400)
    rng = np.random.default_rng(0)
    calls = rng.poisson(50.0, series.calls.shape).astype(float)
    flat = Series(series.graph, series.start_ns, series.step_s, calls, series.seen)
    rows = compared(flat)
    assert rows["seasonal"].crps < 0.9 * rows["last value"].crps


def test_steps_that_do_not_count_are_not_judged() -> None:
    calm, wild = waves(400), waves(400)
    counts = np.ones(400 - LEARNED, dtype=bool)
    counts[100:] = False  # the last cycle repeats what is irregular, so nothing after it counts
    wild.calls[LEARNED + 100] *= 10
    assert compared(wild, counts) == compared(calm, counts)


def test_steps_that_were_not_seen_are_not_judged() -> None:
    series = waves(400)
    series.seen[-1] = False
    series.calls[-1] = 0
    assert compared(series)["seasonal-naive"].mae < 1e-9


def test_forecasts_do_not_know_what_comes() -> None:
    first, second = waves(400, noise=0.05), waves(400, noise=0.05)
    second.calls[LEARNED + 80 :] *= 3
    before = np.arange(400 - LEARNED) < 80
    assert compared(first, before) == compared(second, before)


def test_too_short_a_training_is_said_and_leaves_the_others() -> None:
    rows = compared(waves(80, noise=0.05), learned=20)
    assert np.isnan(rows["seasonal-naive"].crps)
    assert "too few" in rows["seasonal-naive"].note
    assert np.isfinite(rows["last value"].crps)
