"""Every detector on one world: incidents at each budget held against its events, and its scores.

Baselines learn from the first part of the training range, take their threshold from the rest of
it, learn again from all of it and score the test range: as ours does.
"""

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from informer.config.settings import PatternSettings
from informer.core.types import PatternTraffic
from quality.alarms import incidents_of, with_news
from quality.baselines import BASELINES, TELL_NEWS
from quality.capture import Capture, Word
from quality.judge import EventFigures, judge
from quality.metrics import BUDGETS, vus_by_pattern
from quality.per_service import critical_services, per_service
from quality.ready_made import words_on
from quality.thresholds import threshold_for
from quality.world import World

OURS, OURS_COUNTS, OURS_SERVICES = "Informer", "Informer, counts only", "Informer per service"
NEED_MODELS = (OURS, OURS_COUNTS)  # those that `informer learn` made
DETECTORS = (OURS, OURS_COUNTS, OURS_SERVICES, *BASELINES)
LEARNED_SHARE = 0.6  # of the training range; the rest calibrates


Judged = tuple[dict[int, EventFigures], dict[str, float]]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """One detector on one world."""

    figures: dict[int, EventFigures]  # by budget
    vus: dict[str, float]  # by pattern
    seconds: float


def evaluate(
    judged: Capture | World, *, seed: int, detectors: Sequence[str] = DETECTORS
) -> dict[str, Evaluated]:
    """Detectors by name, all or those named."""
    return {name: run() for name, run in runs(judged, seed=seed) if name in detectors}


def runs(judged: Capture | World, *, seed: int) -> Iterator[tuple[str, Callable[[], Evaluated]]]:
    """Every detector with what runs it, so that whoever runs them keeps each when it is done.

    Of ready-made traffic there are counts alone, and nobody tells services from patterns.
    """
    if isinstance(judged, World):
        world = judged
        yield OURS, partial(_timed, lambda: _ours(world, _on_counts(world, world.train, seed)))
    else:
        world, capture = judged.world, judged
        yield OURS, partial(_timed, lambda: _ours(world, _words(capture)))
        yield OURS_COUNTS, partial(_timed, lambda: _ours(world, _words(capture.counts_only())))
        yield OURS_SERVICES, partial(_timed, lambda: _on_services(world, seed))
    for name in BASELINES:
        yield name, partial(_timed, partial(_baseline, name, world, seed))


def _timed(run: Callable[[], Judged]) -> Evaluated:
    started = time.process_time()
    figures, vus = run()
    return Evaluated(figures, vus, time.process_time() - started)


def _words(capture: Capture) -> dict[int, Word]:
    return {budget: capture.word(budget) for budget in BUDGETS}


def _ours(world: World, words: dict[int, Word]) -> Judged:
    figures = {budget: judge(word.incidents, world) for budget, word in words.items()}
    return figures, vus_by_pattern(words[BUDGETS[0]].scores, world)


def _on_services(world: World, seed: int) -> Judged:
    services = per_service(world)
    critical = critical_services(world, PatternSettings().critical_share)
    return _ours(services, _on_counts(services, critical, seed))


def _on_counts(world: World, critical: Collection[str], seed: int) -> dict[int, Word]:
    return words_on(world, BUDGETS, critical=critical, seed=seed)


def _baseline(name: str, world: World, seed: int) -> Judged:
    baseline, unmet = BASELINES[name], world.unmet if name in TELL_NEWS else ()
    steps = len(world.train_grid.seen)
    first = int(steps * LEARNED_SHARE)
    clean = baseline(_slice(world.train, 0, first), _slice(world.train, first, steps), seed=seed)
    seen, step_s = world.train_grid.seen[first:], world.train_grid.step_s
    scores = baseline(world.train, world.test, seed=seed)
    figures = {}
    for budget in BUDGETS:
        threshold = threshold_for(budget, clean, seen, step_s)
        figures[budget] = judge(incidents_of(scores, threshold, world, unmet), world)
    return figures, vus_by_pattern(with_news(scores, unmet), world)


def _slice(traffic: dict[str, PatternTraffic], first: int, last: int) -> dict[str, PatternTraffic]:
    return {p: t.slice(first, last) for p, t in traffic.items()}
