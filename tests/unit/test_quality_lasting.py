"""What is told after a lasting change is counted for what it is about, accepted or not."""

from pathlib import Path

import pytest

from informer.core.types import Json
from quality.acceptance import aftermath
from quality.datasets import settings_of
from quality.lasting import HOUR_NS, Lasting
from quality.world import Event

CHANGED_NS, NOTICED_NS = 1_000 * HOUR_NS, 1_004 * HOUR_NS
NEW = ("transfers", "sanctions", "POST /screen")
ATTACK = Event(
    "A1", "scraping", "attack", 1_010 * HOUR_NS, 1_011 * HOUR_NS, ("*>ledger:",), oracle_z=9.0
)
CHANGE = Lasting(
    "a deploy",
    Path("nowhere"),
    settings_of(300, models=False),
    CHANGED_NS,
    CHANGED_NS + 96 * HOUR_NS,
    (),
    frozenset({NEW}),
    events=(ATTACK,),
)


def incident(
    opened_h: float, resolved_h: float | None, *, pattern: str = "changed", **told: object
) -> Json:
    """Hours after the change."""
    return {
        "id": f"{pattern} {opened_h}",
        "kind": "volume",
        "opened_ns": CHANGED_NS + int(opened_h * HOUR_NS),
        "resolved_ns": None if resolved_h is None else CHANGED_NS + int(resolved_h * HOUR_NS),
        "patterns": [{"id": pattern}],
        "rpcs": [{"caller": "outside", "callee": "edge", "method": "POST /transfers"}],
        "verdict": "open",
        **told,
    }


def after(*incidents: Json) -> tuple[int, int, int, float, float | None]:
    of = aftermath(CHANGE, incidents, frozenset({"changed"}), NOTICED_NS)
    return of.false_24h, of.about_24h, of.told_24h, of.open_h, of.quiet_after_h


def test_where_nothing_is_told_it_is_quiet_at_once() -> None:
    assert after() == (0, 0, 0, 0.0, 0.0)


def test_an_incident_that_goes_on_is_open_and_not_new() -> None:
    assert after(incident(1, 10)) == (0, 0, 1, 6.0, 6.0)
    assert after(incident(1, None)) == (0, 0, 1, 24.0, None)


def test_one_that_was_over_or_accepted_or_from_before_does_not_count() -> None:
    accepted = incident(1, None, verdict="accepted")
    assert after(incident(1, 3), accepted, incident(-5, 20)) == (0, 0, 0, 0.0, 0.0)


def test_new_incidents_are_false_whatever_they_are_about() -> None:
    told = after(incident(5, 6), incident(5.5, 7), incident(20, 21, pattern="another"))
    assert told == (3, 2, 2, 2.0, 3.0)


def test_what_opens_after_a_day_counts_until_it_is_quiet_alone() -> None:
    assert after(incident(40, 41)) == (0, 0, 0, 0.0, pytest.approx(37.0))


def test_demand_and_changes_are_told_and_are_no_false_alarm() -> None:
    assert after(incident(5, 6, kind="change")) == (0, 0, 1, 0.0, 0.0)


def test_an_incident_of_no_pattern_is_about_a_change_whose_new_rpc_it_names() -> None:
    caller, callee, method = NEW
    rpcs = [{"caller": caller, "callee": callee, "method": method}]
    assert after(incident(5, 6, pattern="-1", rpcs=rpcs, kind="novel"))[:2] == (1, 1)


def test_what_opens_in_an_attack_is_not_false() -> None:
    assert after(incident(10.5, 11))[:2] == (0, 0)
