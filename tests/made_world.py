"""A small made-up world for tests of what measures detection: a daily wave and known attacks."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from informer.core.types import NS_PER_S, Bools, Floats, Grid, Json, PatternTraffic, Series
from pattern_traffic import graph_of
from quality.world import Event, World

START_NS = 1_780_272_000 * NS_PER_S  # a Monday, 00:00 UTC
RPCS = 3  # of a pattern: outside > front, front > middle, middle > store
REFUSED = 0.02  # share of calls


@dataclass(frozen=True, slots=True)
class Attack:
    """Times the calls of one pattern, from a step of the test range on."""

    pattern: int
    first: int
    steps: int
    times: float
    name: str = "A"


def made_world(
    *,
    patterns: int = 4,
    train_days: float = 3,
    test_days: float = 2,
    step_s: int = 600,
    rate: float = 20.0,
    attacks: Sequence[Attack] = (),
    unseen: Sequence[int] = (),
    rpcs: int = RPCS,
    seed: int = 0,
) -> World:
    """Poisson calls around a daily wave, the first pattern quiet, the last one `rate` a step.

    `unseen` are steps of the test range.
    """
    rng = np.random.default_rng(seed)
    day = 86_400 // step_s
    first, steps = round(train_days * day), round((train_days + test_days) * day)
    seen = np.ones(steps, dtype=bool)
    seen[first + np.asarray(unseen, dtype=np.int64)] = False
    traffic, malicious, events = {}, {}, []
    for p in range(patterns):
        wave = 1 + 0.6 * np.sin(2 * np.pi * (np.arange(steps) / day + p / patterns / 4))
        regular: Floats = rate * (0.3 + p) / patterns * wave
        times = np.ones(steps)
        for it in (a for a in attacks if a.pattern == p):
            under_way = slice(first + it.first, first + it.first + it.steps)
            times[under_way] = it.times
            events.append(_event(it, under_way, regular, step_s))
        traffic[f"p{p}"] = _traffic(rng, p, rpcs, regular * times, seen, step_s)
        malicious[f"p{p}"] = times[first:] > 1
    return World(
        name="made",
        train_grid=Grid(START_NS, step_s, seen[:first]),
        test_grid=Grid(START_NS + first * step_s * NS_PER_S, step_s, seen[first:]),
        train={p: t.slice(0, first) for p, t in traffic.items()},
        test={p: t.slice(first, steps) for p, t in traffic.items()},
        rpcs={f"p{p}-r{r}": _rpc(p, r) for p in range(patterns) for r in range(rpcs)},
        labels={p: f"the pattern {p}" for p in traffic},
        services_of={
            f"p{p}": frozenset(_service(p, r) for r in range(rpcs)) for p in range(patterns)
        },
        events=tuple(sorted(events, key=lambda e: e.start_ns)),
        malicious=malicious,
    )


def with_events(world: World, *events: Event) -> World:
    """The same traffic with other events."""
    return replace(world, events=events)


def at_step(world: World, step: float) -> int:
    """The time, in ns, of a step of the test range."""
    return world.test_grid.start_ns + round(step * world.test_grid.step_ns)


def _event(it: Attack, under_way: slice, regular: Floats, step_s: int) -> Event:
    """The guilty rpc is the second of the pattern."""
    z = (it.times - 1) * float(np.sqrt(regular[under_way].sum()))
    begin, end = (START_NS + step * step_s * NS_PER_S for step in (under_way.start, under_way.stop))
    guilty = f"front-{it.pattern}>middle-{it.pattern}:"
    return Event(it.name, "scraping", "attack", begin, end, (guilty,), round(z, 1))


def _service(pattern: int, rpc: int) -> str:
    """The callee of an rpc: two services of the pattern's own, then those that all share."""
    return (f"front-{pattern}", f"middle-{pattern}", "store")[rpc] if rpc < RPCS else f"deep-{rpc}"


def _rpc(pattern: int, rpc: int) -> Json:
    caller = "outside" if rpc == 0 else _service(pattern, rpc - 1)
    method = f"GET /{pattern}/{rpc}"
    return {"caller": caller, "callee": _service(pattern, rpc), "method": method, "kind": "rpc"}


def _traffic(
    rng: np.random.Generator, pattern: int, rpcs: int, rates: Floats, seen: Bools, step_s: int
) -> PatternTraffic:
    """Nine in ten chains make each call behind the entry."""
    chains = rng.poisson(rates)
    columns = [chains, *(rng.binomial(chains, 0.9) for _ in range(rpcs - 1))]
    calls = np.stack(columns, axis=1) * seen[:, None]
    refusals = rng.binomial(calls, REFUSED).astype(np.float64)
    graph = graph_of(f"p{pattern}", *(f"p{pattern}-r{r}" for r in range(rpcs)))
    series = Series(graph, START_NS, step_s, calls.astype(np.float64), seen)
    latency_ms = np.where(calls > 0, 10.0, np.nan)
    return PatternTraffic(series, np.zeros_like(refusals), refusals, latency_ms)
