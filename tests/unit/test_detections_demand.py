"""What everybody shares is demand; a unit never explains itself."""

import numpy as np
import pytest

from informer.core.types import Floats
from informer.detections.demand import EVENT_PRIOR, Demand, demand_of_others

CALM = 200.0
EXPECTED = np.array([40.0, 30.0, 20.0, 10.0, 10.0, 5.0])


def demand(observed: Floats, own: int, prior: float = EVENT_PRIOR) -> Demand:
    """The factor that the units other than `own` speak for."""
    return demand_of_others(
        np.asarray(observed, float)[None, :],
        EXPECTED[None, :],
        np.array([own]),
        CALM,
        np.array([prior]),
    )


def test_ordinary_traffic_has_a_factor_of_one() -> None:
    found = demand(EXPECTED, own=0)
    assert found.mean[0] == pytest.approx(1.0, abs=0.02)
    assert found.event[0] < EVENT_PRIOR


@pytest.mark.parametrize("own", range(6))
@pytest.mark.parametrize("times", [2.5, 0.3])
def test_a_crowd_moves_the_factor_for_every_unit(own: int, times: float) -> None:
    found = demand(EXPECTED * times, own)
    assert found.mean[0] == pytest.approx(times, rel=0.12)
    assert found.event[0] > 0.99


@pytest.mark.parametrize("own", range(6))
@pytest.mark.parametrize("attacked", range(6))
def test_an_attack_on_one_unit_is_no_demand_for_anybody(attacked: int, own: int) -> None:
    observed = EXPECTED.copy()
    observed[attacked] *= 8
    found = demand(observed, own)
    assert found.mean[0] == pytest.approx(1.0, abs=0.1)
    assert found.event[0] < 0.3


@pytest.mark.parametrize("calls", [0.0, 5000.0])
def test_what_the_own_unit_does_changes_nothing(calls: float) -> None:
    observed = EXPECTED * 1.1
    before = demand(observed, own=2)
    observed[2] = calls
    after = demand(observed, own=2)
    np.testing.assert_array_equal(after.mean, before.mean)
    np.testing.assert_array_equal(after.variance, before.variance)
    np.testing.assert_array_equal(after.event, before.event)


def test_an_attack_during_a_crowd_does_not_hide_the_crowd() -> None:
    observed = EXPECTED * 2.5
    observed[3] *= 8
    assert demand(observed, own=3).mean[0] == pytest.approx(2.5, rel=0.15)
    assert demand(observed, own=0).mean[0] == pytest.approx(2.5, rel=0.2)


def test_an_uncertain_factor_is_wide() -> None:
    few = demand_of_others(
        np.array([[3.0, 2.0, 4.0]]), np.ones((1, 3)), np.array([0]), CALM, np.array([EVENT_PRIOR])
    )
    many = demand_of_others(
        np.array([[300.0, 200.0, 400.0]]),
        np.full((1, 3), 100.0),
        np.array([0]),
        CALM,
        np.array([EVENT_PRIOR]),
    )
    assert few.variance[0] / few.mean[0] ** 2 > many.variance[0] / many.mean[0] ** 2


def test_steps_before_that_knew_of_a_crowd_make_it_easier_to_believe() -> None:
    observed = EXPECTED * 1.35
    assert demand(observed, 0, prior=0.9).mean[0] > demand(observed, 0).mean[0]


def test_units_without_traffic_leave_the_factor_at_one() -> None:
    found = demand_of_others(
        np.zeros((1, 4)), np.zeros((1, 4)), np.array([1]), CALM, np.array([EVENT_PRIOR])
    )
    assert found.mean[0] == pytest.approx(1.0)
    assert np.isfinite(found.variance[0])


def test_huge_counts_stay_finite() -> None:
    found = demand(EXPECTED * 1e6, own=0)
    assert np.isfinite([found.mean[0], found.variance[0], found.event[0]]).all()
