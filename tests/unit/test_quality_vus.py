"""VUS-PR is the published one, and a random score gets what a random score must get."""

import math

import numpy as np
import pytest

from informer.core.types import Bools, Floats
from quality.vus import BUFFER, vus_pr

STEPS = 5_000


def truth(*ranges: tuple[int, int], steps: int = STEPS) -> Bools:
    """Malicious from the first step of each range for so many steps."""
    found = np.zeros(steps, dtype=bool)
    for first, length in ranges:
        found[first : first + length] = True
    return found


ATTACKS = truth((400, 60), (1500, 120), (3000, 30), (4200, 90))
SEEN = np.ones(STEPS, dtype=bool)


def noise(seed: int, steps: int = STEPS) -> Floats:
    return np.random.default_rng(seed).random(steps)


@pytest.mark.parametrize(
    ("seed", "buffer", "expected"),
    [
        # aeon 1.6.0: range_pr_vus_score(truth, scores, max_buffer_size=buffer). It takes 250
        # thresholds at most, so that only of 250 steps it has all of them.
        (0, 0, 0.6584314120069727),
        (1, 6, 0.7113946525860452),
        (2, 7, 0.6467044078702403),
        (3, 24, 0.710343324615456),
        (4, 100, 0.8615020661367562),
    ],
)
def test_it_is_that_of_aeon(seed: int, buffer: int, expected: float) -> None:
    malicious = truth((0, 3), (40, 10), (60, 1), (120, 30), (246, 4), steps=250)
    scores = noise(seed, 250) + 0.5 * malicious
    found = vus_pr(malicious, scores, np.ones(250, dtype=bool), buffer=buffer)
    assert found == pytest.approx(expected, abs=1e-12)


def test_a_random_score_gets_the_prevalence_widened_by_the_buffer() -> None:
    found = np.mean([vus_pr(ATTACKS, noise(seed), SEEN) for seed in range(20)])
    prevalence = ATTACKS.mean()
    widened = (ATTACKS.sum() + 4 * BUFFER) / STEPS  # both slopes of four attacks at their longest
    assert prevalence * 0.95 < found < widened * 1.05


def test_a_random_score_gets_it_for_isolated_steps_as_well() -> None:
    malicious = truth(*((50 * n, 1) for n in range(1, 99)))
    found = np.mean([vus_pr(malicious, noise(seed), SEEN, buffer=0) for seed in range(20)])
    assert found == pytest.approx(malicious.mean(), rel=0.1)


def test_a_perfect_score_gets_nearly_one_and_a_shifted_one_less() -> None:
    quiet = noise(0) * 0.1
    by_shift = [
        vus_pr(ATTACKS, np.roll(ATTACKS, shift) + quiet, SEEN) for shift in (0, 5, 20, 60, 500)
    ]
    assert by_shift[0] > 0.95
    assert by_shift == sorted(by_shift, reverse=True)
    assert by_shift[1] > 0.85
    assert by_shift[-1] < 0.1


def test_a_score_that_is_a_little_late_loses_less_with_more_tolerance() -> None:
    late = np.roll(ATTACKS, 3) + noise(0) * 0.1
    assert vus_pr(ATTACKS, late, SEEN, buffer=20) < vus_pr(
        ATTACKS, ATTACKS.astype(np.float64), SEEN, buffer=0
    )
    assert vus_pr(ATTACKS, late, SEEN, buffer=6) > vus_pr(ATTACKS, late, SEEN, buffer=0)


def test_finding_one_attack_of_four_is_worth_less_than_finding_all_a_little() -> None:
    one = truth((1500, 120)) + noise(0) * 0.1
    some_of_all = truth((400, 20), (1500, 60), (3000, 10), (4200, 30)) + noise(0) * 0.1
    assert vus_pr(ATTACKS, one, SEEN) < vus_pr(ATTACKS, some_of_all, SEEN)


def test_only_the_order_of_scores_counts() -> None:
    scores = noise(1) + ATTACKS
    assert vus_pr(ATTACKS, scores, SEEN) == vus_pr(ATTACKS, np.exp(9 * scores), SEEN)


def test_steps_that_were_not_seen_are_left_out() -> None:
    seen = SEEN.copy()
    seen[100:200] = False
    wild = noise(2) + ATTACKS
    wild[100:200] = 99.0
    calm = wild.copy()
    calm[100:200] = 0.0
    assert vus_pr(ATTACKS, wild, seen) == vus_pr(ATTACKS, calm, seen)
    assert vus_pr(ATTACKS, wild, SEEN) < vus_pr(ATTACKS, calm, SEEN)


def test_equal_scores_are_passed_at_once() -> None:
    in_order = truth((10, 10), steps=100).astype(np.float64)
    found = vus_pr(truth((10, 10), steps=100), in_order, np.ones(100, dtype=bool), buffer=0)
    assert found == 1.0


def test_without_an_attack_or_without_a_score_there_is_nothing_to_tell() -> None:
    assert math.isnan(vus_pr(truth(), noise(0), SEEN))
    assert vus_pr(ATTACKS, np.zeros(STEPS), SEEN) == 0.0
