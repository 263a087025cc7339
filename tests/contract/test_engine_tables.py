"""Every table that SQL makes is the same on every engine; DuckDB is what the others are held to."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

import pyarrow as pa
import pytest
from engine_capture import METHODS, any_spans, tidy_spans

from called_counts import CALLED, called
from folded_lines import fold_by_loops
from informer.chains.build import build_chains
from informer.core.ports import Engine
from informer.core.sql import read_sql
from informer.core.tables import MEMBERS
from informer.core.types import NS_PER_S
from informer.engines.duckdb import DuckDBEngine
from informer.outlines.state import begin, count_called, salt_of, unfold
from informer.traffic.bin import bin_traffic, count_calls
from three_engines import ENGINES, opened

KEY = b"a key of the workspace"
STEP_S = 60
Rows = list[tuple[str, ...]]
Found = dict[str, Rows]

CHAINS = ("calls", "chains", "rpcs", "shapes", "signature_shapes")
CALLS = f"""
    select k.shape_id, k.rpc_id, k.version, c.step_start_ns, c.bucket, sum(c.calls_e6) as calls_e6,
        sum(c.failures_e6) as failures_e6, sum(c.refusals_e6) as refusals_e6
    from {CALLED} as c inner join call_kinds as k on k.call_kind = c.call_kind
    group by k.shape_id, k.rpc_id, k.version, c.step_start_ns, c.bucket
"""
TRAFFIC = ("called", "chain_steps", "traffic", "workloads", "steps")
# What is asked of the tables, by the names of the questions.
QUESTIONS = {
    "first_seen": ("informer.detections", {}),
    "novel_calls": (
        "informer.detections",
        {"step_ns": STEP_S * NS_PER_S, "from_ns": 0, "until_ns": 2**62},
    ),
    "usual": ("informer.incidents", {"most": 50}),
    "suspects": ("informer.incidents", {"most": 20}),
}
# What is folded is folded by loops on every machine: these tables then go to the engine.
FOLDED = (
    *("links", "outlines", "outline_steps", "line_kinds", "cells", "cell_counts"),
    *("kept_traces", "kept_spans"),
)
NAMED = """
    select l.outline_id, s.trace_id, s.span_id, l.link_id, l.start_ns
    from kept_lines as l
    join kept_traces as t on t.outline_id = l.outline_id and t.place = 1
    join kept_spans as s
        on s.trace = t.trace and cast(hash(s.trace_id, s.span_id, $salt) >> 1 as bigint) = l.line
"""
OUTLINED = (
    *("link_shares", "shape_weights", "called", "counts_as"),
    *("rpcs", "shapes", "chain_steps", "traffic", "workloads"),
)


def by_chains(engine: Engine) -> Found:
    """Every chain is built, its calls are counted, and questions are asked."""
    engine.write("spans", any_spans())
    engine.write("methods", METHODS)
    counts = build_chains(engine, key=KEY)
    binned(engine)
    shapes = engine.query("select shape_id from shapes order by shape_id")["shape_id"].to_pylist()
    known = pa.table({"shape_id": shapes[::2]})
    rpcs = engine.query("select rpc_id, caller, callee from rpcs order by rpc_id")
    engine.write("known_shapes", known)
    engine.write("known_rpcs", rpcs.take(list(range(0, rpcs.num_rows, 2))))
    engine.write("suspects", suspects(rpcs["rpc_id"].to_pylist()))
    asked = {
        name: rows_of(engine.query(read_sql(package, name), **values))
        for name, (package, values) in QUESTIONS.items()
    }
    made = {
        table: rows_of(
            called(engine, CALLS) if table == "called" else engine.query(f"select * from {table}")
        )
        for table in CHAINS + TRAFFIC
    }
    return {
        **made,
        **asked,
        "spans": rows_of(engine.query("select * from spans")),
        "counts": [(str(counts),)],
    }


def by_outlines(engine: Engine) -> Found:
    """Spans were folded in two slices, and the chains of the kept traces alone are built."""
    engine.write("methods", METHODS)
    begin(engine)
    for table, rows in folded().items():
        engine.append(table, rows)
    engine.run(read_sql("informer.outlines", "lines_home"), salt=salt_of(KEY))
    unfold(engine)
    build_chains(engine, key=KEY)
    count_called(engine, key=KEY)
    binned(engine, counted=True)
    return {
        table: rows_of(
            called(engine, CALLS) if table == "called" else engine.query(f"select * from {table}")
        )
        for table in OUTLINED
    }


@cache
def folded() -> dict[str, pa.Table]:
    """FOLDED, and lines by the ids of their spans: hashes are each engine's own."""
    with DuckDBEngine(threads=2) as here:
        here.write("methods", METHODS)
        fold_by_loops(here, *two_slices(), key=KEY, step_s=STEP_S)
        tables = {table: here.query(f"select * from {table}") for table in FOLDED}
        return {**tables, "named_lines": here.query(NAMED, salt=salt_of(KEY))}


