"""Incidents of a blind detector: of their own, whatever looks and people do."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from informer.core.errors import InformerError
from informer.core.tables import INCIDENTS
from informer.core.types import Grid, Json
from informer.incidents.similar import add_similar
from informer.pipeline.blind import Blind, open_reasons, settle_blind
from informer.pipeline.decide import reject_incident
from informer.pipeline.going_on import open_at, settle
from informer.pipeline.look import list_incidents, show_incident
from informer.pipeline.teaching import barred_steps
from informer.pipeline.workspace import Workspace
from informer.service.notices import keep_notices

MINUTE = 60 * 10**9
SILENT = {"no_spans": Blind(5 * MINUTE, "No spans have come.")}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create(tmp_path / "w") as made:
        yield made


def told(home: Workspace, now: dict[str, Blind], at: int) -> list[tuple[str, int | None]]:
    rows = settle_blind(home, now, now_ns=at).to_pylist()
    return [(row["incident_id"], row["resolved_ns"]) for row in rows]


def test_a_reason_is_told_once_and_resolved_once(home: Workspace) -> None:
    ((name, resolved_ns),) = told(home, SILENT, 6 * MINUTE)
    assert resolved_ns is None
    assert open_reasons(home) == {"no_spans"}
    assert told(home, SILENT, 7 * MINUTE) == []
    assert told(home, {}, 8 * MINUTE) == [(name, 8 * MINUTE)]
    assert told(home, {}, 9 * MINUTE) == []
    assert told(home, SILENT, 10 * MINUTE) == [(name, None)]  # the same silence, after all


def test_every_reason_is_an_incident_of_its_own(home: Workspace) -> None:
    more = SILENT | {"spool_full": Blind(5 * MINUTE, "No room.")}
    assert len({name for name, _ in told(home, more, 6 * MINUTE)}) == 2
    assert [i["kind"] for i in list_incidents(home)] == ["blind", "blind"]


def test_looks_neither_end_nor_replace_nor_group_it(home: Workspace) -> None:
    ((name, _),) = told(home, SILENT, 6 * MINUTE)
    grid = Grid(4 * MINUTE, 60, np.ones(10, bool))
    assert open_at(home, grid) == open_at(home, Grid(20 * MINUTE, 60, np.ones(2, bool))) == []
    home.keep_incidents(grid.start_ns, grid.end_ns, INCIDENTS.empty())
    settle(home, Grid(20 * MINUTE, 60, np.ones(2, bool)), [], set())
    shown = show_incident(home, name)
    assert (shown["resolved_ns"], shown["verdict"], shown["severity"]) == (None, "open", "high")
    past = home.incidents_between(0, 60 * MINUTE)
    assert add_similar(past, past).num_rows == 1


def test_it_bars_nothing_from_teaching_and_nobody_decides_on_it(home: Workspace) -> None:
    ((name, _),) = told(home, SILENT, 6 * MINUTE)
    assert barred_steps(home, Grid(0, 60, np.ones(10, bool)), []) == {}
    with pytest.raises(InformerError, match="nothing to decide on"):
        reject_incident(home, name)
    (line,) = home.table("audit").to_pylist()
    assert line["outcome"] == "refused"


def test_it_goes_to_those_who_are_told_of_incidents(home: Workspace) -> None:
    def notices(now: dict[str, Blind], at: int) -> list[tuple[str, str]]:
        rows = settle_blind(home, now, now_ns=at)
        note: Json = {"began_ns": 0, "closed_ns": 0}
        return [(n.state, n.document["kind"]) for n in keep_notices(home, rows, note, now_ns=at)]

    assert notices(SILENT, 6 * MINUTE) == [("firing", "blind")]
    assert notices(SILENT, 7 * MINUTE) == []
    assert notices({}, 8 * MINUTE) == [("resolved", "blind")]
