"""One graph of all rpcs of all patterns, and one network on it.

Diffusion as in Li, Yu, Shahabi, Liu 2018, "Diffusion Convolutional Recurrent Neural Network", of
what the nodes read; what they remember stays theirs, as in the T-GCN of Zhao et al. 2019, so that
all walks over some hundred nodes are taken once and not in every step of training.

Axes: t step, c column, e edge.
"""

import numpy as np

from informer.core.types import Floats, Ints, PatternGraph, PatternTraffic
from informer.forecasts.walks import supports
from quality.baselines.forecasting import busy_columns, learned_steps, scored
from quality.baselines.gru import sequences
from quality.baselines.recurrent import forecast
from quality.baselines.timeline import Timeline, timeline

DIFFUSION_STEPS = 2


def scores(
    past: dict[str, PatternTraffic], now: dict[str, PatternTraffic], *, seed: int
) -> dict[str, Floats]:
    """Surprise at more calls than forecast from a column's own past and its neighbours'."""
    line = timeline(past, now)
    busy = busy_columns(line)
    if len(busy) == 0:
        return scored(line, busy, np.zeros((len(line.seen), 0)))
    graph = _graph(line, busy, {p: traffic.series.graph for p, traffic in past.items()})
    sides = supports(graph, DIFFUSION_STEPS, len(busy)).reshape(len(busy), len(busy), -1)
    walks = [sides[:, :, m] for m in range(1, sides.shape[2])]  # all but standing still
    expected = forecast(sequences(line, busy, walks), learned_steps(line), seed=seed)
    return scored(line, busy, expected)


def _graph(line: Timeline, columns: Ints, patterns: dict[str, PatternGraph]) -> PatternGraph:
    """A node is a column. Edges are those of the patterns, and join what is of one rpc.

    An rpc's calls in one pattern with those in all others, and with its own failures and refusals.
    """
    node = {
        (int(line.cell[c]), int(line.signal[c])): place for place, c in enumerate(columns.tolist())
    }
    edges: list[tuple[int, int, float]] = []
    cells_of: dict[str, list[int]] = {}
    first = 0
    for pattern_id, rpcs in line.rpcs_of.items():
        graph = patterns[pattern_id]
        for i, rpc_id in enumerate(graph.rpc_ids):
            cells_of.setdefault(rpc_id, []).append(first + i)
        for (i, j), weight in zip(graph.edges.T.tolist(), graph.weight.tolist(), strict=True):
            if (first + i, 0) in node and (first + j, 0) in node:
                edges.append((node[first + i, 0], node[first + j, 0], weight))
        first += rpcs
    for cells in cells_of.values():
        same = [node[cell, 0] for cell in cells if (cell, 0) in node]
        edges += [(a, b, 1.0) for a in same for b in same if a != b]
    edges += [
        (node[cell, 0], place, 1.0)
        for (cell, signal), place in node.items()
        if signal and (cell, 0) in node
    ]
    ends = np.array([edge[:2] for edge in edges], dtype=np.int64).reshape(-1, 2).T
    names = tuple(f"{cell}-{signal}" for cell, signal in node)
    return PatternGraph("all", names, ends, np.array([edge[2] for edge in edges]))
