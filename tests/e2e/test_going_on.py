"""What is open when a look ends goes on in the next one, or is over; and swallows nothing else."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import informer
from command import done
from informer.config.settings import PatternSettings, Settings, TrafficSettings
from shop import DAYS, Shop
from simulated_traffic import labels, simulated, tiny
from traffic_maker import (
    DAY_STEPS,
    LOGIN,
    MONDAY_NS,
    STEP_NS,
    Event,
    make_spans,
    write_spans,
)

FIRST = DAYS * DAY_STEPS  # the step after training
OVER_MIDNIGHT = Event(LOGIN, first=DAY_STEPS - 12, last=DAY_STEPS, requests=60, refused=0.9)


def day(folder: Path, number: int, *events: Event) -> Path:
    """Traces of a day after training, from 0; events count their steps from its midnight."""
    spans = make_spans(FIRST + number * DAY_STEPS, DAY_STEPS, seed=20 + number, events=events)
    return write_spans(folder / f"day{number}.parquet", spans)


def incidents(traces: Path, workspace: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = done("detect", traces, "-w", workspace, "--json").json[
        "incidents"
    ]
    return found


def listed(workspace: Path) -> dict[str, dict[str, Any]]:
    return {i["id"]: i for i in done("incidents", "list", "-w", workspace, "--json").json}


def stuffing(found: list[dict[str, Any]]) -> dict[str, Any]:
    (one,) = [i for i in found if i["rpcs"] and i["rpcs"][0]["callee"] == "auth"]
    return one


def step_of(incident: dict[str, Any], which: str) -> int | None:
    """The step after training at which an incident opened or was resolved."""
    value = incident[which]
    return None if value is None else (value - MONDAY_NS) // STEP_NS - FIRST


@pytest.fixture
def evening(tmp_path: Path) -> Path:
    """A day that ends in the middle of an attack."""
    return day(tmp_path, 0, OVER_MIDNIGHT)


def test_an_incident_that_goes_on_after_midnight_is_one_incident(
    shop: Shop, own_workspace: Path, evening: Path, tmp_path: Path
) -> None:
    before = stuffing(incidents(evening, own_workspace))
    assert before["resolved_ns"] is None
    night = day(tmp_path, 1, replace(OVER_MIDNIGHT, first=0, last=12))
    now = stuffing(incidents(night, own_workspace))
    assert now["id"] == before["id"]
    assert now["opened_ns"] == before["opened_ns"]
    ended = step_of(now, "resolved_ns")
    assert ended is not None
    assert DAY_STEPS + 12 < ended <= DAY_STEPS + 24
    assert now["examples"] == before["examples"]
    again = stuffing(incidents(night, own_workspace))
    assert again == now
    assert [i for i in listed(own_workspace) if i == now["id"]] == [now["id"]]


def test_an_incident_that_does_not_go_on_is_over(
    shop: Shop, own_workspace: Path, evening: Path, tmp_path: Path
) -> None:
    before = stuffing(incidents(evening, own_workspace))
    assert before["id"] not in {i["id"] for i in incidents(day(tmp_path, 1), own_workspace)}
    ended = listed(own_workspace)[before["id"]]
    assert step_of(ended, "resolved_ns") == DAY_STEPS
    assert ended["opened_ns"] == before["opened_ns"]


def test_a_look_long_after_ends_what_was_open_and_goes_on_with_nothing(
    shop: Shop, own_workspace: Path, evening: Path, tmp_path: Path
) -> None:
    before = stuffing(incidents(evening, own_workspace))
    later = day(tmp_path, 2, replace(OVER_MIDNIGHT, first=0, last=12))
    now = stuffing(incidents(later, own_workspace))
    assert now["id"] != before["id"]
    assert step_of(listed(own_workspace)[before["id"]], "resolved_ns") == DAY_STEPS


def test_what_was_rejected_goes_on_rejected_and_what_was_accepted_does_not_go_on(
    shop: Shop, own_workspace: Path, evening: Path, tmp_path: Path
) -> None:
    night = day(tmp_path, 1, replace(OVER_MIDNIGHT, first=0, last=12))
    before = stuffing(incidents(evening, own_workspace))
    done("incidents", "reject", before["id"], "-w", own_workspace)
    assert stuffing(incidents(night, own_workspace))["id"] == before["id"]
    rejected = listed(own_workspace)[before["id"]]
    assert rejected["verdict"] == "rejected"
    done("incidents", "accept", before["id"], "-w", own_workspace)
    incidents(night, own_workspace)
    assert listed(own_workspace)[before["id"]] == rejected | {"verdict": "accepted"}


# Two patterns with one entry, and others that have nothing to do with it.
SEARCH = """
gateway: GET /search
  search: GET /query
    index: lookup           kind=db
  prices: GET /prices
