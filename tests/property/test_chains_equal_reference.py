"""The SQL of the chains stage against a slow, plain reference, on span trees of every kind."""

import math
import random
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_chains import Row, chains_of

from informer.chains.build import Chains, Pairs, build_chains
from informer.core.tables import RPCS, SHAPES, SPANS
from informer.engines.duckdb import DuckDBEngine

KEY = b"a key of the workspace"
METHODS = [{"service": s, "operation": "get /1", "method": "get /{id}"} for s in ("A", "B")]
IDS = ["1", "2", "3", "4", "5", "6"]
SERVICES = ["A", "B", "C", "unknown"]
ENTRIES = [("A", "get /{id}"), ("A", "put"), ("B", "put"), ("C", "get /1")]
CALL = [
    *("trace_id", "span_id", "rpc_id", "caller", "callee", "method", "kind", "start_ns"),
    *("duration_ns", "failed", "refused", "weight", "version", "root", "orphan"),
]
CHAIN = ["trace_id", "shape_id", "entry_rpc_id", "start_ns", "weight", "calls", "partial", "failed"]


KINDS = [
    ["unspecified"],
    ["internal", "unspecified"],
    ["server", "client"],
    ["server", "client", "internal", "producer", "consumer"],
]
DETAILS = {
    "operation": ["get /1", "put"],
    "peer": [None, None, "", "A", "pg"],
    "start_ns": [0, 1, 2, 3],
    "duration_ns": [0, 1, 2],
    "failed": [False, True],
    "refused": [False, True],
    "weight": [1.0, 1.0, 2.0, 0.25],
    "version": [None, "v1", "v2"],
    "attributes": ["{}", '{"db.system": "pg"}', '{"a": "b","db.name":"n"}', '{"host": "db.a"}'],
    "status_code": [None],
    "scope": [None],
}
VARIANTS = math.prod(map(len, DETAILS.values()))


def details(variant: int) -> Row:
    """One choice per column out of one number: a draw per column would be slow."""
    row = {}
    for column, choices in DETAILS.items():
        variant, chosen = divmod(variant, len(choices))
        row[column] = choices[chosen]
    return row


@st.composite
def a_span(draw: st.DrawFn, kinds: list[str], ids: list[str], parents: list[str | None]) -> Row:
    """A span that may hang below nothing, itself, a twin, its own child or a lost span."""
    return {
        "span_id": draw(st.sampled_from(ids)),
        "parent_span_id": draw(st.sampled_from(parents)),
        "service": draw(st.sampled_from(SERVICES)),
        "kind": draw(st.sampled_from(kinds)),
        **details(draw(st.integers(0, VARIANTS - 1))),
    }


@st.composite
def a_broken_trace(draw: st.DrawFn) -> list[Row]:
    """Few ids for many spans, so that they are shared, repeated and go round in circles."""
    kinds = draw(st.sampled_from(KINDS))
    parents = [None, *IDS, *IDS, "lost", "?1", "?2", "?lost"]
    spans = draw(st.lists(a_span(kinds, IDS, parents), min_size=1, max_size=9))
    return spans + draw(st.lists(st.sampled_from(spans), max_size=2))


@st.composite
def a_tidy_trace(draw: st.DrawFn) -> list[Row]:
    """Every span has an id of its own and hangs below an earlier one, a lost one or none."""
    kinds = draw(st.sampled_from(KINDS))
    size = draw(st.integers(1, 10))
    above = [[None, "lost", *map(str, range(n)), *map(str, range(n))] for n in range(size)]
    return [draw(a_span(kinds, [str(n)], above[n])) for n in range(size)]


@st.composite
def spans_of(draw: st.DrawFn, traces: st.SearchStrategy[list[Row]]) -> list[Row]:
    """Many traces, some of them the same but for their ids."""
    different = draw(st.lists(traces, min_size=1, max_size=16))
    alike = draw(st.lists(st.sampled_from(different), max_size=8))
    return [
        {"trace_id": f"t{n}", **span} for n, trace in enumerate(different + alike) for span in trace
    ]


@st.composite
def spans_below_a_remote_parent(draw: st.DrawFn) -> list[Row]:
    """Traces that come in below a parent nobody exported, often enough to be entries or nearly."""
    kinds = draw(st.sampled_from(KINDS))
    traces = []
    for above in (["lost"], ["lost", None], ["lost", "0"]):
        size = draw(st.integers(1, 4))
        first = draw(a_span(kinds, ["0"], ["lost"]))
        rest = [draw(a_span(kinds, [str(n)], ["0", *above])) for n in range(1, size)]
        traces += [[first, *rest]] * draw(st.sampled_from([1, 5, 9, 10, 12]))
    traces += draw(st.lists(a_tidy_trace(), max_size=8))
    return [{"trace_id": f"t{n}", **span} for n, trace in enumerate(traces) for span in trace]


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
