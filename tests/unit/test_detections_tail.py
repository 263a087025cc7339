"""The rate of rare incidents follows from that of lesser ones."""

import numpy as np
import pytest

from informer.core.types import Floats
from informer.detections.calibrate import MERGE_STEPS
from informer.detections.tail import Tail, fit_tail, guessed_tail

STEPS, UNITS = 30 * MERGE_STEPS * 100, 4
DAYS = 10.0


def scores(slope: float, seed: int) -> Floats:
    """One incident in thirty windows of a unit, its score exponential above 1.5."""
    rng = np.random.default_rng(seed)
    found = np.zeros((STEPS, UNITS))
    at = np.arange(0, STEPS, 30 * MERGE_STEPS)
    found[at] = 1.5 + rng.exponential(1 / (slope * np.log(10)), (len(at), UNITS))
    return found


@pytest.mark.parametrize("slope", [0.6, 0.85, 1.0])
def test_the_level_of_a_rare_incident_is_extrapolated(slope: float) -> None:
    incidents_a_day = 100 * UNITS / DAYS
    levels = [fit_tail(scores(slope, seed), DAYS, MERGE_STEPS).level(0.1) for seed in range(20)]
    true = 1.5 + np.log10(incidents_a_day / 0.1) / slope
    assert np.mean(levels) == pytest.approx(true, rel=0.08)


def test_an_attack_in_the_clean_days_hardly_moves_the_tail() -> None:
    clean = scores(0.85, seed=1)
    attacked = clean.copy()
    attacked[5000:5040, 0] = 200.0
    assert (
        fit_tail(attacked, DAYS, MERGE_STEPS).level(1.0)
        < fit_tail(clean, DAYS, MERGE_STEPS).level(1.0) + 0.3
    )


def test_no_incident_at_all_is_not_never() -> None:
    tail = fit_tail(np.zeros((500, 3)), DAYS, MERGE_STEPS)
    assert 0 < tail.per_day < 1 / DAYS


def test_a_smaller_budget_needs_a_higher_score() -> None:
    tail = Tail(3.0, 4.0, 0.8)
    assert tail.level(1.0) == pytest.approx(3.0 + np.log10(4.0) / 0.8)
    assert tail.level(0.1) == pytest.approx(tail.level(1.0) + 1 / 0.8)
    assert tail.level(100.0) == 3.0


def test_without_clean_days_every_cell_is_a_chance_of_its_own() -> None:
    assert guessed_tail(10_000).level(1.0) == pytest.approx(4.0)


def test_a_saved_tail_is_the_same() -> None:
    tail = fit_tail(scores(0.85, seed=2), DAYS, MERGE_STEPS)
    assert Tail.from_json(tail.to_json()) == tail
