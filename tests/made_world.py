"""A small made-up world for tests of what measures detection: daily season, known attacks."""

from collections.abc import Sequence

import numpy as np

from informer.core.types import NS_PER_S, Floats, Grid, PatternTraffic, Series
from pattern_traffic import graph_of
from quality.world import Event, World

START_NS = 1_780_272_000 * NS_PER_S  # a Monday, 00:00 UTC
RPCS = 3  # of every pattern: outside > front, front > middle, middle > store


def step_ns(world: World) -> int:
    return world.test_grid.step_ns


def attack(
    pattern: int, first: int, steps: int, times: float, *, name: str = "A", step_s: int = 600
) -> tuple[int, int, int, float, str]:
    """An attack on a pattern from a step of the test range on, as `made_world` takes it."""
    return pattern, first, steps, times, name


def made_world(
    *,
    patterns: int = 4,
    train_days: float = 3,
    test_days: float = 2,
    step_s: int = 600,
    rate: float = 20.0,
    attacks: Sequence[tuple[int, int, int, float, str]] = (),
    unseen: Sequence[int] = (),
    seed: int = 0,
    rpcs: int = RPCS,
) -> World:
    """Poisson calls around a daily wave; an attack multiplies the calls of one pattern."""
    rng = np.random.default_rng(seed)
    day = 86_400 // step_s
    train_steps, test_steps = round(train_days * day), round(test_days * day)
    steps = np.arange(train_steps + test_steps)
    seen = np.ones(len(steps), dtype=bool)
    seen[train_steps + np.asarray(unseen, dtype=int)] = False
    traffic: dict[str, PatternTraffic] = {}
    malicious = {}
    events = []
    for p in range(patterns):
        wave = 1 + 0.6 * np.sin(2 * np.pi * (steps / day + p / patterns / 4))
        rates = rate * (0.3 + p) / patterns * wave
        times = np.ones(len(steps))
        bad = np.zeros(test_steps, dtype=bool)
        for at, first, length, factor, name in attacks:
            if at == p:
                times[train_steps + first : train_steps + first + length] = factor
                bad[first : first + length] = True
                z = (factor - 1) * np.sqrt(rates[train_steps + first :][:length].sum())
                begin = START_NS + (train_steps + first) * step_s * NS_PER_S
                end = begin + length * step_s * NS_PER_S
                guilty = (f"front-{p}>middle-{p}:",)
                events.append(Event(name, "scraping", "attack", begin, end, guilty, round(z, 1)))
        ids = tuple(f"p{p}-r{r}" for r in range(rpcs))
        chains = rng.poisson(rates * times)
        calls = np.stack([chains, *(rng.binomial(chains, 0.9) for _ in ids[1:])], axis=1) * 1.0
        refusals = rng.binomial(calls.astype(int), 0.02) * 1.0
        traffic[f"p{p}"] = _traffic(f"p{p}", ids, calls, refusals, seen, step_s)
        malicious[f"p{p}"] = bad
    return World(
        name="made",
        train_grid=Grid(START_NS, step_s, seen[:train_steps]),
        test_grid=Grid(START_NS + train_steps * step_s * NS_PER_S, step_s, seen[train_steps:]),
        train={p: t.slice(0, train_steps) for p, t in traffic.items()},
        test={p: t.slice(train_steps, len(steps)) for p, t in traffic.items()},
        rpcs={f"p{p}-r{r}": _rpc(p, r) for p in range(patterns) for r in range(rpcs)},
        labels={p: f"the pattern {p}" for p in traffic},
        services_of={
            f"p{p}": frozenset(_service(p, r) for r in range(rpcs)) for p in range(patterns)
        },
        events=tuple(events),
        malicious=malicious,
    )


def _service(pattern: int, rpc: int) -> str:
    """All patterns share the last service; the others are their own."""
    return (
        ("front", "middle", "store")[rpc] + ("" if rpc == 2 else f"-{pattern}")
        if rpc < 3
        else f"s{rpc}"
    )


def _rpc(pattern: int, rpc: int) -> dict[str, str]:
    caller = "outside" if rpc == 0 else _service(pattern, rpc - 1)
    method = f"GET /{pattern}/{rpc}"
    return {"caller": caller, "callee": _service(pattern, rpc), "method": method, "kind": "rpc"}


def _traffic(
    pattern_id: str, ids: tuple[str, ...], calls: Floats, refusals: Floats, seen, step_s: int
) -> PatternTraffic:
    mask = seen[:, None]
    series = Series(graph_of(pattern_id, *ids), START_NS, step_s, calls * mask, seen)
    latency = np.where((calls > 0) & mask, 10.0, np.nan)
    return PatternTraffic(series, np.zeros_like(calls), refusals * mask, latency)
