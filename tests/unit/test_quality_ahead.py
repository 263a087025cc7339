"""Forecasters are judged on the same steps, at both distances, and know nothing of the future."""

from dataclasses import replace

import numpy as np
import pytest

from informer.core.types import NS_PER_S, Floats, Json, Series
from pattern_traffic import graph_of
from quality.ahead import Case, measured

START_S = 1_658_458_380
CYCLE, LEARNED, STEPS = 60, 420, 600


def waves(*, noise: float = 0.02, seed: int = 0) -> Series:
    """Two rpcs in step, a cycle of 60 steps of a minute."""
    rng = np.random.default_rng(seed)
    rate: Floats = 400 * (1 + 0.5 * np.sin(2 * np.pi * np.arange(STEPS) / CYCLE))
    scatter = 1 + noise * rng.standard_normal((STEPS, 2))
    calls = np.stack([rate, rate / 2], axis=1) * scatter
    seen = np.ones(STEPS, dtype=bool)
    return Series(graph_of("p", "front", "back"), START_S * NS_PER_S, 60, calls, seen)


def case(series: Series, *, until: int = STEPS) -> Case:
    steps = np.arange(STEPS)
    return Case(series.slice(0, LEARNED), series, (steps >= LEARNED) & (steps < until))


def seasonal(*cases: Case) -> Json:
    """Without the networks, which take longer to learn."""
    return measured(cases, ours=("seasonal",))


def wape(found: Json, who: str, ahead: str) -> float:
    return float(found[ahead][who]["wape"][0])


def test_what_repeats_is_told_as_well_twelve_steps_ahead_as_one() -> None:
    found = seasonal(case(waves()))
    assert wape(found, "seasonal", "12 steps") < 1.5 * wape(found, "seasonal", "1 step") < 0.06


def test_ridge_is_worse_the_further_ahead_it_has_to_tell() -> None:
    found = seasonal(case(waves()))
    last_value = 2 * np.sin(np.pi / CYCLE) * 2 / np.pi * 0.5  # mean change of the wave in a step
    assert wape(found, "ridge", "1 step") < last_value
    assert wape(found, "ridge", "1 step") < wape(found, "ridge", "12 steps") < 6 * last_value


def test_intervals_hold_the_figure() -> None:
    for ahead in ("1 step", "12 steps"):
        for row in seasonal(case(waves()))[ahead].values():
            value, low, high = row["crps"]
            assert low <= value <= high
            assert low < high


def test_selection_is_the_row_of_what_the_backtest_chose() -> None:
    found = seasonal(case(waves()))
    assert found["chosen"] == {"seasonal": 1}
    assert found["1 step"]["selection"] == found["1 step"]["seasonal"]


def test_who_cannot_learn_every_pattern_is_judged_on_none() -> None:
    long, short = case(waves()), case(waves(seed=1))
    short = replace(short, train=short.train.slice(LEARNED - 60, LEARNED))
    found = measured([long, short], ours=("seasonal", "diffusion_gru"))
    assert "diffusion_gru" not in found["1 step"]
    assert "seasonal" in found["1 step"]


@pytest.mark.parametrize("ahead", ["1 step", "12 steps"])
def test_forecasts_do_not_know_what_comes(ahead: str) -> None:
    first, second = waves(), waves()
    second.calls[LEARNED + 100 :] *= 3
    until = LEARNED + 100
    assert seasonal(case(first, until=until))[ahead] == seasonal(case(second, until=until))[ahead]


def test_steps_that_are_not_asked_for_are_not_judged() -> None:
    wild = waves()
    wild.calls[-1] *= 100
    assert seasonal(case(wild, until=STEPS - 1)) == seasonal(case(waves(), until=STEPS - 1))
