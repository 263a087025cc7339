"""Counting outlines slice by slice against building every chain, on span trees of every kind."""

from collections import defaultdict

import pyarrow as pa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reference_chains import Row
from span_strategies import a_broken_trace, a_tidy_trace, spans_below_a_remote_parent, spans_of

from informer.chains.build import Chains, build_chains
from informer.core.tables import SPANS
from informer.engines.duckdb import DuckDBEngine
from informer.outlines.fold import begin, count_called, fold, unfold
from informer.traffic.bin import count_calls

KEY = b"a key of the workspace"
STEP_S = 60
METHODS = [{"service": s, "operation": "get /1", "method": "get /{id}"} for s in ("A", "B")]
CALLED = """
select rpc_id, version, bucket, sum(calls_e6) as calls, sum(failures_e6) as failures,
    sum(refusals_e6) as refusals
from called
group by all
having sum(calls_e6) > 0
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
        return engine.query(CALLED).to_pylist(), engine.query(SHAPES).to_pylist(), chains


def counted(spans: list[Row], slices: int) -> Tables:
    """Traces come in slices; one of each outline is built."""
    parts = defaultdict(list)
    for row in spans:
        parts[int(row["trace_id"][1:]) % slices].append(row)
    with DuckDBEngine(threads=1) as engine:
        engine.write("methods", pa.Table.from_pylist(METHODS))
        begin(engine)
        for part in parts.values():
            engine.write("slice_spans", SPANS.of(part))
            fold(engine, key=KEY, step_s=STEP_S)
        unfold(engine)
        chains = build_chains(engine, key=KEY)
        count_called(engine, key=KEY)
        return engine.query(CALLED).to_pylist(), engine.query(SHAPES).to_pylist(), chains


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
@given(anything)
def test_the_number_of_slices_is_no_matter_for_what_is_counted(spans: list[Row]) -> None:
    once, twice = counted(spans, 1), counted(spans, 2)
    assert once[2].chains == twice[2].chains
    assert once[2].calls == twice[2].calls
