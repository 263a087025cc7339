"""A tail says in powers of ten how surprising a count is."""

import numpy as np
import pytest
from scipy.stats import nbinom, poisson

from informer.core.types import Floats
from informer.detections.tails import MOST_SURPRISING, log_tail


def tail(observed: object, mean: object, variance: object, *, high: bool) -> Floats:
    given = [np.atleast_1d(np.asarray(x, float)) for x in (observed, mean, variance)]
    return log_tail(*np.broadcast_arrays(*given), high=high)


@pytest.mark.parametrize("mean", [0.05, 1.0, 8.0, 300.0])
@pytest.mark.parametrize("spread", [0.01, 0.3, 4.0])
def test_a_count_that_varies_more_than_chance_has_negative_binomial_tails(
    mean: float, spread: float
) -> None:
    counts = np.arange(0, int(6 * mean + 20))
    variance = mean + spread * mean**2
    law = nbinom(1 / spread, 1 / (1 + spread * mean))
    np.testing.assert_allclose(
        tail(counts, mean, variance, high=True), -law.logsf(counts - 1) / np.log(10), rtol=1e-6
    )
    np.testing.assert_allclose(
        tail(counts, mean, variance, high=False),
        -law.logcdf(counts) / np.log(10),
        rtol=1e-6,
        atol=1e-12,
    )


@pytest.mark.parametrize("mean", [0.05, 1.0, 8.0, 300.0])
@pytest.mark.parametrize("variance_share", [1.0, 0.2])
def test_a_count_that_varies_no_more_than_chance_has_poisson_tails(
    mean: float, variance_share: float
) -> None:
    counts = np.arange(0, int(4 * mean + 20))
    variance = mean * variance_share
    np.testing.assert_allclose(
        tail(counts, mean, variance, high=True),
        np.minimum(-poisson(mean).logsf(counts - 1) / np.log(10), MOST_SURPRISING),
        rtol=1e-6,
    )
    np.testing.assert_allclose(
        tail(counts, mean, variance, high=False),
        -poisson(mean).logcdf(counts) / np.log(10),
        rtol=1e-6,
        atol=1e-12,
    )


@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_more_calls_are_never_a_smaller_surprise_nor_fewer_a_greater_one(spread: float) -> None:
    counts = np.linspace(0, 60, 601)  # sampled traffic has counts between the whole ones
    variance = 10 + spread * 100
    high, low = (np.diff(tail(counts, 10, variance, high=h)) for h in (True, False))
    assert (high > 0).all()
    assert (low <= 0).all()
    assert (low[counts[1:] < 20] < 0).all()  # above, too little is no surprise at all


@pytest.mark.parametrize("spread", [0.0, 0.2])
def test_a_fractional_count_lies_between_its_neighbours(spread: float) -> None:
    low, between, high = tail([14.0, 14.25, 15.0], 10, 10 + spread * 100, high=True)
    assert low < between < high
    step = float(between - low)
    assert step < 0.5 * float(high - low)


def test_nothing_at_all_is_no_surprise_upwards() -> None:
    assert tail(0, 25, 40, high=True) == 0
    assert tail(0, 25, 25, high=True) == 0


def test_extreme_values_stay_finite() -> None:
    observed = np.array([1e12, 1e12, 5.0, 0.0, 0.0, 1e-9, 3.0])
    mean = np.array([1.0, 1e-12, 0.0, 0.0, 1e12, 1e-300, 1e12])
    variance = np.array([1.0, 1.0, 0.0, 0.0, 1e12, 0.0, 1e24])
    for high in (True, False):
        found = tail(observed, mean, variance, high=high)
        assert np.isfinite(found).all()
        assert (found >= 0).all()
        assert (found <= MOST_SURPRISING).all()
    assert tail(1e12, 1.0, 1.0, high=True) == MOST_SURPRISING


def test_a_spread_that_vanishes_ends_in_poisson_without_a_jump() -> None:
    spreads = np.array([1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8])
    found = tail(20.0, 10.0, 10 + spreads * 100, high=True)
    exact = float(tail(20.0, 10.0, 10.0, high=True)[0])
    np.testing.assert_allclose(found[1:], exact, rtol=3e-3)
    assert (np.abs(np.diff(found - exact)) <= 0.02).all()
