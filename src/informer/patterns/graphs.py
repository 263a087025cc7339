"""Builds the graph of every pattern: its rpcs, and how often one leads to the next."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.tables import PATTERN_EDGES
from informer.core.types import NOISE, Floats, Ints, PatternGraph
from informer.patterns.forms import flatten, is_broken
from informer.patterns.usage import USED, sums


def graphs_of(patterns: pa.Table, members: pa.Table, shapes: pa.Table) -> dict[str, PatternGraph]:
    """The graph of every pattern that has whole chains, by pattern id.

    Nodes are the rpcs that at least 1 % of its whole chains use: the entry first, the others by
    their mean depth, then by id. Edges are those between them that at least 1 % use.
    """
    whole = shapes.filter(pa.array(~is_broken(shapes)))
    columns = (members["shape_id"].to_pylist(), members["pattern_id"].to_pylist())
    pattern_of = dict(zip(*columns, strict=True))
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, shape_id in enumerate(whole["shape_id"].to_pylist()):
        rows_of[pattern_of.get(shape_id, NOISE)].append(row)
    columns = (patterns["pattern_id"].to_pylist(), patterns["entry_rpc_id"].to_pylist())
    return {
        pattern_id: _graph(pattern_id, entry, whole.take(rows_of[pattern_id]))
        for pattern_id, entry in zip(*columns, strict=True)
        if pattern_id in rows_of
    }


def edges_of(run_id: str, graphs: Iterable[PatternGraph]) -> pa.Table:
    """The edges of graphs as rows of `pattern_edges`."""
    rows: list[dict[str, object]] = [
        {
            "run_id": run_id,
            "pattern_id": graph.pattern_id,
            "from_rpc_id": graph.rpc_ids[above],
            "to_rpc_id": graph.rpc_ids[below],
            "weight": weight,
        }
        for graph in graphs
        for (above, below), weight in zip(graph.edges.T, graph.weight.tolist(), strict=True)
    ]
    return PATTERN_EDGES.of(rows)


def _graph(pattern_id: str, entry: str, shapes: pa.Table) -> PatternGraph:
    chains = shapes["chains"].to_numpy()
    shape, rpc_ids, rpc = flatten(shapes["rpc_ids"])
    share = _share(chains, shape, rpc, len(rpc_ids))
    deep = chains[shape] * pc.list_flatten(shapes["depths"]).to_numpy()
    depth = sums(rpc, deep, len(rpc_ids)) / sums(rpc, chains[shape], len(rpc_ids))
    nodes = sorted(
        (rpc_ids[r] != entry, round(float(depth[r]), 3), rpc_ids[r])
        for r in np.flatnonzero(share >= USED)
    )
    place = {rpc_id: n for n, (_, _, rpc_id) in enumerate(nodes)}
    shape, edge_ids, edge = flatten(shapes["edges"])
    weight = _share(chains, shape, edge, len(edge_ids))
    edges = sorted(
        (place[above], place[below], float(weight[e]))
        for e in np.flatnonzero(weight >= USED)
        for above, below in [edge_ids[e].split(">")]
    )
    ends = np.array([ends for *ends, _ in edges], dtype=np.int64).reshape(-1, 2).T
    return PatternGraph(pattern_id, tuple(place), ends, np.array([w for *_, w in edges]))


def _share(chains: Floats, shape: Ints, thing: Ints, things: int) -> Floats:
    return sums(thing, chains[shape], things) / float(chains.sum())
