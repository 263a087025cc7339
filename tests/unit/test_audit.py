"""The audit log: every decision has its line, kept together with it or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from informer.core.errors import InformerError
from informer.pipeline.audit import Decider, audited, local_user
from informer.pipeline.pages import AUDIT, page
from informer.pipeline.workspace import Workspace


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create(tmp_path / "w") as made:
        yield made


def lines(home: Workspace) -> list[tuple[str, ...]]:
    names = ("who", "role", "action", "object", "outcome", "why", "note")
    return [tuple(row[n] for n in names) for row in home.table("audit").to_pylist()]


def test_a_decision_is_kept_with_who_made_it_and_why(home: Workspace) -> None:
    with audited(home, Decider("on-call", "decide", "a release"), "accept", "incident a"):
        home.put("decided", {"a": 1})
    assert lines(home) == [("on-call", "decide", "accept", "incident a", "done", "", "a release")]
    assert home.get("decided") == {"a": 1}


@pytest.mark.parametrize(
    ("error", "outcome", "why"),
    [
        (InformerError("it has no model"), "refused", "it has no model"),
        (ValueError("what may hold anything"), "failed", "ValueError"),
    ],
)
def test_what_was_not_done_is_undone_and_said(
    home: Workspace, error: Exception, outcome: str, why: str
) -> None:
    def failing() -> None:
        with audited(home, Decider("on-call"), "revert", "pattern p"):
            home.put("decided", {"a": 1})
            raise error

    with pytest.raises(type(error)):
        failing()
    assert home.get("decided") == {}
    assert lines(home) == [("on-call", "decide", "revert", "pattern p", outcome, why, "")]


def test_without_a_name_it_is_the_user_of_this_machine(home: Workspace) -> None:
    with audited(home, None, "accept", "incident a"):
        pass
    assert lines(home)[0][0] == local_user().who


def test_a_workspace_of_before_gets_the_table(home: Workspace) -> None:
    home.engine.run("drop table audit")
    assert page(home, AUDIT, limit=1).rows == []
    with audited(home, Decider("x" * 5_000), "accept", "incident a"):
        pass
    assert len(lines(home)[0][0]) == 1_000


def test_lines_of_one_moment_are_all_on_some_page(home: Workspace) -> None:
    for name in "abcde":
        with audited(home, Decider("on-call"), "accept", f"incident {name}"):
            pass
    home.engine.run("update audit set at_ns = 7")
    found, after = [], ""
    while True:
        one = page(home, AUDIT, limit=2, after=after)
        found += [row["object"] for row in one.rows]
        if one.after is None:
            break
        after = one.after
    assert found == [f"incident {name}" for name in "abcde"]
    with pytest.raises(InformerError, match="after must be"):
        page(home, AUDIT, limit=2, after="nonsense")