def two_slices() -> list[pa.Table]:
    spans = tidy_spans()
    first = [int(t.removeprefix("tidy")) < 150 for t in spans["trace_id"].to_pylist()]
    return [spans.filter(pa.array(part)) for part in (first, [not f for f in first])]


def binned(engine: Engine, *, counted: bool = False) -> None:
    """Traffic of patterns that are made of every second shape."""
    if not counted:
        count_calls(engine, step_s=STEP_S)
    shapes = engine.query("select shape_id from shapes order by shape_id")["shape_id"].to_pylist()
    members = [
        {"run_id": "r", "shape_id": s, "pattern_id": f"p{n % 3}", "distance": 0.0}
        for n, s in enumerate(shapes)
        if n % 4
    ]
    engine.write("members", MEMBERS.of(members))
    bin_traffic(engine, step_s=STEP_S)


def suspects(rpcs: list[str]) -> pa.Table:
    """Incidents about some rpcs, one for each signal, of calls that came or are missing."""
    signals = ("failures", "refusals", "latency", "calls", "share", "calls", "share")
    rows = [
        {"incident_id": f"i{n}", "rpc_id": rpc_id, "signal": signals[n % 7], "usual_ms": 1.0}
        | {"pattern_id": f"p{n % 3}", "missing": n % 7 > 4}
        for n, rpc_id in enumerate(rpcs[:14])
    ]
    return pa.Table.from_pylist([{**row, "from_ns": 0, "until_ns": 2**62} for row in rows])


def rows_of(table: pa.Table) -> Rows:
    """Rows as texts, in one order; numbers to twelve digits: engines differ in the last ones."""
    columns = [[said(v) for v in table[name].to_pylist()] for name in sorted(table.schema.names)]
    return sorted(zip(*columns, strict=True))


def said(value: Any) -> str:
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return f"{value:.12g}" if isinstance(value, float) and value % 1 else str(int(value))
    if isinstance(value, list):
        return "[" + ", ".join(said(v) for v in value) + "]"
    return repr(value)


@cache
def on_duckdb() -> tuple[Found, Found]:
    """The tables to compare with."""
    return tuple(_made("duckdb"))  # type: ignore[return-value]


def _made(name: str) -> Iterator[Found]:
    for way in (by_chains, by_outlines):
        with opened(name) as engine:
            yield way(engine)


OTHERS = [name for name in ENGINES if name != "duckdb"]


@pytest.fixture(scope="module", params=OTHERS)
def found(request: pytest.FixtureRequest) -> tuple[Found, Found]:
    built, outlined = _made(request.param)
    return built, outlined


@pytest.mark.parametrize("table", ["spans", *CHAINS, *TRAFFIC, *QUESTIONS, "counts"])
def test_building_every_chain_gives_the_same(found: tuple[Found, Found], table: str) -> None:
    expected = on_duckdb()[0][table]
    assert expected
    assert found[0][table] == expected


@pytest.mark.parametrize("table", OUTLINED)
def test_counting_what_was_folded_gives_the_same(found: tuple[Found, Found], table: str) -> None:
    expected = on_duckdb()[1][table]
    assert expected
    assert found[1][table] == expected
