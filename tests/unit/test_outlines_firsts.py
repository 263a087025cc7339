"""Which traces stand for their outlines: the first in time, in whichever order slices come."""

from itertools import permutations
from typing import Any

import pyarrow as pa
import pytest

from folded_lines import fold_by_loops
from informer.chains.build import build_chains
from informer.core.tables import SPANS
from informer.engines.duckdb import DuckDBEngine
from informer.outlines.state import count_called, unfold

Row = dict[str, Any]

METHODS = pa.table({"service": ["a"], "operation": ["get"], "method": ["get"]})
KEPT = "select trace_id from kept_traces where place > 0 order by place"
LINES = "select distinct start_ns from kept_lines order by start_ns"


def trace(name: str, start_ns: int, *, both_answers: bool = False) -> list[Row]:
    """A page that calls a service twice: each call is answered once, or one of them both times.

    The links are the same, the calls are not: what nobody answers is a call to the unknown.
    """
    links = [(None, "page", "server"), ("0", "page", "client"), ("0", "page", "client")]
    links += [("1", "cart", "server"), ("1" if both_answers else "2", "cart", "server")]
    return [
        dict.fromkeys(SPANS.names)
        | {"trace_id": name, "span_id": str(number), "parent_span_id": above, "service": service}
        | {"operation": "get", "kind": kind, "start_ns": start_ns, "duration_ns": 1_000_000}
        | {"failed": False, "refused": False, "weight": 1.0, "attributes": "{}"}
        for number, (above, service, kind) in enumerate(links)
    ]


def folded(*slices: list[Row], key: bytes = b"a key of the workspace") -> DuckDBEngine:
    """Each slice by a reading that goes on."""
    engine = DuckDBEngine(threads=1)
    engine.write("methods", METHODS)
    for rows in slices:
        fold_by_loops(engine, SPANS.of(rows), key=key, step_s=60)
    return engine


def shapes(engine: DuckDBEngine) -> list[Row]:
    unfold(engine)
    build_chains(engine, key=b"key")
    count_called(engine, key=b"a key of the workspace")
    shares = "select sum(share) as calls from link_shares order by 1"
    rows: list[Row] = engine.query("select shape_id, chains from shapes").to_pylist()
    return rows + engine.query(shares).to_pylist()


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_first_in_time_stands_for_its_outline_whichever_slice_it_is_in(
    order: tuple[int, ...],
) -> None:
    traces = [trace("c", 10), trace("b", 20, both_answers=True), trace("a", 30)]
    with folded(*traces) as in_time, folded(*(traces[n] for n in order)) as engine:
        assert [row["trace_id"] for row in engine.query(KEPT).to_pylist()] == ["c", "b", "a"]
        assert engine.query(LINES).to_pylist() == [{"start_ns": 10}]
        assert shapes(engine) == shapes(in_time)


def test_of_traces_that_begin_together_the_smallest_id_is_first() -> None:
    several = [trace(name, 10, both_answers=name == "a") for name in "cabd"]
    for key in (b"one", b"another", b"a third"):
        for slices in (several, [[row for rows in several for row in rows]]):
            with folded(*slices, key=key) as engine:
                kept = [row["trace_id"] for row in engine.query(KEPT).to_pylist()]
            assert kept == ["a", "b", "c"]
