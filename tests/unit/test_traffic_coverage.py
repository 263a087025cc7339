"""Which steps were covered: idle steps are zeros, holes in busy traffic are no data."""

import numpy as np
import pytest

from informer.core.types import Floats
from informer.traffic.coverage import covered

HOUR_S = 3600


def whole(chains: Floats) -> list[bool]:
    """Coverage when the data reaches from the first moment of each step to the last."""
    return cut(chains)


def cut(
    chains: Floats, heads: dict[int, float] | None = None, tails: dict[int, float] | None = None
) -> list[bool]:
    """Coverage when the data of some steps begins late, or ends early, by such shares of them."""
    given = []
    for shares in (heads or {}, tails or {}):
        missing = np.zeros(len(chains))
        for step, share in shares.items():
            missing[step] = share
        given.append(missing)
    return list(covered(np.asarray(chains, float), given[0], given[1], HOUR_S))


def office_days(days: int) -> Floats:
    """Busy from 8 to 18 h, not a chain at night, a step an hour."""
    day = np.zeros(24)
    day[8:18] = 40.0
    return np.tile(day, days)


def test_a_collector_outage_in_a_busy_hour_is_a_hole() -> None:
    chains = np.full(60, 30.0)
    chains[20:26] = 0
    assert [i for i, seen in enumerate(whole(chains)) if not seen] == list(range(20, 26))


def test_an_idle_stretch_of_quiet_traffic_is_a_zero() -> None:
    chains = np.array([0, 0, 1, 0, 0, 0, 2, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0] * 4, float)
    assert all(whole(chains))


def test_an_idle_night_that_traffic_fades_into_is_a_zero() -> None:
    fading = np.array([9, 7, 5, 4, 2, 2, 1, 1, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0], float)
    chains = np.concatenate([fading, np.zeros(30), fading[::-1]])
    assert all(whole(chains))


def test_a_night_that_is_empty_every_day_is_a_zero() -> None:
    assert all(whole(office_days(3))[8:-6])


def test_a_weekend_that_is_empty_every_week_is_a_zero() -> None:
    week = np.concatenate([office_days(5), np.zeros(48)])
    assert all(whole(np.tile(week, 3))[8:-54])


def test_an_outage_among_empty_nights_is_a_hole() -> None:
    chains = office_days(4)
    chains[24 + 9 : 24 + 14] = 0
    assert [i for i, seen in enumerate(whole(chains)[8:-6], start=8) if not seen] == [
        *range(24 + 9, 24 + 14)
    ]


def test_an_outage_of_days_is_a_hole() -> None:
    chains = np.full(24 * 10, 10.0)
    chains[60:130] = 0
    assert [i for i, seen in enumerate(whole(chains)) if not seen] == list(range(60, 130))


def test_one_step_without_a_chain_is_a_hole_only_where_chance_cannot_explain_it() -> None:
    for rate, hole in ((12.0, False), (30.0, True)):
        chains = np.full(40, rate)
        chains[20] = 0
        assert (not whole(chains)[20]) == hole


def test_the_busier_side_of_a_hole_says_what_should_have_come() -> None:
    chains = np.concatenate([np.full(20, 0.2), np.zeros(5), np.full(20, 10.0)])
    assert not any(whole(chains)[20:25])
    assert not any(whole(chains[::-1])[20:25])


def test_an_outage_at_the_end_of_the_range_is_a_hole() -> None:
    chains = np.concatenate([np.full(20, 10.0), np.zeros(5), np.ones(1)])
    assert not any(whole(chains)[20:25])


@pytest.mark.parametrize(("missing", "seen"), [(0.0, True), (0.3, True), (0.6, False)])
def test_a_first_or_last_step_that_the_data_covers_in_part_is_not_covered(
    missing: float, seen: bool
) -> None:
    chains = np.full(30, 10.0)
    chains[0] = chains[-1] = round(10 * (1 - missing))
    assert cut(chains, heads={0: missing})[0] == seen
    assert cut(chains, tails={-1: missing})[-1] == seen
    assert all(cut(chains, heads={0: missing}, tails={-1: missing})[1:-1])


@pytest.mark.parametrize(("missing", "seen"), [(0.0, True), (0.3, True), (0.6, False)])
def test_a_step_that_a_hole_begins_or_ends_in_is_not_covered(missing: float, seen: bool) -> None:
    chains = np.full(40, 10.0)
    chains[15:20] = 0
    chains[14] = chains[20] = round(10 * (1 - missing))
    found = cut(chains, heads={20: missing}, tails={14: missing})
    assert (found[14], found[20]) == (seen, seen)
    assert not any(found[15:20])
    assert all([*found[:14], *found[21:]])


def test_a_step_that_ends_early_far_from_any_hole_is_covered() -> None:
    chains = np.full(40, 10.0)
    chains[15:20] = 0
    assert all(cut(chains, heads={30: 0.9}, tails={5: 0.9})[20:])


def test_a_hole_at_an_end_has_one_step_that_may_be_cut() -> None:
    chains = np.full(40, 10.0)
    chains[:5] = chains[35:] = 0
    found = cut(chains, heads={5: 0.6}, tails={34: 0.6})
    assert [step for step, is_seen in enumerate(found) if is_seen] == [*range(6, 34)]


def test_a_late_first_chain_of_quiet_traffic_is_chance() -> None:
    assert all(cut(np.full(30, 2.0), heads={0: 0.9}, tails={-1: 0.9}))


def test_a_single_step_is_covered() -> None:
    assert cut(np.array([3.0]), heads={0: 0.9}, tails={0: 0.9}) == [True]
