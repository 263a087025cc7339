"""What is too old goes; what learning needs and what is open stays."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest

from informer.config.retention import RetentionSettings
from informer.core.tables import (
    ACCEPTS,
    AUDIT,
    DELIVERIES,
    FORECASTS,
    INCIDENTS,
    IRREGULAR_STEPS,
    NOTICES,
    STEPS,
    TRAFFIC,
)
from informer.core.types import Json
from informer.pipeline.prune import DAY_NS, prune
from informer.pipeline.workspace import Workspace

NOW_NS = 1_000 * DAY_NS  # of the last step as well
SETTINGS = RetentionSettings(
    traffic_days=100, forecasts_days=30, incidents_days=200, notices_days=30, audit_days=50
)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create(tmp_path / "w") as made:
        yield made


def days_ago(days: int) -> int:
    return NOW_NS - days * DAY_NS


def seen(home: Workspace, *ago: int) -> None:
    """Steps that were looked at, one each of these days."""
    starts = [days_ago(days) for days in ago]
    each: Json = {"pattern_id": "p", "rpc_id": "r", "run_id": "1", "signal": "calls"}
    counts: Json = dict.fromkeys(("calls", "failures", "refusals", "expected", "spread"), 1.0)
    none = dict.fromkeys(("latency_p50_ms", "latency_p95_ms", "latency_mean_ms"))
    rows = [
        each | counts | none | {"seen": True, "step_start_ns": t, "made_at_ns": t - 1}
        for t in starts
    ]
    for table in (TRAFFIC, STEPS, IRREGULAR_STEPS, FORECASTS):
        home.engine.append(table.name, table.of(rows))


def incident(home: Workspace, name: str, opened: int, resolved: int | None, **more: object) -> None:
    evidence = {"patterns": [], "rpcs": [], "examples": [], "detections": []}
    row: Json = {"title": "t", "kind": "volume", "severity": "low", "score": 1.0, "patterns": []}
    row |= {"incident_id": name, "opened_ns": days_ago(opened), "verdict": "rejected"}
    row |= {"resolved_ns": None if resolved is None else days_ago(resolved)}
    row |= {"evidence": orjson.dumps(evidence).decode()}
    home.engine.append("incidents", INCIDENTS.of([row | more]))


def notice(home: Workspace, of: str, sequence: int, state: str, ago: int) -> str:
    name = f"{of}-{sequence}"
    row: Json = {"notice_id": name, "incident_id": of, "sequence": sequence, "state": state}
    row |= {"severity": "low", "former": None, "made_ns": days_ago(ago), "document": "{}"}
    home.engine.append("notices", NOTICES.of([row]))
    return name


def delivery(home: Workspace, of: str, state: str, sink: str = "log") -> None:
    row: Json = {"notice_id": of, "sink": sink, "state": state, "tries": 1, "last_error": ""}
    row |= {"first_ns": days_ago(90), "next_ns": 0}
    home.engine.append("deliveries", DELIVERIES.of([row]))


def pruned(home: Workspace, settings: RetentionSettings = SETTINGS) -> dict[str, int]:
    return prune(home, settings, sinks=["log"], now_ns=NOW_NS)


def left(home: Workspace, table: str, column: str) -> list[str]:
    rows = home.engine.query(f"select {column} as x from {table} order by 1").to_pylist()
    return [row["x"] for row in rows]


def test_steps_are_as_old_as_they_are_before_the_last_one(home: Workspace) -> None:
    seen(home, 0, 29, 31, 99, 101)
    gone = pruned(home)
    assert gone == {"traffic": 1, "steps": 1, "irregular_steps": 1, "forecasts": 3}
    assert pruned(home) == {}
    later = prune(home, SETTINGS, sinks=["log"], now_ns=NOW_NS + 500 * DAY_NS)
    assert later == {}  # nothing came meanwhile: what there is may be needed


def test_an_incident_stays_as_long_as_steps_that_it_bars_from_teaching(home: Workspace) -> None:
    seen(home, 0, 99)
    incident(home, "old", 301, 300)
    incident(home, "open", 301, None)
    incident(home, "young", 150, 149)
    incident(home, "barring", 301, 98)
    assert pruned(home)["incidents"] == 1
    assert left(home, "incidents", "incident_id") == ["barring", "open", "young"]


def test_an_incident_that_a_revert_would_open_again_stays(home: Workspace) -> None:
    seen(home, 0)
    incident(home, "accepted", 301, 300, verdict="accepted")
    texts: Json = dict.fromkeys(("pattern_id", "version", "before"), "1")
    lists: Json = {"incidents": ["accepted"], "rpcs": [], "shapes": []}
    more: Json = {"from_ns": 0, "until_ns": 0, "leaps": "[]", "version_shares": "{}"}
    home.engine.append("accepts", ACCEPTS.of([texts | lists | more]))
    assert pruned(home) == {}


def test_being_blind_goes_without_any_step(home: Workspace) -> None:
    incident(home, "over", 301, 300, kind="blind", verdict="open")
    incident(home, "still", 301, None, kind="blind", verdict="open")
    assert pruned(home) == {"incidents": 1}


def test_notices_go_when_their_incident_is_over_and_everybody_was_told(home: Workspace) -> None:
    for name, last, went in (
        ("told", "resolved", "delivered"),
        ("waiting", "resolved", "waiting"),
        ("firing", "firing", "delivered"),
    ):
        delivery(home, notice(home, name, 1, "firing", 90), "delivered")
        delivery(home, notice(home, name, 2, last, 89), went)
    delivery(home, notice(home, "young", 1, "firing", 90), "delivered")
    delivery(home, notice(home, "young", 2, "resolved", 1), "delivered")
    notice(home, "unsent", 1, "resolved", 90)
    delivery(home, "", "skipped")  # since when the sink is known
    assert pruned(home) == {"notices": 2, "deliveries": 2}
    assert set(left(home, "notices", "incident_id")) == {"waiting", "firing", "young", "unsent"}
    assert "" in left(home, "deliveries", "notice_id")


def test_what_waits_for_a_sink_that_is_no_more_holds_nothing_up(home: Workspace) -> None:
    name = notice(home, "a", 1, "resolved", 90)
    delivery(home, name, "delivered")
    delivery(home, name, "waiting", sink="webhook")
    assert pruned(home) == {"notices": 1, "deliveries": 2}


def decided(*ago: int) -> pa.Table:
    texts = dict.fromkeys(("who", "role", "action", "object", "outcome", "why", "note"), "x")
    rows: list[Json] = [texts | {"at_ns": days_ago(days)} for days in ago]
    return AUDIT.of(rows)


def test_decisions_stay_as_long_as_the_audit_wants_them(home: Workspace) -> None:
    home.engine.append("audit", decided(49, 51))
    assert pruned(home) == {"audit": 1}


def test_what_others_write_meanwhile_is_not_counted(
    home: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.engine.append("audit", decided(49, 51))
    with home.engine.beside() as other:

        def run(sql: str, /, _run: Any = home.engine.run, **values: Any) -> None:
            if "delete from audit" in sql:
                other.append("audit", decided(1, 2, 3))
            _run(sql, **values)

        monkeypatch.setattr(home.engine, "run", run)
        assert pruned(home) == {"audit": 1}


def test_a_clock_that_leaps_ahead_takes_no_decisions_and_no_notices_with_it(
    home: Workspace,
) -> None:
    seen(home, 0)
    incident(home, "over", 5, 4, kind="blind", verdict="open")
    delivery(home, notice(home, "over", 1, "resolved", 4), "delivered")
    home.engine.append("audit", decided(5))
    assert prune(home, SETTINGS, sinks=["log"], now_ns=NOW_NS + 4_000 * DAY_NS) == {}


def test_zero_days_are_for_ever(home: Workspace) -> None:
    seen(home, 0, 900)
    incident(home, "old", 901, 901)
    delivery(home, notice(home, "old", 1, "resolved", 900), "delivered")
    assert pruned(home, RetentionSettings(0, 0, 0, 0, 0)) == {}


def test_a_workspace_of_before_the_service_is_pruned_too(home: Workspace) -> None:
    for table in ("notices", "deliveries", "audit"):
        home.engine.run(f"drop table {table}")
    seen(home, 0, 101)
    assert pruned(home)["steps"] == 1
