"""The traffic table becomes arrays on the nodes of a graph, every step of the grid."""

import numpy as np
import pyarrow as pa

from informer.core.tables import TRAFFIC
from informer.core.types import Grid
from informer.traffic.series import to_series
from pattern_traffic import graph_of

MIDNIGHT_NS = 1_780_272_000_000_000_000
MINUTE_NS = 60_000_000_000
GRAPH = graph_of("p", "in", "db")
GRID = Grid(MIDNIGHT_NS, 60, np.array([True, True, False, True]))


def traffic(*cells: tuple[str, str, int, float]) -> pa.Table:
    return TRAFFIC.of(
        [
            {
                "pattern_id": pattern_id,
                "rpc_id": rpc_id,
                "step_start_ns": MIDNIGHT_NS + step * MINUTE_NS,
                "calls": calls,
                "failures": calls / 2,
                "refusals": calls / 4,
                "latency_p50_ms": None,
                "latency_p95_ms": None,
                "latency_mean_ms": 5.0,
                "seen": True,
            }
            for pattern_id, rpc_id, step, calls in cells
        ]
    )


def test_every_node_has_every_step_of_the_grid() -> None:
    made = to_series(traffic(("p", "db", 1, 8.0)), [GRAPH], GRID)["p"]
    assert made.series.calls.tolist() == [[0, 0], [0, 8], [0, 0], [0, 0]]
    assert made.failures.tolist() == [[0, 0], [0, 4], [0, 0], [0, 0]]
    assert made.refusals.tolist() == [[0, 0], [0, 2], [0, 0], [0, 0]]
    assert list(made.series.step_starts_ns()) == list(GRID.starts_ns())


def test_latency_is_known_where_there_were_calls() -> None:
    made = to_series(traffic(("p", "db", 1, 8.0), ("p", "in", 2, 1.0)), [GRAPH], GRID)["p"]
    nan = np.nan
    np.testing.assert_array_equal(made.latency_ms, [[nan, nan], [nan, 5], [nan, nan], [nan, nan]])


def test_a_step_that_was_not_seen_holds_zeros() -> None:
    made = to_series(traffic(("p", "in", 2, 5.0)), [GRAPH], GRID)["p"]
    assert made.series.calls.sum() == made.failures.sum() == made.refusals.sum() == 0
    assert list(made.series.seen) == [True, True, False, True]


def test_what_no_graph_knows_is_left_out() -> None:
    cells = [("p", "other", 0, 1.0), ("-1", "in", 0, 1.0), ("p", "in", 4, 1.0)]
    cells += [("p", "in", -1, 1.0), ("p", "in", 0, 7.0)]
    made = to_series(traffic(*cells), [GRAPH], GRID)
    assert list(made) == ["p"]
    assert made["p"].series.calls.sum() == 7.0


def test_a_pattern_without_traffic_is_all_zeros() -> None:
    made = to_series(traffic(), [GRAPH], GRID)["p"]
    assert made.series.calls.shape == (4, 2)
    assert made.series.calls.sum() == 0


def test_where_calls_stand_for_others_those_met_are_counted() -> None:
    table = traffic(("p", "in", 0, 300.0), ("p", "db", 1, 800.0))
    made = to_series(table, [GRAPH], GRID, {"p": 100.0})["p"]
    assert made.series.calls.tolist() == [[3, 0], [0, 8], [0, 0], [0, 0]]
    assert made.failures.tolist() == [[1.5, 0], [0, 4], [0, 0], [0, 0]]
    assert made.series.stands_for == made.series.slice(1, 3).stands_for == 100.0
    assert made.latency_ms[1, 1] == 5.0
