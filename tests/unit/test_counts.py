"""The negative binomial: held against slow sums and against SciPy."""

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from informer.core.types import Floats
from informer.forecasts.counts import crps, fit_spread, log_likelihood, within_reach

CASES = [
    (0.0, 0.01, 0.0),
    (1.0, 0.01, 0.1),
    (0.0, 3.0, 2.0),
    (3.0, 2.0, 1e-3),
    (3.0, 2.0, 5.0),
    (70.0, 50.0, 0.0),
    (70.0, 50.0, 0.2),
    (1_990.0, 1_999.0, 1e-4),
    (2_100.0, 2_001.0, 1e-4),
    (4_000.0, 2_500.0, 0.5),
]


def one(value: float) -> Floats:
    return np.array([value])


@pytest.mark.parametrize(("observed", "expected", "spread"), CASES)
def test_crps_is_the_area_between_the_distribution_and_the_step(
    observed: float, expected: float, spread: float
) -> None:
    k = np.arange(200_000)
    law = nbinom(1 / spread, 1 / (1 + spread * expected)) if spread else poisson(expected)
    area = ((law.cdf(k) - (k >= observed)) ** 2).sum()
    found = crps(one(observed), one(expected), one(spread))
    assert found == pytest.approx(area, rel=5e-3 if expected > 2_000 else 1e-6)


@pytest.mark.parametrize(("observed", "expected", "spread"), CASES)
def test_log_likelihood_is_that_of_the_negative_binomial(
    observed: float, expected: float, spread: float
) -> None:
    law = nbinom(1 / spread, 1 / (1 + spread * expected)) if spread else poisson(expected)
    found = log_likelihood(one(observed), one(expected), one(spread))
    assert found == pytest.approx(law.logpmf(observed), abs=1e-6)


def test_a_count_is_drawn_in_to_four_standard_deviations_but_one_call_always_counts() -> None:
    expected, spread = np.array([4.0, 100.0, 100.0, 0.01]), np.array([0.0, 0.0, 0.25, 0.0])
    observed = np.array([500.0, 0.0, 500.0, 1.0])
    drawn = within_reach(observed, expected, spread)
    assert drawn == pytest.approx([4 + 8 + 1, 100 - 40, 100 + 4 * np.sqrt(2_600) + 1, 1.0])


@pytest.mark.parametrize("truth", [0.0, 0.1, 1.0])
def test_spread_is_found_from_counts(truth: float) -> None:
    rng = np.random.default_rng(0)
    expected = np.full((2_000, 3), 20.0)
    factor = rng.gamma(1 / truth, truth, expected.shape) if truth else 1.0
    observed = rng.poisson(expected * factor).astype(float)
    assert fit_spread(observed, expected, np.ones(2_000, bool)) == pytest.approx(
        truth, rel=0.25, abs=0.005
    )


def test_a_burst_does_not_make_a_series_a_wild_one() -> None:
    rng = np.random.default_rng(0)
    expected = np.full((1_000, 1), 5.0)
    observed = rng.poisson(expected).astype(float)
    observed[100:110] = 80.0
    assert fit_spread(observed, expected, np.ones(1_000, bool))[0] < 0.06


def test_two_steps_give_no_certainty() -> None:
    observed = expected = np.full((2, 1), 1.0)
    assert fit_spread(observed, expected, np.ones(2, bool))[0] > 0.02


def test_steps_that_do_not_count_say_nothing_about_the_spread() -> None:
    rng = np.random.default_rng(0)
    expected = np.full((500, 1), 5.0)
    observed = rng.poisson(expected).astype(float)
    counts = np.arange(500) % 2 == 0
    junk = np.where(counts[:, None], observed, 90.0)
    assert fit_spread(junk, expected, counts) == fit_spread(observed, expected, counts)
