"""Chains become counts in steps: when a call counts, for how much, and where there was none."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from informer.core.errors import InformerError
from informer.core.tables import TRAFFIC, WORKLOADS
from informer.core.types import Grid
from informer.engines.duckdb import DuckDBEngine
from informer.traffic.bin import bin_onto, bin_traffic, count_calls

Row = dict[str, Any]
MIDNIGHT_NS = 1_780_272_000_000_000_000
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS


@pytest.fixture
def engine() -> Iterator[DuckDBEngine]:
    with DuckDBEngine(threads=1) as engine:
        yield engine


def chain(at_ns: int, *calls: Row, shape_id: str = "s", weight: float = 1.0) -> Row:
    return {"start_ns": MIDNIGHT_NS + at_ns, "shape_id": shape_id, "weight": weight, "calls": calls}


def call(rpc_id: str = "in", **values: Any) -> Row:
    row: Row = {"rpc_id": rpc_id, "callee": rpc_id, "version": None, "duration_ns": 1_000_000}
    row |= {"weight": 1.0, "failed": False, "refused": False}
    return row | values


def load(engine: DuckDBEngine, *chains: Row, members: dict[str, str] | None = None) -> None:
    """The tables that binning reads; by default all chains are of the pattern `p`."""
    named = [{"trace_id": f"t{i}", **c} for i, c in enumerate(chains)]
    of_calls = [
        {"trace_id": c["trace_id"], "start_ns": c["start_ns"], **k}
        for c in named
        for k in c["calls"]
    ]
    schema = pa.Table.from_pylist([{"trace_id": "", "start_ns": 0, **call(version="")}]).schema
    engine.write("calls", pa.Table.from_pylist(of_calls, schema))
    columns = {"trace_id": "", "start_ns": 0, "shape_id": "", "weight": 0.0}
    of_chains = [{k: c[k] for k in columns} for c in named]
    engine.write("chains", pa.Table.from_pylist(of_chains, pa.Table.from_pylist([columns]).schema))
    rpcs = [{"rpc_id": r["rpc_id"], "callee": r["callee"]} for r in of_calls]
    met = list({r["rpc_id"]: r for r in rpcs}.values())
    engine.write(
        "rpcs", pa.Table.from_pylist(met, schema.empty_table().select(["rpc_id", "callee"]).schema)
    )
    members = {"s": "p"} if members is None else members
    engine.write(
        "members",
        pa.table(
            {
                "shape_id": pa.array(list(members), pa.string()),
                "pattern_id": pa.array(list(members.values()), pa.string()),
            }
        ),
    )


def binned(engine: DuckDBEngine, *, step_s: int, covered_ends: bool = False) -> Grid:
    """What is made of the tables above."""
    count_calls(engine, step_s=step_s)
    return bin_traffic(engine, step_s=step_s, covered_ends=covered_ends)


def rows(engine: DuckDBEngine, table: str = "traffic") -> list[Row]:
    found: list[Row] = engine.query(
        f"select * from {table} order by step_start_ns, pattern_id, rpc_id"
        if table == "traffic"
        else f"select * from {table} order by step_start_ns, service, version"
    ).to_pylist()
    return found


def test_a_boundary_opens_the_next_step(engine: DuckDBEngine) -> None:
    load(engine, chain(MINUTE_NS - 1, call()), chain(MINUTE_NS, call()), chain(MINUTE_NS, call()))
    grid = binned(engine, step_s=60)
    assert grid.start_ns == MIDNIGHT_NS
    assert [(r["step_start_ns"] - MIDNIGHT_NS, r["calls"]) for r in rows(engine)] == [
        (0, 1.0),
        (MINUTE_NS, 2.0),
    ]


def test_a_call_counts_in_the_step_in_which_its_chain_began(engine: DuckDBEngine) -> None:
    late = call("db") | {"start_ns": MIDNIGHT_NS + 3 * MINUTE_NS}
    load(engine, chain(59 * SECOND_NS, call(), late), chain(5 * MINUTE_NS, call()))
    binned(engine, step_s=60)
    called = [r for r in rows(engine) if r["calls"] and r["rpc_id"] == "db"]
    assert [r["step_start_ns"] - MIDNIGHT_NS for r in called] == [0]


@pytest.mark.parametrize(
    ("first", "last", "calls"), [(1, 3, []), (1, 4, [0, 0, 2]), (0, 2, [1, 0])]
)
def test_a_range_has_what_began_in_it_alone(
    engine: DuckDBEngine, first: int, last: int, calls: list[int]
) -> None:
    load(engine, chain(0, call()), *[chain(3 * MINUTE_NS, call())] * 2)
    count_calls(engine, step_s=60)
    assert engine.query("select count(*) as n from cell_counts")["n"][0].as_py() == 1
    bin_onto(engine, Grid(MIDNIGHT_NS + first * MINUTE_NS, 60, np.ones(last - first, bool)))
    assert [r["calls"] for r in rows(engine)] == calls


def test_steps_are_aligned_to_the_clock_and_not_to_the_first_chain(engine: DuckDBEngine) -> None:
    load(engine, chain(25 * MINUTE_NS, call()), chain(47 * MINUTE_NS, call()))
    grid = binned(engine, step_s=600)
    assert [int(s - MIDNIGHT_NS) // MINUTE_NS for s in grid.starts_ns()] == [20, 30, 40]
    assert (grid.end_ns - MIDNIGHT_NS) // MINUTE_NS == 50


def test_a_covered_step_without_a_call_is_a_zero_row(engine: DuckDBEngine) -> None:
    load(engine, chain(0, call("in"), call("db")), chain(3 * MINUTE_NS, call("in")))
    binned(engine, step_s=60)
    found = [r for r in rows(engine) if r["rpc_id"] == "db"]
    assert [(r["calls"], r["failures"], r["refusals"], r["seen"]) for r in found] == [
        (1.0, 0.0, 0.0, True),
        *[(0.0, 0.0, 0.0, True)] * 3,
    ]
    assert [r["latency_p50_ms"] is None for r in found] == [False, True, True, True]


def test_steps_of_an_outage_are_not_seen(engine: DuckDBEngine) -> None:
    """Nor are those in which it began or ended, when much of them was lost."""
    second = MINUTE_NS // 60
    busy = [chain(n * second, call()) for n in range(8 * 60) if not 150 <= n < 290]
    load(engine, *busy)
    grid = binned(engine, step_s=60)
    assert list(grid.seen) == [True, True, False, False, False, True, True, True]
    assert [r["seen"] for r in rows(engine)] == list(grid.seen)


def test_sampled_calls_count_by_their_weight(engine: DuckDBEngine) -> None:
    load(
        engine,
        chain(0, call(weight=10.0, failed=True), call(weight=2.5), weight=10.0),
        chain(1, call(weight=10.0, refused=True), weight=10.0),
    )
    binned(engine, step_s=60)
    (row,) = rows(engine)
    assert (row["calls"], row["failures"], row["refusals"]) == (22.5, 10.0, 10.0)


def test_chains_of_no_pattern_are_counted_as_noise(engine: DuckDBEngine) -> None:
    load(engine, chain(0, call(), shape_id="s"), chain(0, call(), shape_id="new"))
    binned(engine, step_s=60)
    assert {r["pattern_id"]: r["calls"] for r in rows(engine)} == {"p": 1.0, "-1": 1.0}


def test_latency_quantiles_lie_within_a_bucket_of_the_exact_ones(engine: DuckDBEngine) -> None:
    durations = np.random.default_rng(1).lognormal(mean=16, sigma=1.2, size=4000).astype(np.int64)
    load(engine, *[chain(0, call(duration_ns=int(d))) for d in durations])
    binned(engine, step_s=60)
    (row,) = rows(engine)
    bucket = 2 ** (1 / 8)  # eight buckets a doubling
    for column, share in (("latency_p50_ms", 0.5), ("latency_p95_ms", 0.95)):
        exact = np.quantile(durations, share, method="inverted_cdf") / 1e6
        assert exact / bucket <= row[column] <= exact * bucket


def test_mean_latency_is_geometric_and_moves_when_only_some_calls_are_slow(
    engine: DuckDBEngine,
) -> None:
    took_ms = np.array([5.0] * 20 + [500.0] * 10)
    load(engine, *[chain(0, call(duration_ns=int(ms * 1e6))) for ms in took_ms])
    binned(engine, step_s=60)
    (row,) = rows(engine)
    assert row["latency_p50_ms"] == pytest.approx(5.0, rel=0.1)
    exact = float(np.exp(np.log(took_ms).mean()))
    assert row["latency_mean_ms"] == pytest.approx(exact, rel=0.05)


def test_latency_of_sampled_calls_is_weighted(engine: DuckDBEngine) -> None:
    slow = call(duration_ns=80_000_000, weight=30.0)
    load(engine, *[chain(0, call()) for _ in range(10)], chain(0, slow, weight=30.0))
    binned(engine, step_s=60)
    (row,) = rows(engine)
    assert row["latency_p50_ms"] == pytest.approx(80.0, rel=0.1)
    exact = float(np.exp((30 * np.log(80.0) + 10 * np.log(1.0)) / 40))
    assert row["latency_mean_ms"] == pytest.approx(exact, rel=0.1)


def test_a_call_without_duration_has_the_smallest_latency(engine: DuckDBEngine) -> None:
    load(engine, chain(0, call(duration_ns=0)))
    binned(engine, step_s=60)
    assert rows(engine)[0]["latency_p95_ms"] == pytest.approx(0.001, rel=0.1)


def test_without_a_chain_there_is_nothing_to_count(engine: DuckDBEngine) -> None:
    load(engine)
    with pytest.raises(InformerError, match="no chain began in the range"):
        binned(engine, step_s=60)


def test_a_range_of_too_many_steps_is_the_users_mistake(engine: DuckDBEngine) -> None:
    load(engine, chain(0, call()), chain(-MIDNIGHT_NS + 1, call()))
    with pytest.raises(InformerError, match=r"the range has 29,671,201 steps of 60 s, at most"):
        binned(engine, step_s=60)


def test_workloads_are_versions_of_the_callee(engine: DuckDBEngine) -> None:
    calls = [call("cart", version="v1"), call("cart", version="v2", weight=3.0), call("db")]
    load(engine, chain(0, *calls), chain(MINUTE_NS, call("cart", version="v2")))
    binned(engine, step_s=60)
    found = [
        (r["service"], r["version"], (r["step_start_ns"] - MIDNIGHT_NS) // MINUTE_NS, r["calls"])
        for r in rows(engine, "workloads")
    ]
    assert found == [("cart", "v1", 0, 1.0), ("cart", "v2", 0, 3.0), ("cart", "v2", 1, 1.0)]


def test_the_tables_have_their_columns(engine: DuckDBEngine) -> None:
    load(engine, chain(0, call(version="v1")))
    binned(engine, step_s=60)
    for spec in (TRAFFIC, WORKLOADS):
        made = engine.query(f"select * from {spec.name}").schema
        assert made.names == spec.names
        assert made.types == spec.schema.types


def test_counting_twice_gives_the_same(engine: DuckDBEngine) -> None:
    load(engine, *[chain(m * 7 * SECOND_NS, call(), call("db")) for m in range(40)])
    binned(engine, step_s=60)
    once = rows(engine)
    binned(engine, step_s=60)
    assert rows(engine) == once


def test_steps_without_one_trace_in_a_hundred_are_no_holes(engine: DuckDBEngine) -> None:
    met = [chain(at * MINUTE_NS, call(weight=100.0), weight=100.0) for at in range(0, 60, 3)]
    load(engine, *met)
    assert binned(engine, step_s=60).seen.all()


def test_a_clock_that_is_a_second_slow_adds_no_step_to_what_is_learned(
    engine: DuckDBEngine,
) -> None:
    steady = [chain(at * SECOND_NS, call()) for at in range(0, 600, 5)]
    early, late = chain(-SECOND_NS, call()), chain(601 * SECOND_NS, call())
    load(engine, early, *steady, late)
    learned = binned(engine, step_s=60, covered_ends=True)
    assert (learned.start_ns, len(learned.seen)) == (MIDNIGHT_NS, 10)
    assert len(rows(engine)) == 10
    looked_at = binned(engine, step_s=60)
    assert (looked_at.start_ns, len(looked_at.seen)) == (MIDNIGHT_NS - MINUTE_NS, 12)
    assert list(looked_at.seen) == [False, *[True] * 10, False]
