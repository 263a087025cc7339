"""Turns the traffic table into dense arrays, one set for every pattern graph."""

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from informer.core.types import Floats, Grid, PatternGraph, PatternTraffic, Series

COLUMNS = ("calls", "failures", "refusals", "latency_mean_ms")


def to_series(
    traffic: pa.Table,
    graphs: Iterable[PatternGraph],
    grid: Grid,
    stands_for: Mapping[str, float] | None = None,
) -> dict[str, PatternTraffic]:
    """Calls, failures, refusals and latency [t, n] of every graph on the grid, by pattern id.

    Where traffic is sampled, one call of a pattern `stands_for` so many. A hundred that come of one
    trace are no more evidence than one, so it is those met that are counted.
    Rows of rpcs that a graph does not know, and steps outside the grid, are left out.
    """
    graphs = list(graphs)
    row_of = {g.pattern_id: {r: i for i, r in enumerate(g.rpc_ids)} for g in graphs}
    steps = len(grid.seen)
    arrays = {g.pattern_id: np.zeros((len(COLUMNS), steps, len(g.rpc_ids))) for g in graphs}

    called = traffic.filter(_called(traffic))
    step = (called["step_start_ns"].to_numpy() - grid.start_ns) // grid.step_ns
    values = np.stack([called[c].to_numpy() for c in COLUMNS])
    names = zip(called["pattern_id"].to_pylist(), called["rpc_id"].to_pylist(), strict=True)
    for i, (pattern_id, rpc_id) in enumerate(names):
        node = row_of.get(pattern_id, {}).get(rpc_id)
        if node is not None and 0 <= step[i] < steps:
            arrays[pattern_id][:, step[i], node] += values[:, i]
    each = stands_for or {}
    return {
        g.pattern_id: _traffic_of(g, arrays[g.pattern_id], grid, each.get(g.pattern_id, 1.0))
        for g in graphs
    }


def _called(traffic: pa.Table) -> pa.Array:
    return pa.array(traffic["calls"].to_numpy() > 0)


def _traffic_of(
    graph: PatternGraph, arrays: Floats, grid: Grid, stands_for: float
) -> PatternTraffic:
    seen = grid.seen[:, None]
    calls, failures, refusals = arrays[:3] / stands_for  # [t, n] each
    latency_ms = arrays[3]
    known = seen & (calls > 0)
    series = Series(
        graph, grid.start_ns, grid.step_s, calls * seen, grid.seen, stands_for=stands_for
    )
    latency_ms = np.where(known, latency_ms, np.nan)
    return PatternTraffic(series, failures * seen, refusals * seen, latency_ms)
