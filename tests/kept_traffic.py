"""Traffic that a workspace keeps, written step by step for tests."""

import numpy as np

from informer.core.tables import TRAFFIC, WORKLOADS
from informer.core.types import Grid, PatternTraffic
from informer.pipeline.history import history, keep_range
from informer.pipeline.workspace import Workspace
from pattern_traffic import START_NS, graph_of

STEP_S = 600
STEP_NS = STEP_S * 10**9
GRAPH = graph_of("p", "in")
EVER = 2**62


def grid_of(first: int, seen: list[bool]) -> Grid:
    return Grid(START_NS + first * STEP_NS, STEP_S, np.array(seen))


def keep(home: Workspace, first: int, calls: list[float], seen: list[bool] | None = None) -> Grid:
    """Keep a range of steps with these calls of the pattern."""
    grid = grid_of(first, seen or [True] * len(calls))
    rows = [
        {
            "pattern_id": "p",
            "rpc_id": "in",
            "step_start_ns": int(start_ns),
            "calls": n,
            "failures": 0.0,
            "refusals": n / 10,
            "latency_p50_ms": None,
            "latency_p95_ms": None,
            "latency_mean_ms": 5.0,
            "seen": bool(covered),
        }
        for start_ns, n, covered in zip(grid.starts_ns(), calls, grid.seen, strict=True)
    ]
    keep_range(home, grid, TRAFFIC.of(rows), WORKLOADS.empty())
    return grid


def kept(home: Workspace, first: int = 0, last: int = 10_000) -> PatternTraffic | None:
    from_ns, until_ns = START_NS + first * STEP_NS, START_NS + last * STEP_NS
    return history(home, [GRAPH], STEP_S, from_ns, until_ns).get("p")


def calls_of(traffic: PatternTraffic | None) -> list[float | None]:
    """Calls of each step; None where it was not seen."""
    assert traffic is not None
    pairs = zip(traffic.series.calls[:, 0].tolist(), traffic.series.seen.tolist(), strict=True)
    return [calls if seen else None for calls, seen in pairs]
