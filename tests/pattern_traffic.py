"""Traffic and forecasts of a few patterns as arrays, to try detection on."""

from collections.abc import Mapping

import numpy as np

from informer.core.types import Bools, Floats, Forecast, PatternGraph, PatternTraffic, Series
from informer.detections.streams import Rates, Watched, watch

START_NS = 1_780_272_000_000_000_000  # a Monday, 00:00 UTC
STEP_S = 600
DAY = 144  # steps
NO_RATES = Rates({}, {})


def graph_of(pattern_id: str, *rpc_ids: str) -> PatternGraph:
    """A pattern whose rpcs follow each other in one line."""
    line = np.arange(len(rpc_ids) - 1, dtype=np.int64)
    return PatternGraph(pattern_id, rpc_ids, np.stack([line, line + 1]), np.ones(len(line)))


def traffic_of(
    pattern_id: str,
    calls: Mapping[str, Floats],
    *,
    failures: Mapping[str, Floats] | None = None,
    refusals: Mapping[str, Floats] | None = None,
    latency_ms: Mapping[str, Floats] | None = None,
    seen: Bools | None = None,
) -> PatternTraffic:
    """A pattern by the calls of its rpcs, [t] each, the entry first; 10 ms each if not given."""

    def stacked(given: Mapping[str, Floats]) -> Floats:
        steps = len(next(iter(calls.values())))
        rows = [np.asarray(given.get(rpc_id, np.zeros(steps)), float) for rpc_id in calls]
        return np.stack(rows, axis=1)  # [t, n]

    values = stacked(calls)
    mask = np.ones(len(values), dtype=bool) if seen is None else seen
    series = Series(
        graph_of(pattern_id, *calls), START_NS, STEP_S, values * mask[:, None], mask.copy()
    )
    steps = np.full(len(values), 10.0)
    took_ms = stacked(dict.fromkeys(calls, steps) | dict(latency_ms or {}))
    return PatternTraffic(
        series,
        stacked(failures or {}) * mask[:, None],
        stacked(refusals or {}) * mask[:, None],
        np.where((values > 0) & mask[:, None], took_ms, np.nan),
    )


def expecting(traffic: PatternTraffic, *expected: float | Floats, spread: float = 0.0) -> Forecast:
    """The same expectation at every step, or a series of them, for each rpc."""
    shape = traffic.series.calls.shape
    columns = [np.broadcast_to(np.asarray(e, float), shape[:1]) for e in expected]
    return Forecast(np.stack(columns, axis=1), np.full(shape, spread))


def watched_of(
    calls: Mapping[str, Floats],
    expected: Mapping[str, float | Floats],
    *,
    seen: Bools | None = None,
    entry: str = "",
) -> Watched:
    """One rpc for each pattern, its entry; `entry` makes them all share one."""
    traffic = {p: traffic_of(p, {entry or f"{p}-in": c}, seen=seen) for p, c in calls.items()}
    forecasts = {p: expecting(t, expected[p]) for p, t in traffic.items()}
    return watch(traffic, forecasts, NO_RATES)


def stream_of(watched: Watched, signal: str, pattern_id: str, rpc_id: str = "") -> int:
    """The number of a stream."""
    (found,) = [
        i
        for i, x in enumerate(watched.streams)
        if x.signal == signal and x.pattern_ids[0] == pattern_id and rpc_id in ("", x.rpc_id)
    ]
    return found
