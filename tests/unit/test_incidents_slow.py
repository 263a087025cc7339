"""Of several slow rpcs the one whose own time grew is named first; its callers wait for it."""

from typing import Any

import orjson
import pytest

from informer.core.tables import DETECTIONS
from informer.incidents.build import Names, build_incidents

STEP_NS = 600 * 10**9
START_NS = 1_780_272_000_000_000_000
# rpc: caller, callee; the chain is in > login > db, and the gateway asks the catalog as well
RPCS = {
    "in": ("outside", "gateway"),
    "login": ("gateway", "auth"),
    "db": ("auth", "db"),
    "catalog": ("gateway", "catalog"),
}
NAMES = Names(
    {r: {"caller": a, "callee": b, "method": f"{r}-method"} for r, (a, b) in RPCS.items()},
    {"page": "the page"},
    {"page": frozenset({"gateway", "auth", "db", "catalog"})},
    {
        ("page", r): n
        for r, n in {"in": 100.0, "login": 100.0, "db": 500.0, "catalog": 50.0}.items()
    },
)
Row = dict[str, Any]


def slow(
    rpc_id: str, usual_ms: float, took_ms: float, first: int = 10, last: int = 20, **values: Any
) -> list[Row]:
    """Detections of one rpc, step by step."""
    row: Row = {"pattern_id": "page", "rpc_id": rpc_id, "signal": "latency", "kind": "latency"}
    row |= {"observed": took_ms, "expected": usual_ms, "window_steps": 1}
    row |= {"score": 9.0, "threshold": 6.0} | values
    return [
        row
        | {
            "detection_id": f"{rpc_id}-{row['signal']}-{step}",
            "step_start_ns": START_NS + step * STEP_NS,
        }
        for step in range(first, last + 1)
    ]


def attack(first: int, last: int, kind: str = "volume", signal: str = "calls") -> list[Row]:
    return slow("login", 10.0, 60.0, first, last, kind=kind, signal=signal)


def told(*rows: list[Row], changes: list[Row] | None = None) -> list[Row]:
    """The incidents, with evidence as values and opening as a step."""
    found: list[Row] = build_incidents(
        DETECTIONS.of([row for part in rows for row in part]),
        NAMES,
        step_ns=STEP_NS,
        until_ns=START_NS + 1000 * STEP_NS,
        changes=changes or [],
        novel=[],
    ).to_pylist()
    for row in found:
        row["evidence"] = orjson.loads(row["evidence"])
        row["opened"] = (row["opened_ns"] - START_NS) // STEP_NS
    return found


def guilty(incident: Row) -> list[str]:
    return [rpc["rpc_id"] for rpc in incident["evidence"]["rpcs"]]


def test_a_slow_leaf_is_named_before_the_callers_that_wait_for_it() -> None:
    (incident,) = told(
        slow("in", 40.0, 560.0, score=20.0),
        slow("login", 30.0, 540.0, score=15.0),
        slow("db", 4.0, 104.0),  # five calls for each login
    )
    assert guilty(incident) == ["db", "in", "login"]
    assert (incident["kind"], incident["severity"]) == ("latency", "medium")


def test_a_caller_whose_own_time_grew_is_named_before_a_callee_that_is_a_little_slow() -> None:
    (incident,) = told(slow("in", 40.0, 470.0), slow("login", 30.0, 450.0), slow("db", 4.0, 14.0))
    assert guilty(incident)[0] == "login"


def test_a_caller_waits_in_vain_for_a_callee_that_was_slow_at_another_time() -> None:
    first, second = told(slow("db", 4.0, 400.0, 10, 12), slow("login", 30.0, 90.0, 40, 45))
    assert (guilty(first), guilty(second)) == (["db"], ["login"])


def test_what_is_slow_for_good_does_not_swallow_the_next_slow_service() -> None:
    found = told(
        slow("in", 40.0, 100.0, 10, 500),
        slow("catalog", 20.0, 200.0, 300, 310),
        slow("login", 30.0, 200.0, 301, 311),
    )
    assert [(x["opened"], set(guilty(x))) for x in found] == [
        (10, {"in"}),
        (300, {"catalog", "login"}),
    ]


def test_what_is_slow_for_good_does_not_swallow_an_attack() -> None:
    lasting, misuse = told(slow("login", 30.0, 100.0, 10, 500), attack(300, 310))
    assert (lasting["kind"], misuse["kind"]) == ("latency", "volume")
    assert misuse["opened"] == 300


def test_what_an_attack_makes_slow_is_told_with_it() -> None:
    (incident,) = told(attack(100, 120), slow("login", 30.0, 300.0, 102, 121))
    assert (incident["kind"], incident["opened"]) == ("volume", 100)


@pytest.mark.parametrize(("begins", "incidents"), [(12, 1), (200, 2)])
def test_failures_that_begin_with_it_belong_to_what_is_slow(begins: int, incidents: int) -> None:
    failing = attack(begins, begins + 5, kind="failure", signal="failures")
    assert len(told(slow("db", 4.0, 400.0, 10, 300), failing)) == incidents


def test_the_title_says_how_slow_in_milliseconds() -> None:
    (incident,) = told(slow("db", 4.0, 1234.0))
    assert incident["title"] == "308 times slower (1,234 ms, usually 4 ms): auth > db db-method"
    (incident,) = told(slow("db", 41.26, 82.5))
    assert incident["title"].startswith("2.0 times slower (82.5 ms, usually 41.3 ms): ")
    (reason, *_) = incident["evidence"]["explanation"]
    assert (
        reason
        == "Calls took 82.5 ms on average (geometric mean) where 41.3 ms are usual, over 10 min."
    )


def version(since: int) -> Row:
    """A version of the auth service that came and stayed."""
    at_ns = {"since_ns": since, "first_ns": since, "last_ns": 900}
    times = {k: START_NS + step * STEP_NS for k, step in at_ns.items()}
    return {"service": "auth", "version": "v2", "what": "appeared"} | times


def test_a_deploy_just_before_it_is_named() -> None:
    (incident,) = told(slow("login", 30.0, 90.0, 100, 110), changes=[version(98)])
    assert incident["title"] == (
        "3.0 times slower (90 ms, usually 30 ms), since v2 of auth appeared: "
        "gateway > auth login-method"
    )


def test_a_deploy_of_the_day_before_is_no_reason_but_near() -> None:
    (incident,) = told(slow("login", 30.0, 90.0, 200, 210), changes=[version(20)])
    assert "since" not in incident["title"]
    assert incident["evidence"]["changes"] == ["v2 of auth appeared"]


@pytest.mark.parametrize(("again", "incidents"), [(44, 1), (45, 2)])
def test_what_shows_now_and_then_that_it_is_slow_is_one_incident(
    again: int, incidents: int
) -> None:
    assert len(told(slow("db", 5.0, 8.0), slow("db", 5.0, 8.0, again, again + 2))) == incidents
