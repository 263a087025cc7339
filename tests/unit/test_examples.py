"""A few traces of every incident are kept, as trees, for as long as there is the incident."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from informer.core.tables import INCIDENTS, SPANS
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.examples import MOST_SPANS, forget_examples, keep_examples, read_example

Row = dict[str, Any]


@pytest.fixture
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine(threads=1) as engine:
        yield engine


def span(trace_id: str, span_id: str, parent: str | None, start_ns: int) -> Row:
    row: Row = dict.fromkeys(SPANS.names)
    row |= {"trace_id": trace_id, "span_id": span_id, "parent_span_id": parent}
    row |= {"service": "s", "operation": "o", "kind": "server", "attributes": "{}"}
    row |= {"start_ns": start_ns, "duration_ns": 1, "failed": False, "refused": False}
    return row | {"weight": 1.0}


def incident(incident_id: str, *examples: str) -> Row:
    row: Row = {"incident_id": incident_id, "title": "", "kind": "volume", "severity": "high"}
    row |= {"opened_ns": 0, "resolved_ns": 1, "score": 1.0, "patterns": [], "verdict": "open"}
    return row | {"evidence": orjson.dumps({"examples": examples}).decode()}


def keep(engine: DuckDBEngine, folder: Path, spans: list[Row], *incidents: Row) -> None:
    engine.write("spans", SPANS.of(spans))
    keep_examples(engine, INCIDENTS.of(list(incidents)), folder)


def tree(folder: Path, trace_id: str = "t") -> list[tuple[int, str]]:
    return [(s["depth"], s["span_id"]) for s in read_example(folder, "i", trace_id)]


def test_a_trace_comes_back_as_a_tree_in_the_order_of_its_calls(
    engine: DuckDBEngine, tmp_path: Path
) -> None:
    spans = [
        span("t", "c", "a", 30),
        span("t", "d", "b", 25),
        span("t", "a", None, 10),
        span("t", "b", "a", 20),
        span("u", "x", None, 5),
    ]
    keep(engine, tmp_path, spans, incident("i", "t"))
    assert tree(tmp_path) == [(0, "a"), (1, "b"), (2, "d"), (1, "c")]
    assert tree(tmp_path, "u") == []


def test_lost_parents_soft_links_and_circles_are_no_trouble(
    engine: DuckDBEngine, tmp_path: Path
) -> None:
    spans = [
        span("t", "a", None, 10),
        span("t", "soft", "?a", 11),
        span("t", "orphan", "lost", 12),
        span("t", "self", "self", 13),
        span("t", "one", "other", 14),
        span("t", "other", "one", 15),
    ]
    keep(engine, tmp_path, spans, incident("i", "t"))
    assert tree(tmp_path) == [(0, "a"), (1, "soft"), (0, "orphan"), (0, "self")]


def test_of_a_huge_trace_the_beginning_is_kept(engine: DuckDBEngine, tmp_path: Path) -> None:
    spans = [span("t", f"s{i}", "s0" if i else None, i) for i in range(3 * MOST_SPANS)]
    keep(engine, tmp_path, spans, incident("i", "t"))
    assert len(tree(tmp_path)) == MOST_SPANS


def test_an_incident_without_examples_has_no_tree(engine: DuckDBEngine, tmp_path: Path) -> None:
    keep(engine, tmp_path, [span("t", "a", None, 1)], incident("i"))
    assert tree(tmp_path) == []
    assert read_example(tmp_path, "never kept", "t") == []


def test_examples_of_incidents_that_are_no_more_are_dropped(
    engine: DuckDBEngine, tmp_path: Path
) -> None:
    keep(engine, tmp_path, [span("t", "a", None, 1)], incident("i", "t"), incident("gone", "t"))
    forget_examples(tmp_path, {"i"})
    assert [p.stem for p in (tmp_path / "examples").iterdir()] == ["i"]
    assert tree(tmp_path) == [(0, "a")]
