"""Counting outlines slice by slice against building every chain, on span trees of every kind."""

from collections import defaultdict
from typing import Any

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_chains import Row
from reference_fold import begin_by_sql, fold_by_sql
from span_strategies import a_broken_trace, a_tidy_trace, spans_below_a_remote_parent, spans_of

from called_counts import CALLED, plain_counts
from folded_lines import FOLDED, fold_by_loops, fold_in_parts, folded_rows
from informer.chains.build import Chains, build_chains
from informer.core.tables import SPANS
from informer.engines.duckdb import DuckDBEngine
from informer.outlines.state import count_called, unfold
from informer.traffic.bin import count_calls

KEY = b"a key of the workspace"
STEP_S = 60
METHODS = [{"service": s, "operation": "get /1", "method": "get /{id}"} for s in ("A", "B")]
CALLS = f"""
select k.rpc_id, k.version, c.bucket, sum(c.calls_e6) as calls, sum(c.failures_e6) as failures,
    sum(c.refusals_e6) as refusals
from {CALLED} as c join call_kinds as k on k.call_kind = c.call_kind
group by all
having sum(c.calls_e6) > 0
order by all
"""
# Whether a span is a call, and so whether its failure makes a failed chain, is known of the one
# chain only that stands for the others.
SHAPES = "select shape_id, chains, partial from shapes order by all"

Tables = tuple[list[Row], list[Row], Chains]


def sampled_alike(spans: list[Row]) -> list[Row]:
    """A trace is sampled as a whole: its spans have one weight."""
    weights: dict[str, float] = {}
    return [{**row, "weight": weights.setdefault(row["trace_id"], row["weight"])} for row in spans]


def built(spans: list[Row]) -> Tables:
    """Every chain is built."""
    with DuckDBEngine(threads=1) as engine:
        engine.write("spans", SPANS.of(spans))
        engine.write("methods", pa.Table.from_pylist(METHODS))
        chains = build_chains(engine, key=KEY)
        count_calls(engine, step_s=STEP_S)
        plain_counts(engine)
        return engine.query(CALLS).to_pylist(), engine.query(SHAPES).to_pylist(), chains


def counted(spans: list[Row], slices: int, *, key: bytes = KEY, parts: int = 0) -> Tables:
    """Traces come in slices, or lie in as many places and go to parts; one an outline is built."""
    with DuckDBEngine(threads=1) as engine:
        engine.write("methods", pa.Table.from_pylist(METHODS))
        if parts:
            lying = [SPANS.of(spans[n::slices]) for n in range(slices)]
            fold_in_parts(engine, *lying, parts=parts, key=key, step_s=STEP_S)
        else:
            fold_by_loops(engine, *apart(spans, slices), key=key, step_s=STEP_S)
        unfold(engine)
        chains = build_chains(engine, key=key)
        count_called(engine, key=key)
        plain_counts(engine)
        return engine.query(CALLS).to_pylist(), engine.query(SHAPES).to_pylist(), chains


# Which traces are kept goes by numbers that SQL has of its own.
BY_SQL = {
    **{name: FOLDED[name] for name in ("links", "outlines", "outline_steps")},
    "outline_calls": """
        select o.code_sum, o.lines, k.code, c.version, c.step_start_ns, c.bucket,
            sum(c.lines_e6) as lines_e6, sum(c.failures_e6) as failures_e6,
            sum(c.refusals_e6) as refusals_e6
        from outline_calls as c
        join outlines as o on o.outline_id = c.outline_id
        join links as k on k.link_id = c.link_id
        group by all
    """,
}
KEPT = (
    """
    select o.code_sum, o.lines, t.sampled, count(*) as traces, sum(t.place) as places
    from kept_traces as t join outlines as o on o.outline_id = t.outline_id
    group by all order by all
    """,
    """
    select o.code_sum, o.lines, k.code, count(*) as kept
    from kept_lines as l join outlines as o on o.outline_id = l.outline_id
    join links as k on k.link_id = l.link_id
    group by all order by all
    """,
)


def folded(spans: list[Row], slices: int, *, by_loops: bool) -> list[list[Any]]:
    """What is in the tables after traces came in slices, the one way or the other."""
    with DuckDBEngine(threads=1) as engine:
        engine.write("methods", pa.Table.from_pylist(METHODS))
        tables = apart(spans, slices)
        if by_loops:
            fold_by_loops(engine, *tables, key=KEY, step_s=STEP_S)
        else:
            begin_by_sql(engine)
            for table in tables:
                engine.write("slice_spans", table)
                fold_by_sql(engine, key=KEY, step_s=STEP_S)
        if by_loops:
            plain_counts(engine)
        told = FOLDED if by_loops else BY_SQL
        made = [sorted(map(repr, engine.query(told[n]).to_pylist())) for n in BY_SQL]
        return [*made, *(engine.query(sql).to_pylist() for sql in KEPT)]


def apart(spans: list[Row], slices: int) -> list[pa.Table]:
    """Whole traces in slices."""
    parts = defaultdict(list)
    for row in spans:
        parts[int(row["trace_id"][1:]) % slices].append(row)
    return [SPANS.of(part) for part in parts.values()]


few = settings(max_examples=8, suppress_health_check=list(HealthCheck))
anything = st.one_of(
    spans_of(a_tidy_trace()), spans_of(a_broken_trace()), spans_below_a_remote_parent()
)


@few
@given(spans_of(a_tidy_trace()), st.integers(1, 3))
def test_tidy_traces_count_as_if_every_chain_were_built(spans: list[Row], slices: int) -> None:
    spans = sampled_alike(spans)
    called, shapes, chains = built(spans)
    assert counted(spans, slices) == (called, shapes, chains)


@few
@given(anything, st.integers(1, 3))
def test_no_chain_is_lost_or_counted_twice(spans: list[Row], slices: int) -> None:
    _, _, chains = built(spans)
    _, shapes, folded = counted(spans, slices)
    assert (folded.chains, folded.traces, folded.spans) == (
        chains.chains,
        chains.traces,
        chains.spans,
    )
    assert sum(row["chains"] for row in shapes) >= chains.chains / 4  # weights are 1/4 to 2


@few
@given(anything, st.integers(2, 3), st.integers(1, 4))
def test_slices_parts_and_the_key_are_no_matter(spans: list[Row], slices: int, parts: int) -> None:
    spans = sampled_alike(spans)
    once = counted(spans, 1)
    assert counted(spans[::-1], slices, key=b"another key") == once
    assert counted(spans, slices, key=b"that of executors", parts=parts) == once


@few
@given(anything, st.integers(1, 3))
def test_loops_over_arrays_fold_as_sql_does(spans: list[Row], slices: int) -> None:
    assert folded(spans, slices, by_loops=True) == folded(spans, slices, by_loops=False)


@few
@given(anything, st.integers(1, 3), st.integers(1, 4))
def test_parts_that_are_folded_apart_meet_as_one_slice(
    spans: list[Row], places: int, parts: int
) -> None:
    methods, scattered = pa.Table.from_pylist(METHODS), SPANS.of(spans)
    with DuckDBEngine(threads=1) as engine:
        engine.write("methods", methods)
        fold_by_loops(engine, scattered, key=KEY, step_s=STEP_S)
        once = folded_rows(engine)
    with DuckDBEngine(threads=1) as engine:
        engine.write("methods", methods)
        lying = [scattered.take(list(range(n, len(spans), places))) for n in range(places)]
        fold_in_parts(engine, *lying, parts=parts, key=KEY, step_s=STEP_S)
        assert folded_rows(engine) == once
