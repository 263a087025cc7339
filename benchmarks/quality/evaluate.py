"""Every detector on one world: incidents at each budget held against its events, and its scores.

Baselines learn from the first part of the training range, take their threshold from the rest of
it, learn again from all of it and score the test range: as ours does.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from informer.core.types import PatternTraffic
from quality.alarms import incidents_of
from quality.baselines import BASELINES, Baseline
from quality.capture import Capture, Word
from quality.judge import EventFigures, judge
from quality.metrics import BUDGETS, vus_by_pattern
from quality.per_service import per_service
from quality.ready_made import words_on
from quality.thresholds import threshold_for
from quality.world import World

OURS, OURS_COUNTS, OURS_SERVICES = "Informer", "Informer, counts only", "Informer per service"
LEARNED_SHARE = 0.6  # of the training range; the rest calibrates


Judged = tuple[dict[int, EventFigures], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One detector on one world."""

    figures: dict[int, EventFigures]  # by budget
    vus: dict[str, float]  # by pattern
    seconds: float


def evaluate(
    capture: Capture, *, seed: int, detectors: tuple[str, ...] = ()
) -> dict[str, Evaluated]:
    """All detectors, or those named, by name."""
    world = capture.world
    every: dict[str, Callable[[], Judged]] = {
        OURS: lambda: _ours(world, {b: capture.word(b) for b in BUDGETS}),
        OURS_COUNTS: lambda: _ours(world, words_on(world, BUDGETS, seed=seed)),
        OURS_SERVICES: lambda: _on_services(world, seed),
    } | {
        name: lambda baseline=baseline: _baseline(baseline, world, seed)
        for name, baseline in BASELINES.items()
    }
    found = {}
    for name, run in every.items():
        if detectors and name not in detectors:
            continue
        started = time.perf_counter()
        figures, vus = run()
        found[name] = Evaluated(figures, vus, time.perf_counter() - started)
    return found


def _ours(world: World, words: dict[int, Word]) -> Judged:
    figures = {budget: judge(word.incidents, world) for budget, word in words.items()}
    return figures, vus_by_pattern(words[BUDGETS[0]].scores, world)


def _on_services(world: World, seed: int) -> Judged:
    services = per_service(world)
    return _ours(services, words_on(services, BUDGETS, seed=seed))


def _baseline(baseline: Baseline, world: World, seed: int) -> Judged:
    steps = len(world.train_grid.seen)
    first = int(steps * LEARNED_SHARE)
    clean = baseline(_slice(world.train, 0, first), _slice(world.train, first, steps), seed=seed)
    seen, step_s = world.train_grid.seen[first:], world.train_grid.step_s
    scores = baseline(world.train, world.test, seed=seed)
    figures = {}
    for budget in BUDGETS:
        threshold = threshold_for(budget, clean, seen, step_s)
        figures[budget] = judge(incidents_of(scores, threshold, world), world)
    return figures, vus_by_pattern(scores, world)


def _slice(traffic: dict[str, PatternTraffic], first: int, last: int) -> dict[str, PatternTraffic]:
    return {p: t.slice(first, last) for p, t in traffic.items()}
