"""Chains of one form are one shape: what makes a form, and what a shape says of its chains."""

from collections.abc import Iterator
from typing import Any

import pytest

from informer.chains.build import Chains, build_chains
from informer.chains.rpcs import code_of, rpc_id_of
from informer.core.tables import RPCS, SHAPES, SPANS
from informer.engines.duckdb import DuckDBEngine

Row = dict[str, Any]
LONG = 100_000
NAME = "'s' || i"
BEFORE = "case when i > 0 then 's' || (i - 1) end"
SERVER = "'server'"
A, B, C = (rpc_id_of(*names, "op", "rpc") for names in (("outside", "a"), ("a", "b"), ("b", "c")))


@pytest.fixture
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine(threads=1) as engine:
        engine.run("create table methods (service varchar, operation varchar, method varchar)")
        yield engine


def trace(trace_id: str, *path: str, **more: Any) -> list[Row]:
    """Server spans as `parent/id service`; a root is `id service`."""
    rows = []
    for step in path:
        names, service = step.split()
        above, _, own = names.rpartition("/")
        row: Row = dict.fromkeys(SPANS.names)
        row |= {"trace_id": trace_id, "span_id": own, "parent_span_id": above or None}
        row |= {"service": service, "operation": "op", "kind": "server", "attributes": "{}"}
        row |= {"start_ns": 7, "duration_ns": 1, "failed": False, "refused": False, "weight": 1.0}
        rows.append(row | more)
    return rows


def shapes(engine: DuckDBEngine, *traces: list[Row]) -> list[Row]:
    engine.write("spans", SPANS.of([row for rows in traces for row in rows]))
    build_chains(engine, key=b"key")
    rows: list[Row] = engine.query(
        "select * from shapes order by chains desc, entry_rpc_id"
    ).to_pylist()
    return rows


def many(engine: DuckDBEngine, **columns: str) -> Chains:
    """One trace of very many spans of two services; `columns` are SQL over the span's number i."""
    engine.run(
        f"create table spans as select 't' as trace_id, "
        f"{columns.get('span_id', NAME)} as span_id, {columns['parent']} as parent_span_id, "
        "case when i % 2 = 0 then 'a' else 'b' end as service, 'op' as operation, "
        f"{columns.get('kind', SERVER)} as kind, null::varchar as peer, "
        f"{columns.get('start_ns', 'i')} as start_ns, 1 as duration_ns, "
        "null::bigint as status_code, false as failed, false as refused, 1.0::double as weight, "
        "null::varchar as version, null::varchar as scope, '{}' as attributes "
        f"from range({LONG}) as t(i)"
    )
    return build_chains(engine, key=b"key")


def test_a_shape_tells_rpcs_edges_and_depths(engine: DuckDBEngine) -> None:
    (shape,) = shapes(engine, trace("t", "1 a", "1/2 b", "2/3 c"))
    told = dict(zip(shape["rpc_ids"], shape["depths"], strict=True))
    assert told == {A: 0.0, B: 1.0, C: 2.0}
    assert shape["edges"] == sorted([f"{A}>{B}", f"{B}>{C}"])
    assert (shape["entry_rpc_id"], shape["multiplicities"]) == (A, [1.0, 1.0, 1.0])
    assert shape["example_trace_ids"] == ["t"]


def test_two_calls_and_three_are_one_shape_and_four_another(engine: DuckDBEngine) -> None:
    two = trace("t2", "1 a", "1/2 b", "1/3 b", weight=3.0)
    three = trace("t3", "1 a", "1/2 b", "1/3 b", "1/4 b")
    four = trace("t4", "1 a", "1/2 b", "1/3 b", "1/4 b", "1/5 b")
    few, more = shapes(engine, two, three, four)
    assert dict(zip(few["rpc_ids"], few["multiplicities"], strict=True)) == {A: 1.0, B: 2.25}
    assert dict(zip(more["rpc_ids"], more["multiplicities"], strict=True)) == {A: 1.0, B: 4.0}
    assert (few["chains"], more["chains"]) == (4.0, 1.0)


