"""Notices: an incident is told once when it opens, changes or ends, whatever happens between."""

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from informer.core.tables import INCIDENTS, NOTICES
from informer.core.types import Json
from informer.pipeline.workspace import Workspace
from informer.service.notices import keep_notices

NOTE = {"began_ns": 100, "closed_ns": 900}
EVIDENCE = orjson.dumps({"patterns": [], "rpcs": [], "examples": []}).decode()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create(tmp_path / "w") as made:
        yield made


def incident(name: str = "a", **other: object) -> Json:
    filled: Json = {"title": "t", "kind": "volume", "severity": "low", "resolved_ns": None}
    filled |= {"score": 1.0, "patterns": [], "evidence": EVIDENCE, "verdict": "open"}
    return filled | {"incident_id": name, "opened_ns": 200} | other


def look(home: Workspace, *rows: Json, note: Json = NOTE) -> list[tuple[str, str, str | None]]:
    home.engine.run("delete from incidents")
    home.replace_incidents(list(rows))
    made = keep_notices(home, INCIDENTS.of(list(rows)), note, now_ns=1000)
    return [(n.notice_id, n.state, n.former) for n in made]


def test_an_incident_is_told_when_it_opens_and_not_again(home: Workspace) -> None:
    assert look(home, incident()) == [("a-1", "firing", None)]
    assert look(home, incident()) == []
    kept = home.table("notices").to_pylist()
    assert [row["notice_id"] for row in kept] == ["a-1"]
    assert orjson.loads(kept[0]["document"])["id"] == "a"


def test_a_change_of_severity_is_told_with_the_one_before(home: Workspace) -> None:
    look(home, incident())
    assert look(home, incident(severity="high")) == [("a-2", "firing", "low")]


def test_an_incident_that_is_over_is_resolved_once(home: Workspace) -> None:
    look(home, incident())
    assert look(home, incident(resolved_ns=500)) == [("a-2", "resolved", None)]
    assert look(home, incident(resolved_ns=500)) == []


def test_an_incident_that_ended_between_two_looks_is_resolved_without_being_in_one(
    home: Workspace,
) -> None:
    look(home, incident())
    home.replace_incidents([incident(resolved_ns=500)])
    made = keep_notices(home, INCIDENTS.empty(), NOTE, now_ns=1000)
    assert [(n.notice_id, n.document["resolved_ns"]) for n in made] == [("a-2", 500)]


def test_an_incident_within_one_look_is_told_as_open_and_as_over(home: Workspace) -> None:
    assert look(home, incident(resolved_ns=500)) == [
        ("a-1", "firing", None),
        ("a-2", "resolved", None),
    ]


def test_an_incident_that_opens_again_is_told_again(home: Workspace) -> None:
    look(home, incident(resolved_ns=500))
    assert look(home, incident()) == [("a-3", "firing", None)]


def test_an_incident_that_is_no_more_there_is_resolved(home: Workspace) -> None:
    look(home, incident())
    assert look(home) == [("a-2", "resolved", None)]
    assert look(home) == []


def test_incidents_from_before_the_watching_are_not_told(home: Workspace) -> None:
    assert look(home, incident(opened_ns=99)) == []


def test_a_look_that_fails_tells_nothing(home: Workspace) -> None:
    def failing() -> None:
        with home.engine.transaction():
            assert look(home, incident()) != []
            raise InterruptedError

    with pytest.raises(InterruptedError):
        failing()
    assert home.table("notices").num_rows == 0


def test_a_workspace_that_has_no_such_table_yet_gets_it(home: Workspace) -> None:
    home.engine.run("drop table notices")
    assert look(home, incident()) == [("a-1", "firing", None)]
    assert home.table("notices").schema.names == NOTICES.names
