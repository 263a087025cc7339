"""Scores become incidents by the same grouping as ours."""

import numpy as np

from informer.core.types import Floats
from made_world import Attack, at_step, made_world
from quality.alarms import detections_of, incidents_of
from quality.judge import judge

WORLD = made_world(attacks=[Attack(1, 100, 24, 3.0)], unseen=[7])


def scores(*high: tuple[str, int, int, float]) -> dict[str, Floats]:
    """Zero but for (pattern, step, rpc, score)."""
    found = {p: np.zeros(t.series.calls.shape) for p, t in WORLD.test.items()}
    for pattern, step, rpc, score in high:
        found[pattern][step, rpc] = score
    return found


def test_an_exceedance_is_an_incident_that_names_its_rpc() -> None:
    (incident,) = incidents_of(scores(("p1", 105, 1, 4.0)), 3.0, WORLD)
    assert incident["kind"] == "volume"
    assert incident["opened_ns"] == at_step(WORLD, 105)
    assert incident["resolved_ns"] == at_step(WORLD, 106)
    assert [rpc["callee"] for rpc in incident["rpcs"]] == ["middle-1"]
    assert judge([incident], WORLD).campaigns[0].found


def test_the_highest_scoring_rpc_is_named_first() -> None:
    high = [("p1", 105, 0, 4.0), ("p1", 105, 1, 9.0), ("p1", 106, 2, 5.0)]
    (incident,) = incidents_of(scores(*high), 3.0, WORLD)
    assert [rpc["method"] for rpc in incident["rpcs"]] == ["GET /1/1", "GET /1/2", "GET /1/0"]


def test_steps_near_each_other_are_one_incident_and_patterns_apart_are_two() -> None:
    near = [("p1", 105, 1, 4.0), ("p1", 110, 1, 4.0)]
    assert len(incidents_of(scores(*near), 3.0, WORLD)) == 1
    assert len(incidents_of(scores(*near, ("p0", 105, 0, 4.0)), 3.0, WORLD)) == 2


def test_only_what_is_above_the_threshold_is_told() -> None:
    assert incidents_of(scores(("p1", 105, 1, 3.0)), 3.0, WORLD) == []


def test_a_step_that_was_not_seen_is_no_alarm() -> None:
    assert incidents_of(scores(("p1", 7, 1, 9.0)), 3.0, WORLD) == []


def test_three_rpcs_of_a_step_are_told_at_most() -> None:
    deep = made_world(rpcs=5)
    found = {p: np.zeros(t.series.calls.shape) for p, t in deep.test.items()}
    found["p2"][50] = [9, 8, 7, 6, 5]
    rows = detections_of(found, 3.0, deep).to_pylist()
    assert sorted(r["rpc_id"] for r in rows) == ["p2-r0", "p2-r1", "p2-r2"]