def test_the_order_of_calls_makes_no_other_shape(engine: DuckDBEngine) -> None:
    one = trace("t1", "1 a", "1/2 b", "1/3 c")
    other = trace("t2", "9 a", "9/8 c", "9/7 b")
    (shape,) = shapes(engine, one, other)
    assert shape["example_trace_ids"] == ["t1", "t2"]


def test_the_least_depth_counts(engine: DuckDBEngine) -> None:
    (shape,) = shapes(engine, trace("t", "1 a", "1/2 b", "2/3 c", "3/4 b", "4/5 c"))
    depths = dict(zip(shape["rpc_ids"], shape["depths"], strict=True))
    assert (depths[B], depths[C]) == (1.0, 2.0)


def test_the_trace_with_the_smallest_id_counts_as_its_signature(engine: DuckDBEngine) -> None:
    nested = trace("t1", "1 a", "1/2 b", "2/3 a", "1/4 c", "4/5 a")
    moved = [row | {"trace_id": "t0"} for row in nested]
    moved[1] |= {"parent_span_id": "5"}
    first = shapes(engine, nested)[0]["edges"]
    assert shapes(engine, nested, moved)[0]["edges"] != first


def test_up_to_five_examples_are_kept_the_smallest_ids_first(engine: DuckDBEngine) -> None:
    (shape,) = shapes(engine, *(trace(f"t{n}", "1 a") for n in (3, 1, 6, 4, 2, 5)))
    assert shape["example_trace_ids"] == ["t1", "t2", "t3", "t4", "t5"]


def test_a_broken_chain_is_no_whole_one(engine: DuckDBEngine) -> None:
    whole, partial = shapes(
        engine,
        trace("t1", "1 a", "1/2 b"),
        trace("t2", "1 a", "1/2 b"),
        trace("t3", "1 a", "1/2 b", "lost/3 c", "3/4 a"),
    )
    assert (whole["partial"], partial["partial"]) == (False, True)
    assert set(partial["rpc_ids"]) == {A, B, rpc_id_of("c", "a", "op", "rpc")}
    assert partial["edges"] == whole["edges"]


def test_chains_that_lost_other_spans_are_no_one_shape(engine: DuckDBEngine) -> None:
    """The same calls: of a client whose parent was lost, its own service tells who called."""
    steps = ("1 a", "1/2 b", "1/3 c", "2/4 b", "3/5 c")
    first, second = trace("t1", *steps), trace("t2", *steps)
    for rows, lost in ((first, 3), (second, 4)):
        for leaf in rows[3:]:
            leaf |= {"kind": "client", "peer": "db"}
        rows[lost] |= {"parent_span_id": "lost"}
    both = shapes(engine, first, second)
    assert {s["rpc_ids"] == both[0]["rpc_ids"] for s in both} == {True}
    assert sorted(len(s["edges"]) for s in both) == [3, 3]
    assert both[0]["edges"] != both[1]["edges"]


def test_a_chain_that_lost_everything_else_has_a_shape_without_rpcs(engine: DuckDBEngine) -> None:
    (shape,) = shapes(engine, trace("t", "lost/1 a"))
    assert (shape["rpc_ids"], shape["edges"], shape["depths"]) == ([], [], [])
    assert shape["entry_rpc_id"] == rpc_id_of("unknown", "a", "op", "rpc")


def test_failed_chains_are_counted_by_weight(engine: DuckDBEngine) -> None:
    (shape,) = shapes(
        engine,
        trace("t1", "1 a", failed=True, weight=0.1, start_ns=30),
        trace("t2", "1 a", failed=True, weight=0.2, start_ns=10),
        trace("t3", "1 a", start_ns=20),
    )
    assert (shape["chains"], shape["failed_chains"]) == (1.3, 0.3)
    assert (shape["first_seen_ns"], shape["last_seen_ns"]) == (10, 30)


