"""Latency that changed for good: what accepted incidents say of how long calls take since then."""

import orjson

from informer.core.types import PatternTraffic
from informer.detections.latency import SIGNAL, UsualLatency, at_level_of
from informer.pipeline.leaps import later_half
from informer.pipeline.workspace import Workspace

Usual = dict[tuple[str, str], UsualLatency]  # by (pattern, rpc)


def slowed_for_good(home: Workspace, traffic: PatternTraffic, usual: Usual) -> Usual:
    """What is usual where incidents of a pattern's latency were accepted, and those cells alone.

    The later half of all steps since then says where it led: to the old level where it passed.
    """
    graph = traffic.series.graph
    found: Usual = {}
    for rpc_id, since_ns in _accepted_since(home, graph.pattern_id).items():
        cell = (graph.pattern_id, rpc_id)
        if cell in usual and rpc_id in graph.rpc_ids:
            place, lately = graph.rpc_ids.index(rpc_id), later_half(traffic, since_ns)
            calls, ms = lately.series.calls[:, place], lately.latency_ms[:, place]
            found[cell] = at_level_of(usual[cell], calls, ms)
    return found


def _accepted_since(home: Workspace, pattern_id: str) -> dict[str, int]:
    """When each rpc of a pattern last became slow with an incident that was accepted."""
    found: dict[str, int] = {}
    for incident in home.table("incidents").to_pylist():
        if incident["verdict"] != "accepted" or pattern_id not in incident["patterns"]:
            continue
        for cell in orjson.loads(incident["evidence"])["detections"]:
            if cell["signal"] == SIGNAL and cell["pattern_id"] == pattern_id:
                since_ns = int(incident["opened_ns"])
                found[cell["rpc_id"]] = max(found.get(cell["rpc_id"], 0), since_ns)
    return found
