"""What may teach: not what was irregular, unless somebody accepted it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from informer.core.tables import INCIDENTS
from informer.pipeline.accepts import (
    Accept,
    Leap,
    accepts_in,
    drop_accept,
    keep_accept,
    levelled,
)
from informer.pipeline.teaching import barred_steps, keep_irregular, since_birth, since_leap, unseen
from informer.pipeline.workspace import Workspace
from kept_traffic import EVER, STEP_NS, calls_of, grid_of, keep, kept
from pattern_traffic import START_NS, traffic_of


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create(tmp_path / "w") as workspace:
        yield workspace


def at(step: int) -> int:
    return START_NS + step * STEP_NS


def incident(verdict: str, first: int, last: int, **more: Any) -> dict[str, Any]:
    """An incident of the pattern with a detection in its first and last step."""
    cells = [{"step_start_ns": at(step)} for step in (first, last)]
    return {
        "incident_id": f"{verdict}-{first}",
        "title": "",
        "kind": "refusal",
        "severity": "high",
        "opened_ns": at(first),
        "resolved_ns": at(last + 1),
        "score": 9.0,
        "patterns": ["p"],
        "evidence": orjson.dumps({"detections": cells}).decode(),
        "verdict": verdict,
    } | more


def accept(first: int, end: int, *leaps: Leap, version: str = "0002") -> Accept:
    return Accept("p", version, "0001", at(first), at(end), leaps=leaps)


def barred(home: Workspace, *accepts: Accept, undecided: bool = True) -> list[int]:
    """Steps of four that must not teach the pattern."""
    grid = grid_of(0, [True] * 4)
    found = barred_steps(home, grid, accepts, undecided=undecided)
    return np.flatnonzero(found.get("p", np.zeros(4))).tolist()


def test_irregular_steps_do_not_teach_until_they_are_accepted(home: Workspace) -> None:
    grid = keep(home, 0, [1.0, 9.0, 9.0, 1.0])
    keep_irregular(home, grid, {"p": np.array([False, True, True, False])})
    assert calls_of(kept(home)) == [1.0, None, None, 1.0]
    keep_accept(home, accept(2, 4))
    assert calls_of(kept(home)) == [1.0, None, 9.0, 1.0]


def test_what_is_not_accepted_any_more_is_irregular_again(home: Workspace) -> None:
    grid = keep(home, 0, [1.0, 9.0, 9.0, 1.0])
    keep_irregular(home, grid, {"p": np.array([False, True, True, False])})
    keep_accept(home, accept(0, 4))
    drop_accept(home, accept(0, 4))
    assert calls_of(kept(home)) == [1.0, None, None, 1.0]


def test_looking_again_replaces_the_marks_of_its_own_range_only(home: Workspace) -> None:
    keep(home, 0, [1.0] * 6)
    keep_irregular(home, grid_of(0, [True] * 6), {"p": np.array([True, False] * 3)})
    keep_irregular(home, grid_of(2, [True] * 2), {"p": np.array([False, True])})
    assert calls_of(kept(home)) == [None, 1.0, 1.0, None, None, 1.0]


def test_marks_of_other_patterns_do_not_count(home: Workspace) -> None:
    grid = keep(home, 0, [1.0, 2.0])
    keep_irregular(home, grid, {"q": np.array([True, True])})
    assert calls_of(kept(home)) == [1.0, 2.0]


def test_steps_of_a_rejected_incident_never_teach(home: Workspace) -> None:
    keep(home, 0, [1.0, 2.0, 3.0, 4.0])
    home.save("incidents", INCIDENTS.of([incident("rejected", 1, 2)]))
    assert barred(home) == [1, 2]
    assert barred(home, accept(0, 4)) == [1, 2]
    assert calls_of(kept(home)) == [1.0, None, None, 4.0]


def test_a_rejected_incident_that_was_still_open_ends_with_its_last_step(home: Workspace) -> None:
    home.save("incidents", INCIDENTS.of([incident("rejected", 1, 2, resolved_ns=None)]))
    assert barred(home) == [1, 2]


def test_misuse_that_nobody_decided_on_is_no_teacher_but_may_be_context(home: Workspace) -> None:
    home.save("incidents", INCIDENTS.of([incident("open", 1, 1), incident("accepted", 3, 3)]))
    assert barred(home) == [1]
    assert barred(home, undecided=False) == []


@pytest.mark.parametrize("kind", ["change", "demand"])
def test_what_is_probably_legitimate_may_teach_undecided(home: Workspace, kind: str) -> None:
    home.save("incidents", INCIDENTS.of([incident("open", 1, 2, kind=kind)]))
    assert barred(home) == []


def test_a_step_marked_unseen_holds_zeros() -> None:
    given = traffic_of(
        "p",
        {"in": np.array([5.0, 6.0, 7.0])},
        failures={"in": np.ones(3)},
        refusals={"in": np.ones(3)},
    )
    found = unseen(given, np.array([False, True, False]))
    assert calls_of(found) == [5.0, None, 7.0]
    assert found.series.calls[1, 0] == found.failures[1, 0] == found.refusals[1, 0] == 0
    assert np.isnan(found.latency_ms[:, 0]).tolist() == [False, True, False]
    assert calls_of(given) == [5.0, 6.0, 7.0]


def test_an_accept_comes_back_as_it_was_written(home: Workspace) -> None:
    given = Accept(
        "p",
        "0002",
        "0001",
        at(0),
        EVER,
        incidents=("a", "b"),
        leaps=(Leap(at(3), {"in": 1.5}),),
        rpcs=("new",),
        shapes=("form",),
        version_shares={"web": {"v1": 1.0}},
    )
    keep_accept(home, given)
    assert accepts_in(home) == [given]


def test_traffic_from_before_two_leaps_is_beside_that_of_now_what_both_make_of_it() -> None:
    given = traffic_of("p", {"in": np.ones(4), "db": np.ones(4)})
    accepts = [
        accept(0, 4, Leap(at(3), {"in": 2.0, "gone": 9.0})),
        accept(0, 4, Leap(at(1), {"in": 5.0, "db": 0.5}), version="0003"),
    ]
    level = levelled(accepts, given).series.level
    assert level is not None
    assert level[:, 0].tolist() == [0.1, 0.5, 0.5, 1.0]
    assert level[:, 1].tolist() == [2.0, 1.0, 1.0, 1.0]


def test_traffic_that_leapt_nowhere_has_no_level() -> None:
    given = traffic_of("p", {"in": np.ones(4)})
    assert levelled([accept(0, 4)], given).series.level is None
    assert levelled([accept(0, 4, Leap(at(0), {"in": 2.0}))], given).series.level is None


def test_only_what_came_after_the_last_leap_is_of_the_form_of_now() -> None:
    given = traffic_of("p", {"in": np.array([1.0, 2.0, 3.0, 4.0])})
    accepts = [accept(0, 4, Leap(at(1), {}), Leap(at(3), {"in": 2.0}))]
    assert calls_of(since_leap(accepts, given)) == [None, None, None, 4.0]
    assert since_leap([], given) is given


def test_the_silence_before_a_pattern_was_born_does_not_teach() -> None:
    def taught(calls: list[float]) -> int:
        made = since_birth(traffic_of("p", {"in": np.array(calls)}))
        return int(np.argmax(made.series.seen))

    day = 144
    assert taught([0.0] * 4 * day + [2.0, 0.0, 3.0] * 20) == 4 * day
    weekend = [0.0] * 2 * day + [2.0] * day
    assert taught(weekend) == 0
    rare = [0.0] * 4 * day + [1.0] + [0.0] * 3 * day
    assert taught(rare) == 0
    assert taught([0.0] * 5 * day) == 0
