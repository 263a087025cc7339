"""Scores become incidents by the same grouping as ours."""

from dataclasses import replace

import numpy as np

from informer.core.types import Floats
from made_world import Attack, at_step, made_world
from quality.alarms import NEWS, detections_of, incidents_of, with_news
from quality.judge import judge
from quality.world import Unmet, World

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


def unmet(*steps: int, rpc: str = "p1-new", pattern: str = "p1") -> Unmet:
    calls = np.zeros(len(WORLD.test_grid.seen))
    calls[list(steps)] = 2.0
    return Unmet(rpc, pattern, calls)


def knowing(rpc: str, caller: str, callee: str) -> World:
    """The world, whose test range holds one rpc that training did not."""
    told = {"caller": caller, "callee": callee, "method": "GET /new", "kind": "rpc"}
    return replace(WORLD, rpcs=WORLD.rpcs | {rpc: told})


def test_an_rpc_never_met_is_told_by_name_whatever_the_threshold() -> None:
    world = knowing("p1-new", "middle-1", "vault")
    (incident,) = incidents_of(scores(), 1e9, world, [unmet(120, 122)])
    assert incident["kind"] == "novel"
    assert incident["opened_ns"] == at_step(WORLD, 120)
    assert [(r["caller"], r["callee"]) for r in incident["rpcs"]] == [("middle-1", "vault")]


def test_news_in_chains_of_no_pattern_and_alarms_elsewhere_are_incidents_apart() -> None:
    world = knowing("new", "nobody", "vault")
    high = scores(("p0", 120, 0, 4.0))
    found = incidents_of(high, 3.0, world, [unmet(120, rpc="new", pattern="-1")])
    assert sorted(i["kind"] for i in found) == ["novel", "volume"]


def test_news_in_a_step_that_was_not_seen_is_no_alarm() -> None:
    world = knowing("p1-new", "middle-1", "vault")
    assert incidents_of(scores(), 3.0, world, [unmet(7)]) == []


def test_a_pattern_scores_highest_where_an_rpc_never_met_is_called() -> None:
    found = with_news(scores(("p1", 50, 1, 4.0)), [unmet(120), unmet(3, pattern="-1")])
    assert found["p1"][120].max() == NEWS
    assert found["p1"][50].max() == 4.0
    assert np.count_nonzero(found["p1"].max(axis=1)) == 2
    assert not found["p0"].any()