"""
ADVERTS = """
gateway: GET /search
  adverts: GET /auction
    bids: GET /bids
    budget: GET /budget
"""
LOGIN_CHAIN = """
gateway: POST /login
  auth: POST /v1/login      refuse=0.05
    users-db: SELECT user   kind=db
"""
ORDER = """
gateway: POST /orders
  orders: POST /v1/orders
    stock: GET /stock
"""


def campaign(name: str, pattern: str, guilty: str, at: str, minutes: int, times: float) -> Any:
    return {
        "id": name,
        "kind": "scraping",
        "at": at,
        "minutes": minutes,
        "patterns": [pattern],
        "guilty": guilty,
        "multiplier": times,
    }


@pytest.mark.parametrize(
    ("pattern", "guilty"),
    [("order", "orders: POST /v1/orders"), ("adverts", "adverts: GET /auction")],
    ids=["on another entry", "on the same entry"],
)
def test_an_attack_that_begins_while_a_lasting_change_is_open_is_an_incident_of_its_own(
    tmp_path: Path, pattern: str, guilty: str
) -> None:
    """More people search for good, from 04:00 on; somebody attacks at 14:00."""
    given = tiny(
        campaign("L1", "search", "search: GET /query", "0d 04:00", 1200, 2.5),
        campaign("A1", pattern, guilty, "0d 14:00", 60, 5),
        scenario={"title": "tiny", "days": 4, "train_days": 3},
        pattern=[
            {"name": "search", "per_minute": 5, "chain": SEARCH},
            {"name": "adverts", "per_minute": 3, "chain": ADVERTS},
            {"name": "login", "per_minute": 4, "chain": LOGIN_CHAIN},
            {"name": "order", "per_minute": 3, "chain": ORDER},
            *(
                {"name": page, "per_minute": 3, "chain": f"gateway: GET /{page}\n  {page}: GET /"}
                for page in ("home", "cart", "account", "reviews")
            ),
        ],
    )
    simulated(tmp_path, given)
    settings = replace(
        Settings(),
        traffic=TrafficSettings(step_s=600),
        patterns=replace(PatternSettings(), critical_share=1.0),
    )
    informer.learn([tmp_path / "train"], tmp_path / "w", settings=settings)
    informer.detect([tmp_path / "test"], tmp_path / "w")
    found = list(listed(tmp_path / "w").values())
    attack = labels(tmp_path)["A1"]
    open_then = [
        i
        for i in found
        if i["opened_ns"] < int(attack["start_ns"]) - 3600 * 10**9
        and (i["resolved_ns"] or 2**62) > int(attack["end_ns"])
    ]
    assert open_then, [i["title"] for i in found]
    own = [
        i
        for i in found
        if int(attack["start_ns"]) - 600 * 10**9 <= i["opened_ns"] < int(attack["end_ns"])
    ]
    callee = guilty.split(":")[0]
    assert any(callee in {r["callee"] for r in i["rpcs"][:3]} for i in own), found
