"""An alert budget is a level that clean traffic exceeds so often, whatever the scores are."""

from collections.abc import Callable

import numpy as np
import pytest

from informer.core.types import Bools, Floats
from quality.thresholds import incidents_at, threshold_for

PATTERNS, STEP_S = 20, 300
DAY = 86_400 // STEP_S  # steps
Draw = Callable[[np.random.Generator, tuple[int, int]], Floats]
SCORES: dict[str, Draw] = {
    "bounded": lambda rng, shape: rng.random(shape),
    "normal": lambda rng, shape: rng.normal(size=shape),
    "-log10 p": lambda rng, shape: -np.log10(rng.random(shape)),
    "mostly nothing": lambda rng, shape: np.maximum(rng.normal(size=shape) - 2, 0),
    "whole numbers": lambda rng, shape: np.floor(4 * rng.exponential(size=shape)),
}


def clean(draw: Draw, days: float, seed: int) -> dict[str, Floats]:
    rng = np.random.default_rng(seed)
    return {f"p{p}": draw(rng, (round(days * DAY), 2)) for p in range(PATTERNS)}


def seen(scores: dict[str, Floats]) -> Bools:
    return np.ones(len(scores["p0"]), dtype=bool)


def per_day(draw: Draw, threshold: float) -> float:
    """Incidents that this threshold brings on 20 other clean days."""
    scores = clean(draw, 20, seed=99)
    return incidents_at(np.stack([s.max(axis=1) for s in scores.values()], axis=1), threshold) / 20


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("budget", [1, 5, 20])
def test_other_clean_days_bring_about_the_budget(name: str, budget: int) -> None:
    came = []
    for seed in range(5):
        scores = clean(SCORES[name], 4, seed)
        threshold = threshold_for(budget, scores, seen(scores), STEP_S)
        came.append(per_day(SCORES[name], threshold))
    assert budget / 2 < np.median(came) < budget * 2


def test_a_larger_budget_is_a_lower_threshold() -> None:
    scores = clean(SCORES["normal"], 3, 0)
    levels = [threshold_for(b, scores, seen(scores), STEP_S) for b in (0.1, 1, 5, 20, 100)]
    assert levels == sorted(levels, reverse=True)
    assert len(set(levels)) == len(levels)


def test_a_few_hours_are_extrapolated_beyond_what_they_hold() -> None:
    scores = clean(SCORES["-log10 p"], 0.25, 3)
    threshold = threshold_for(0.1, scores, seen(scores), STEP_S)
    assert threshold > max(s.max() for s in scores.values())
    assert threshold < 12


def test_exceedances_near_each_other_are_one_incident() -> None:
    highest = np.zeros((100, 2))
    highest[[10, 22, 35], 0] = 1.0  # 12 steps apart, then 13
    highest[10, 1] = 1.0  # another pattern is another incident
    assert incidents_at(highest, 0.5) == 3
    assert incidents_at(highest, 1.0) == 0


def test_steps_that_were_not_seen_count_neither_as_calm_nor_as_alarm() -> None:
    scores = clean(SCORES["normal"], 3, 0)
    covered = seen(scores)
    covered[:DAY] = False
    wild = {p: s.copy() for p, s in scores.items()}
    for s in wild.values():
        s[:DAY] = 50.0
    late = {p: s[DAY:] for p, s in scores.items()}
    assert threshold_for(5, wild, covered, STEP_S) == threshold_for(5, late, seen(late), STEP_S)


def test_a_budget_beyond_all_there_is_takes_what_there_is() -> None:
    scores = {"p0": np.linspace(0, 1, 60)[:, None]}
    threshold = threshold_for(1_000, scores, np.ones(60, dtype=bool), STEP_S)
    assert 0 <= threshold <= 1


def test_nothing_seen_is_no_threshold() -> None:
    with pytest.raises(ValueError, match="clean steps that were seen"):
        threshold_for(1, {"p0": np.zeros((10, 1))}, np.zeros(10, dtype=bool), STEP_S)
