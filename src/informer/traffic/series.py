"""Turns the traffic table into dense arrays, one set for every pattern graph."""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa

from informer.core.types import Floats, Grid, PatternGraph, PatternTraffic, Series


def to_series(
    traffic: pa.Table, graphs: Iterable[PatternGraph], grid: Grid
) -> dict[str, PatternTraffic]:
    """Calls, failures and refusals [t, n] of every graph on the grid, by pattern id.

    Rows of rpcs that a graph does not know, and steps outside the grid, are left out.
    """
    graphs = list(graphs)
    row_of = {g.pattern_id: {r: i for i, r in enumerate(g.rpc_ids)} for g in graphs}
    steps = len(grid.seen)
    arrays = {g.pattern_id: np.zeros((3, steps, len(g.rpc_ids))) for g in graphs}

    called = traffic.filter(_called(traffic))
    step = (called["step_start_ns"].to_numpy() - grid.start_ns) // grid.step_ns
    values = np.stack([called[c].to_numpy() for c in ("calls", "failures", "refusals")])
    names = zip(called["pattern_id"].to_pylist(), called["rpc_id"].to_pylist(), strict=True)
    for i, (pattern_id, rpc_id) in enumerate(names):
        node = row_of.get(pattern_id, {}).get(rpc_id)
        if node is not None and 0 <= step[i] < steps:
            arrays[pattern_id][:, step[i], node] += values[:, i]
    return {g.pattern_id: _traffic_of(g, arrays[g.pattern_id], grid) for g in graphs}


def _called(traffic: pa.Table) -> pa.Array:
    return pa.array(traffic["calls"].to_numpy() > 0)


def _traffic_of(graph: PatternGraph, arrays: Floats, grid: Grid) -> PatternTraffic:
    calls, failures, refusals = arrays * grid.seen[None, :, None]  # [3, t, n]
    series = Series(graph, grid.start_ns, grid.step_s, calls, grid.seen)
    return PatternTraffic(series, failures, refusals)
