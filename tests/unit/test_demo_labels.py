"""The demo holds its incidents against what is known to have happened, and flatters nobody."""

from pathlib import Path
from typing import Any

import pytest

from informer.cli.labels import SLACK_STEPS, false_incidents, hold_against

STEP_NS = 600 * 10**9
FIRST, LAST = 100, 110  # steps
HEAD = "event_id,kind,flag,start_ns,end_ns,effect_end_ns,guilty\n"


def labels_file(folder: Path, *rows: str) -> Path:
    """Events as `id,kind,flag,first step,last step,step of the last effect,guilty`."""
    lines = []
    for row in rows:
        event, kind, flag, first, last, effect, guilty = row.split(",")
        times = [str(int(t) * STEP_NS) if t else "" for t in (first, last, effect)]
        lines.append(",".join([event, kind, flag, *times, guilty]))
    path = folder / "labels.csv"
    path.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def attack(tmp_path: Path) -> Path:
    return labels_file(tmp_path, f"A1,stuffing,attack,{FIRST},{LAST},,*>auth:/login|*>page:POST")


def incident(
    opened: int, *rpcs: tuple[str, str, str], kind: str = "volume", score: float = 9.0
) -> dict[str, Any]:
    named = [{"caller": a, "callee": b, "method": m} for a, b, m in rpcs]
    row = {"id": f"{kind}-{opened}", "kind": kind, "score": score, "rpcs": named}
    return row | {"opened_ns": opened * STEP_NS}


GUILTY = ("gateway", "auth", "POST /login")
OTHER = ("gateway", "catalog", "GET /catalog")


def outcome(path: Path, *incidents: dict[str, Any]) -> str:
    (label,) = hold_against(path, list(incidents), STEP_NS)
    assert (label.found_by is None) == (label.outcome in ("missed", "no alarm"))
    return label.outcome


def test_an_incident_in_the_attack_that_names_the_rpc_finds_it(attack: Path) -> None:
    assert outcome(attack, incident(FIRST + 2, GUILTY)) == "found, guilty rpc no. 1"
    assert outcome(attack, incident(FIRST + 2, OTHER, GUILTY)) == "found, guilty rpc no. 2"


def test_one_of_several_guilty_rpcs_is_enough(attack: Path) -> None:
    page = ("outside", "page", "POST /account")
    assert outcome(attack, incident(FIRST, page)) == "found, guilty rpc no. 1"


def test_an_incident_that_blames_another_rpc_finds_nothing(attack: Path) -> None:
    assert outcome(attack, incident(FIRST, OTHER)) == "missed"
    assert outcome(attack, incident(FIRST, OTHER, OTHER, OTHER, GUILTY)) == "missed"
    logout = ("gateway", "auth", "POST /logout")
    assert outcome(attack, incident(FIRST, logout)) == "missed"


@pytest.mark.parametrize(
    ("opened", "found"),
    [
        (FIRST - 2, False),
        (FIRST - 1, True),
        (LAST + SLACK_STEPS, True),
        (LAST + SLACK_STEPS + 1, False),
    ],
)
def test_an_incident_finds_only_what_it_opens_in(attack: Path, opened: int, found: bool) -> None:
    assert (outcome(attack, incident(opened, GUILTY)) != "missed") == found


@pytest.mark.parametrize("kind", ["demand", "change"])
def test_what_is_called_legitimate_finds_no_attack(attack: Path, kind: str) -> None:
    assert outcome(attack, incident(FIRST, GUILTY, kind=kind)) == "missed"


def test_the_effect_of_a_fault_counts_to_its_end(tmp_path: Path) -> None:
    path = labels_file(tmp_path, "F1,freeze,fault,100,102,109,*>auth:/login")
    assert outcome(path, incident(109, GUILTY, kind="failure")) == "found, guilty rpc no. 1"


def test_a_legitimate_event_is_told_without_alarm(tmp_path: Path) -> None:
    path = labels_file(tmp_path, "L1,flash crowd,legit,100,110,,")
    assert outcome(path) == "no alarm"
    assert outcome(path, incident(101, OTHER, kind="demand")) == "told as demand, no alarm"


def test_misuse_incidents_outside_attacks_and_faults_are_false(tmp_path: Path) -> None:
    path = labels_file(
        tmp_path,
        "A1,stuffing,attack,100,110,,*>auth:/login",
        "L1,flash crowd,legit,200,210,,",
        "F1,freeze,fault,300,310,320,*>auth:/login",
    )
    incidents = [
        incident(105, OTHER),  # blames the wrong rpc, but something did happen
        incident(205, GUILTY),
        incident(205, GUILTY, kind="demand"),
        incident(315, GUILTY, kind="failure"),
        incident(50, GUILTY, kind="novel"),
        incident(60, GUILTY, kind="change"),
    ]
    labels = hold_against(path, incidents, STEP_NS)
    false = false_incidents(labels, incidents, STEP_NS)
    assert [i["id"] for i in false] == ["volume-205", "novel-50"]


def test_labels_come_in_order_of_time(tmp_path: Path) -> None:
    path = labels_file(
        tmp_path, "B,late,attack,300,310,,*>auth:x", "A,early,attack,100,110,,*>auth:x"
    )
    assert [x.event for x in hold_against(path, [], STEP_NS)] == ["A", "B"]
