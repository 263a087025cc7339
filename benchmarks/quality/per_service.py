"""The same traffic by service instead of by pattern, for any detector.

Axes: t step, n rpc.
"""

from dataclasses import replace

import numpy as np

from informer.core.types import Floats, Ints, PatternGraph, PatternTraffic, Series
from quality.world import World

TOTAL = "all calls of "  # and the service: the id of what stands where patterns have their entry


def per_service(world: World) -> World:
    """A world whose units are the services that are called.

    Its series are the calls of every rpc that the service answers, summed over patterns, the
    busiest of the past first. Where there are several, their sum stands before them, as the entry
    does in a pattern: who alarms on a service alarms on all its calls. An incident of the sum names
    the busiest rpc, the best guess there is. A service is malicious when a pattern through it is.
    """
    columns = _columns(world)
    rpcs = dict(world.rpcs)
    for service, shares in columns.items():
        if len(shares) > 1:
            rpcs[TOTAL + service] = world.rpcs[next(iter(shares))]
    steps = len(world.test_grid.seen)
    return replace(
        world,
        name=f"{world.name}, per service",
        train={s: _service(s, shares, world.train) for s, shares in columns.items()},
        test={s: _service(s, shares, world.test) for s, shares in columns.items()},
        rpcs=rpcs,
        labels={s: f"calls of {s}" for s in columns},
        services_of={s: frozenset([s]) for s in columns},
        malicious={
            s: np.any(
                [
                    world.malicious.get(p, np.zeros(steps, dtype=bool))
                    for p, traffic in world.test.items()
                    if set(shares) & set(traffic.series.graph.rpc_ids)
                ],
                axis=0,
            )
            for s, shares in columns.items()
        },
        unmet=(),
    )


def critical_services(world: World, least_share: float) -> tuple[str, ...]:
    """Services that at least this share of all chains goes through: what makes a pattern critical.

    A pattern has as many chains as calls of its first rpc.
    """
    chains = {p: float(t.series.calls[:, 0].sum()) for p, t in world.train.items()}
    least = least_share * sum(chains.values())
    return tuple(
        service
        for service, shares in _columns(world).items()
        if least
        <= sum(
            chains[p] for p, t in world.train.items() if set(shares) & set(t.series.graph.rpc_ids)
        )
    )


def _columns(world: World) -> dict[str, dict[str, float]]:
    """The rpcs of every service and their shares of its past, the busiest first."""
    calls: dict[str, float] = {}
    for traffic in world.train.values():
        total = traffic.series.calls.sum(axis=0)  # [n]
        for rpc_id, count in zip(traffic.series.graph.rpc_ids, total.tolist(), strict=True):
            calls[rpc_id] = calls.get(rpc_id, 0.0) + count
    found: dict[str, dict[str, float]] = {}
    for rpc_id in sorted(calls, key=lambda r: (-calls[r], r)):
        found.setdefault(world.rpcs[rpc_id]["callee"], {})[rpc_id] = calls[rpc_id]
    return {
        service: {r: count / max(sum(own.values()), 1.0) for r, count in own.items()}
        for service, own in sorted(found.items())
    }


def _service(
    service: str, shares: dict[str, float], patterns: dict[str, PatternTraffic]
) -> PatternTraffic:
    like = next(iter(patterns.values())).series
    rpc_ids, weight = list(shares), np.array(list(shares.values()))
    calls, failures, refusals, logs = (np.zeros((like.steps, len(rpc_ids))) for _ in range(4))
    for traffic in patterns.values():
        here, there = _common(rpc_ids, traffic.series.graph.rpc_ids)
        own = traffic.series.calls[:, there]
        calls[:, here] += own
        failures[:, here] += traffic.failures[:, there]
        refusals[:, here] += traffic.refusals[:, there]
        latency_ms = np.where(own > 0, traffic.latency_ms[:, there], 1.0)
        logs[:, here] += own * np.log(np.maximum(latency_ms, 1e-6))
    graph = PatternGraph(service, tuple(rpc_ids), np.zeros((2, 0), np.int64), np.zeros(0))
    if len(rpc_ids) > 1:
        # A call of the service is one of its rpcs: from the sum an edge leads to each.
        calls, failures, refusals, logs = (_with_sum(x) for x in (calls, failures, refusals, logs))
        parts = np.arange(1, len(rpc_ids) + 1, dtype=np.int64)
        edges = np.stack([np.zeros_like(parts), parts])
        graph = PatternGraph(service, (TOTAL + service, *rpc_ids), edges, weight)
    series = Series(graph, like.start_ns, like.step_s, calls, like.seen)
    mean_ms = np.exp(logs / np.maximum(calls, 1e-9))
    return PatternTraffic(series, failures, refusals, np.where(calls > 0, mean_ms, np.nan))


def _common(rpc_ids: list[str], others: tuple[str, ...]) -> tuple[Ints, Ints]:
    """Places of the rpcs that both have, in the one and in the other."""
    place = {rpc_id: i for i, rpc_id in enumerate(others)}
    both = [(i, place[r]) for i, r in enumerate(rpc_ids) if r in place]
    here, there = np.array(both, dtype=np.int64).reshape(-1, 2).T
    return here, there


def _with_sum(values: Floats) -> Floats:
    return np.concatenate([values.sum(axis=1, keepdims=True), values], axis=1)
