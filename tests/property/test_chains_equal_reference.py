"""The SQL of the chains stage against a slow, plain reference, on span trees of every kind."""

import random
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_chains import Row, chains_of
from span_strategies import (
    a_broken_trace,
    a_tidy_trace,
    spans_below_a_remote_parent,
    spans_of,
)

from informer.chains.build import Chains, Pairs, build_chains
from informer.core.tables import RPCS, SHAPES, SPANS
from informer.engines.duckdb import DuckDBEngine

KEY = b"a key of the workspace"
METHODS = [{"service": s, "operation": "get /1", "method": "get /{id}"} for s in ("A", "B")]
ENTRIES = [("A", "get /{id}"), ("A", "put"), ("B", "put"), ("C", "get /1")]
CALL = [
    *("trace_id", "span_id", "rpc_id", "caller", "callee", "method", "kind", "start_ns"),
    *("duration_ns", "failed", "refused", "weight", "version", "root", "orphan"),
]
CHAIN = ["trace_id", "shape_id", "entry_rpc_id", "start_ns", "weight", "calls", "partial", "failed"]


def in_sql(
    spans: list[Row], remote_entries: Pairs | None = None
) -> tuple[dict[str, list[Row]], Chains]:
    with DuckDBEngine(threads=1) as engine:
        engine.write("spans", SPANS.of(spans))
        engine.write("methods", pa.Table.from_pylist(METHODS))
        found = build_chains(engine, key=KEY, remote_entries=remote_entries)
        tables = {
            "calls": engine.query("select * from calls").to_pylist(),
            "rpcs": engine.query("select * from rpcs").cast(RPCS.schema).to_pylist(),
            "chains": engine.query("select * from chains").to_pylist(),
            "shapes": engine.query("select * from shapes").cast(SHAPES.schema).to_pylist(),
        }
        return tables, found


def chosen(rows: list[Row], columns: list[str]) -> list[tuple[Any, ...]]:
    """The rows as sorted tuples of some of their columns."""
    return sorted((tuple(r[c] for c in columns) for r in rows), key=repr)


def assert_equal_tables(spans: list[Row], remote_entries: Pairs | None = None) -> None:
    tables, found = in_sql(spans, remote_entries)
    methods = {(m["service"], m["operation"]): m["method"] for m in METHODS}
    expected = chains_of(spans, methods, KEY, remote_entries)
    assert found.remote_entries == expected.remote_entries
    assert chosen(tables["calls"], CALL) == chosen(expected.calls, CALL)
    assert tables["rpcs"] == expected.rpcs
    assert chosen(tables["chains"], CHAIN) == chosen(expected.chains, CHAIN)
    assert tables["shapes"] == expected.shapes
    assert {n: getattr(found, n) for n in expected.counts} == expected.counts


few = settings(max_examples=12, suppress_health_check=list(HealthCheck))


@few
@given(spans_of(a_broken_trace()))
def test_broken_traces_give_the_tables_of_the_reference(spans: list[Row]) -> None:
    assert_equal_tables(spans)


@few
@given(spans_of(a_tidy_trace()))
def test_tidy_traces_give_the_tables_of_the_reference(spans: list[Row]) -> None:
    assert_equal_tables(spans)


@few
@given(spans_below_a_remote_parent())
def test_traces_below_a_remote_parent_give_the_tables_of_the_reference(spans: list[Row]) -> None:
    assert_equal_tables(spans)


@few
@given(spans_below_a_remote_parent(), st.sets(st.sampled_from(ENTRIES)))
def test_remembered_entries_give_the_tables_of_the_reference(
    spans: list[Row], entries: set[tuple[str, str]]
) -> None:
    assert_equal_tables(spans, tuple(sorted(entries)))


@few
@given(
    st.one_of(spans_of(a_broken_trace()), spans_below_a_remote_parent()),
    st.randoms(use_true_random=False),
)
def test_any_order_of_spans_gives_equal_tables(spans: list[Row], order: random.Random) -> None:
    shuffled = order.sample(spans, len(spans))
    first, second = in_sql(spans)[0], in_sql(shuffled)[0]
    assert {n: sorted(rows, key=repr) for n, rows in first.items()} == {
        n: sorted(rows, key=repr) for n, rows in second.items()
    }
