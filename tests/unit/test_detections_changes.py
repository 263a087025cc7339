"""A version that comes or goes is a change; a service that goes as a whole is not."""

import numpy as np

from informer.core.types import Floats
from informer.detections.changes import Change, find_changes, learned_shares

STEPS = 100


def calls(*parts: tuple[int, float]) -> Floats:
    """So many steps of so many calls each; zeros up to the end."""
    made = np.concatenate([np.full(n, float(value)) for n, value in parts])
    return np.concatenate([made, np.zeros(STEPS - len(made))])


ALWAYS = calls((STEPS, 3.0))
THREE = {"v1": 1 / 3, "v2": 1 / 3, "v3": 1 / 3}
TWO = {"v1": 1 / 3, "v2": 2 / 3}


def test_a_version_that_went_is_sure_after_it_should_have_had_many_calls() -> None:
    went = calls((40, 3.0))
    (change,) = find_changes(
        {"reviews": {"v1": went, "v2": ALWAYS, "v3": ALWAYS}}, {"reviews": THREE}
    )
    # The two others have 6 calls a step, so 2 were this version's: 14 missed ones take 7 steps.
    assert change == Change("reviews", "v1", "gone", first=46, last=STEPS - 1, since=40)


def test_a_version_that_comes_back_ends_its_change() -> None:
    back = calls((40, 3.0), (30, 0.0), (30, 3.0))
    (change,) = find_changes({"reviews": {"v1": back, "v2": ALWAYS * 2}}, {"reviews": TWO})
    assert (change.first, change.last, change.since) == (46, 70, 40)


def test_a_version_that_goes_again_is_a_second_change() -> None:
    twice = calls((20, 3.0), (20, 0.0), (30, 3.0), (30, 0.0))
    found = find_changes({"reviews": {"v1": twice, "v2": ALWAYS * 2}}, {"reviews": TWO})
    assert [(c.what, c.since, c.last) for c in found] == [("gone", 20, 40), ("gone", 70, 99)]


def test_single_late_calls_do_not_bring_a_version_back() -> None:
    late = calls((40, 3.0), (20, 0.0), (1, 1.0), (10, 0.0), (1, 1.0))
    (change,) = find_changes({"reviews": {"v1": late, "v2": ALWAYS * 2}}, {"reviews": TWO})
    assert change.last == STEPS - 1


def test_a_pause_of_a_rare_version_is_chance() -> None:
    rare = calls((10, 0.1), (60, 0.0), (30, 0.1))
    shares = {"reviews": {"v1": 0.03, "v2": 0.97}}
    assert find_changes({"reviews": {"v1": rare, "v2": ALWAYS}}, shares) == []


def test_nobody_waits_for_a_version_with_hardly_a_share() -> None:
    shares = {"reviews": {"v1": 0.019, "v2": 0.981}}
    assert find_changes({"reviews": {"v2": ALWAYS * 100}}, shares) == []


def test_a_version_that_appears_is_a_change_after_a_few_calls() -> None:
    fresh = calls((50, 0.0), (50, 2.0))
    (change,) = find_changes({"cart": {"v1": ALWAYS, "v2": fresh}}, {"cart": {"v1": 1.0}})
    assert change == Change("cart", "v2", "appeared", first=52, last=STEPS - 1, since=50)


def test_a_version_known_from_before_is_no_news() -> None:
    fresh = calls((50, 0.0), (50, 2.0))
    shares = {"cart": {"v1": 1.0, "v2": 0.0}}
    assert find_changes({"cart": {"v1": ALWAYS, "v2": fresh}}, shares) == []


def test_a_rollout_is_told_from_both_sides_in_order_of_time() -> None:
    old, new = calls((50, 3.0)), calls((45, 0.0), (55, 3.0))
    found = find_changes({"cart": {"v1": old, "v2": new}}, {"cart": {"v1": 1.0}})
    assert [(c.what, c.version) for c in found] == [("appeared", "v2"), ("gone", "v1")]


def test_a_service_that_goes_as_a_whole_is_silence_and_no_change() -> None:
    gone = calls((40, 3.0))
    assert find_changes({"reviews": dict.fromkeys(THREE, gone)}, {"reviews": THREE}) == []


def test_a_service_that_is_not_called_at_all_has_no_change() -> None:
    assert find_changes({}, {"reviews": THREE}) == []


def test_a_service_never_learned_has_no_changes() -> None:
    assert find_changes({"new": {"v1": ALWAYS}}, {"cart": {"v1": 1.0}}) == []


def test_shares_are_those_of_the_last_steps() -> None:
    went, stays = calls((40, 3.0)), calls((40, 1.0), (60, 2.0))
    assert learned_shares({"cart": {"v1": went, "v2": stays}}, 60) == {
        "cart": {"v1": 0.0, "v2": 1.0}
    }
    pauses, goes_on = calls((95, 3.0)), calls((95, 1.0), (5, 2.0))
    both = learned_shares({"cart": {"v1": pauses, "v2": goes_on}}, 100)["cart"]
    assert both["v1"] == 285 / (285 + 105)


def test_a_version_that_went_while_it_was_learned_is_not_waited_for() -> None:
    """A deploy in the middle of training would be told as one of today."""
    went, came = calls((40, 3.0)), calls((40, 0.0), (60, 3.0))
    shares = learned_shares({"cart": {"v1": went, "v2": came}}, 100)
    assert shares == {"cart": {"v1": 0.0, "v2": 1.0}}
    assert find_changes({"cart": {"v2": ALWAYS}}, shares) == []


def test_a_service_that_was_silent_lately_has_shares_of_zero() -> None:
    assert learned_shares({"cart": {"v1": calls((10, 3.0))}}, 50) == {"cart": {"v1": 0.0}}


def test_a_service_that_is_out_of_view_has_no_changes() -> None:
    assert find_changes({"cart": {}}, {"cart": {"v1": 1.0}}) == []
