"""More forms than can be kept: the rest is counted together, and its links are still known."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
import pytest

from folded_lines import fold_by_loops, fold_in_parts
from informer.chains.build import build_chains
from informer.core.tables import SPANS
from informer.engines.duckdb import DuckDBEngine
from informer.outlines import state as folding
from informer.outlines.state import count_called, unfold

KEY = b"a key of the workspace"
METHODS = pa.table({"service": ["a"], "operation": ["get"], "method": ["get"]})
ROOM = 3
COUNTED = """
select outline_id > 0 as kept, cast(sum(chains) as bigint) as chains
from outline_steps group by all order by kept
"""


def trace(name: str, *services: str) -> Iterator[dict[str, Any]]:
    """A trace in which each service is called by the one before."""
    for number, service in enumerate(services):
        yield {
            "trace_id": name,
            "span_id": str(number),
            "parent_span_id": str(number - 1) if number else None,
            "service": service,
            "operation": "get",
            "kind": "server",
            "peer": None,
            "start_ns": 1_000_000_000 + number,
            "duration_ns": 1_000_000,
            "status_code": None,
            "failed": False,
            "refused": False,
            "weight": 1.0,
            "version": None,
            "scope": None,
            "attributes": "{}",
        }


def folded(monkeypatch: pytest.MonkeyPatch, *slices: list[dict[str, Any]]) -> DuckDBEngine:
    monkeypatch.setattr(folding, "MOST_OUTLINES", ROOM)
    engine = DuckDBEngine(threads=1)
    engine.write("methods", METHODS)
    fold_by_loops(engine, *map(SPANS.of, slices), key=KEY, step_s=60)
    return engine


def known_rpcs(engine: DuckDBEngine) -> set[tuple[str, str]]:
    unfold(engine)
    build_chains(engine, key=KEY)
    count_called(engine, key=KEY)
    rows = engine.query("select caller, callee from rpcs").to_pylist()
    return {(row["caller"], row["callee"]) for row in rows}


# One link, in chains of two to nine calls: as many forms, and no link that is not in the shortest.
LONGER = [[*trace(f"t{n}", *["a"] * n)] for n in range(2, 10)]


def test_forms_beyond_the_room_are_counted_together(monkeypatch: pytest.MonkeyPatch) -> None:
    with folded(monkeypatch, *LONGER) as engine:
        counted = engine.query(COUNTED).to_pylist()
    assert counted == [
        {"kept": False, "chains": len(LONGER) - ROOM},
        {"kept": True, "chains": ROOM},
    ]


def test_a_link_that_is_only_in_the_tail_is_known_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with folded(monkeypatch, *LONGER, [*trace("rare", "a", "b")]) as engine:
        assert ("a", "b") in known_rpcs(engine)


def test_a_trace_with_links_that_are_known_takes_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    again = [*trace("rare", "a", "b")], [*trace("rare too", "a", "b", "a", "b")]
    with folded(monkeypatch, *LONGER, *again, [*trace("more", "a", "b", "a", "b", "a")]) as engine:
        outlines = engine.query("select count(*) as n from outlines")["n"][0].as_py()
    assert outlines == ROOM + 2  # a > b, and b > a


def test_parts_that_meet_have_one_room_and_one_tail(monkeypatch: pytest.MonkeyPatch) -> None:
    again = [*trace("rare", "a", "b")], [*trace("rare too", "a", "b", "a", "b")]
    spans = [row for rows in (*LONGER, *again) for row in rows]
    monkeypatch.setattr(folding, "MOST_OUTLINES", ROOM)
    with DuckDBEngine(threads=1) as engine:
        engine.write("methods", METHODS)
        met = fold_in_parts(engine, SPANS.of(spans), parts=4, key=KEY, step_s=60)
        assert len(met) > 1
        counted = engine.query(COUNTED).to_pylist()
        assert sum(row["chains"] for row in counted) == len(LONGER) + len(again)
        assert engine.query("select count(*) as n from outlines")["n"][0].as_py() <= ROOM + 2
        assert {("a", "b"), ("b", "a")} <= known_rpcs(engine)