def test_every_chain_finds_its_shape(engine: DuckDBEngine) -> None:
    told = shapes(engine, trace("t1", "1 a"), trace("t2", "1 a", "1/2 b"), trace("t3", "1 a"))
    chains = engine.query("select shape_id, count(*) as n from chains group by 1").to_pylist()
    assert {c["shape_id"]: c["n"] for c in chains} == {s["shape_id"]: s["chains"] for s in told}


def test_a_line_of_a_hundred_thousand_calls(engine: DuckDBEngine) -> None:
    found = many(engine, parent=BEFORE)
    assert (found.calls, found.orphans) == (LONG, 0)
    shape = engine.query("select * from shapes").to_pylist()[0]
    assert sorted(shape["depths"]) == [0.0, 1.0, 2.0]


def test_a_hundred_thousand_calls_side_by_side(engine: DuckDBEngine) -> None:
    found = many(engine, parent="case when i > 0 then 's0' end")
    assert (found.roots, found.shapes) == (1, 1)
    shape = engine.query("select * from shapes").to_pylist()[0]
    assert max(shape["multiplicities"]) == LONG / 2


def test_a_line_of_a_hundred_thousand_silent_spans(engine: DuckDBEngine) -> None:
    kind = f"case when i = {LONG - 1} then 'server' else 'internal' end"
    found = many(engine, parent=BEFORE, kind=kind)
    assert (found.calls, found.chains, found.roots) == (1, 1, 1)


def test_a_hundred_thousand_spans_in_one_cycle(engine: DuckDBEngine) -> None:
    found = many(engine, parent=f"'s' || ((i + 1) % {LONG})", start_ns="0")
    assert (found.cycles, found.orphans, found.calls) == (LONG, LONG, LONG)


def test_a_hundred_thousand_spans_of_one_id(engine: DuckDBEngine) -> None:
    found = many(engine, span_id="'s'", parent="'s'")
    assert (found.duplicates, found.cycles) == (0, 4)


def test_a_known_rpc_keeps_its_row_and_a_forgotten_one_stays(engine: DuckDBEngine) -> None:
    shapes(engine, trace("t", "1 a", start_ns=50))
    shapes(engine, trace("t", "1 a", "1/2 b", start_ns=20))
    shapes(engine, trace("t", "1 x"))
    rpcs = engine.query("select * from rpcs order by rpc_id").to_pylist()
    assert {r["callee"]: r["first_seen_ns"] for r in rpcs} == {"a": 50, "b": 20, "x": 7}


def test_codes_are_secret_to_a_key_and_ids_are_not() -> None:
    assert code_of(A, b"one") != code_of(A, b"two")
    assert 0 <= code_of(A, b"one") < 2**40
    assert rpc_id_of("outside", "a", "op", "rpc") == "ac6133c666b1"


def test_the_tables_have_the_columns_of_the_design(engine: DuckDBEngine) -> None:
    shapes(engine, trace("t", "1 a"))
    assert engine.query("select * from shapes").schema.names == SHAPES.names
    assert engine.query("select * from rpcs").schema.names == RPCS.names


def test_no_spans_give_empty_tables(engine: DuckDBEngine) -> None:
    assert shapes(engine) == []
    assert engine.query("select * from chains").num_rows == 0
    assert engine.query("select * from rpcs").schema.types == RPCS.schema.types


def test_nothing_but_the_tables_of_the_stage_is_left(engine: DuckDBEngine) -> None:
    shapes(engine, trace("t", "1 a"))
    left = engine.query("select table_name from information_schema.tables order by 1")
    assert left.column(0).to_pylist() == [
        *("calls", "chains", "counts_as", "methods", "rpcs", "shapes", "signature_shapes"),
        *("spans", "trace_signatures"),
    ]
