"""What counts as never seen before: edges, methods and whole forms of chain."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from informer.core.sql import read_sql
from informer.core.types import Grid, Json
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.judge import novel_in

STEP_NS = 600 * 10**9
KNOWN = [("in", "outside", "shop"), ("pay", "shop", "bank")]


@pytest.fixture
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine(threads=1) as engine:
        yield engine


def load(engine: DuckDBEngine, *chains: dict[str, Any]) -> None:
    """Chains of calls `rpc caller>callee`, and what was learned before."""
    calls = []
    for number, chain in enumerate(chains):
        chain["trace_id"] = f"t{number}"
        for text in chain.pop("calls"):
            rpc_id, edge = text.split()
            caller, callee = edge.split(">")
            calls.append(
                {"trace_id": f"t{number}", "rpc_id": rpc_id, "caller": caller, "callee": callee}
                | {"weight": chain["weight"]}
            )
    engine.write("calls", pa.Table.from_pylist(calls))
    engine.write("chains", pa.Table.from_pylist(list(chains)))
    columns = ("rpc_id", "caller", "callee")
    engine.write("known_rpcs", pa.table(dict(zip(columns, zip(*KNOWN, strict=True), strict=True))))
    engine.write("known_shapes", pa.table({"shape_id": ["known"]}))
    engine.write("members", pa.table({"shape_id": ["known", "near"], "pattern_id": ["p", "p"]}))


def chain(*calls: str, shape: str = "known", at: int = 0, **values: Any) -> dict[str, Any]:
    row: dict[str, Any] = {"shape_id": shape, "entry_rpc_id": "in", "start_ns": at * STEP_NS}
    row |= {"weight": 1.0, "partial": False, "failed": False, "calls": calls}
    return row | values


def rows(engine: DuckDBEngine) -> list[dict[str, Any]]:
    return engine.query(
        read_sql("informer.detections", "novel_calls"),
        step_ns=STEP_NS,
        from_ns=0,
        until_ns=100 * STEP_NS,
    ).to_pylist()


def news(engine: DuckDBEngine) -> list[tuple[str, str, str, int, float]]:
    return [
        (r["what"], r["name"], r["pattern_id"], r["step_start_ns"] // STEP_NS, r["calls"])
        for r in rows(engine)
    ]


def test_what_was_learned_is_no_news(engine: DuckDBEngine) -> None:
    load(engine, chain("in outside>shop", "pay shop>bank"))
    assert news(engine) == []


def test_two_services_that_never_met_are_a_new_edge(engine: DuckDBEngine) -> None:
    load(engine, chain("in outside>shop", "x shop>vault", shape="near", at=3))
    assert news(engine) == [("edge", "x", "p", 3, 1.0)]


def test_another_method_between_services_that_met_is_a_new_method(engine: DuckDBEngine) -> None:
    load(engine, chain("in outside>shop", "refund shop>bank", shape="near"))
    assert news(engine) == [("method", "refund", "p", 0, 1.0)]


def test_known_calls_in_a_new_form_are_a_new_shape(engine: DuckDBEngine) -> None:
    load(engine, chain("in outside>shop", "pay shop>bank", shape="far"))
    assert news(engine) == [("shape", "far", "-1", 0, 1.0)]


@pytest.mark.parametrize("broken", ["partial", "failed"])
def test_a_broken_chain_is_no_new_shape(engine: DuckDBEngine, broken: str) -> None:
    load(engine, chain("in outside>shop", shape="far", **{broken: True}))
    assert news(engine) == []


def test_a_caller_or_callee_that_nobody_knows_is_no_new_edge(engine: DuckDBEngine) -> None:
    load(engine, chain("in outside>shop", "x unknown>vault", "y shop>unknown"))
    assert news(engine) == []


def test_sampled_news_is_told_by_its_weight_and_counts_as_often_as_it_was_met(
    engine: DuckDBEngine,
) -> None:
    new = ("in outside>shop", "x shop>vault")
    chains = [
        chain(*new, shape="near", at=at, weight=w) for at, w in ((1, 10.0), (1, 1.0), (4, 2.0))
    ]
    load(engine, *chains)
    assert news(engine) == [("edge", "x", "p", 1, 11.0), ("edge", "x", "p", 4, 2.0)]
    assert [r["met"] for r in rows(engine)] == [2, 1]


def test_everything_learned_has_a_first_time_by_class_and_the_calls_met(
    engine: DuckDBEngine,
) -> None:
    load(
        engine,
        chain("in outside>shop", at=1, weight=50.0),
        chain("in outside>shop", "pay shop>bank", shape="cut", at=2),
        chain("in outside>shop", shape="failed", at=3),
    )
    engine.write(
        "shapes",
        pa.table(
            {
                "shape_id": ["known", "cut", "failed"],
                "first_seen_ns": [7, 8, 9],
                "chains": [50.0, 1.0, 1.0],
                "failed_chains": [0.0, 0.0, 1.0],
                "partial": [False, True, False],
            }
        ),
    )
    engine.run(read_sql("informer.chains", "counts_as"))
    learned = engine.query(read_sql("informer.detections", "first_seen")).to_pylist()
    found = sorted((r["what"], r["first_seen_ns"], r["calls"]) for r in learned)
    assert found == [
        ("edge", STEP_NS, 3.0),
        ("edge", 2 * STEP_NS, 1.0),
        ("method", STEP_NS, 3.0),
        ("method", 2 * STEP_NS, 1.0),
        ("shape", 7, 1.0),
    ]


def test_where_spans_are_missing_a_chain_that_is_cut_off_is_no_new_form() -> None:
    grid = Grid(0, 60, np.array([True, False, True]))

    def row(what: str, step: int) -> Json:
        named = {"what": what, "name": f"a {what}", "pattern_id": "p", "rpc_id": "r"}
        return named | {"step_start_ns": step * grid.step_ns, "calls": 7.0, "met": 7.0}

    found = novel_in([row(what, step) for what in ("shape", "edge") for step in (1, 2)], grid)
    assert {n.what: n.met.tolist() for n in found} == {"shape": [0, 0, 7], "edge": [0, 7, 7]}
