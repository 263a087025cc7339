"""Trains patterns again after an accept; touches nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from informer.core.errors import InformerError
from informer.core.types import EVER, Json, Model, PatternGraph, PatternTraffic
from informer.detections.calibrate import Calibration
from informer.detections.detect import Learned
from informer.detections.streams import learn_rates
from informer.forecasts.fit import Fitted, Runner, fit_all
from informer.forecasts.store import load_model, save_model
from informer.pipeline.accepts import Accept, Leap, accepts_in, leaps_of
from informer.pipeline.facts import inflation_of, keep_facts, with_rates
from informer.pipeline.history import history
from informer.pipeline.leaps import NEVER_BEFORE, find_leaps, later_half
from informer.pipeline.let_pass import roomy
from informer.pipeline.memory import pattern_graphs, previous_patterns, recall, recall_pool
from informer.pipeline.sampled import counted_in, counting
from informer.pipeline.slowed import slowed_for_good
from informer.pipeline.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Lesson:
    """What an accept lets a pattern learn again from, and what is known of it already."""

    accept: Accept  # with the leaps that were found
    traffic: PatternTraffic
    learned: Learned  # what went with the model before
    other_rates_ns: int | None  # since when rates are others

    @property
    def pattern_id(self) -> str:
        """Of the pattern."""
        return self.accept.pattern_id


def lesson_of(
    home: Workspace, accept: Accept, incidents: Sequence[Json], until_ns: int = EVER
) -> Lesson:
    """All kept traffic of the accept's pattern that may teach, up to `until_ns`.

    Its incidents say since when traffic may have changed for good. Errors: InformerError when
    nothing may teach.
    """
    pattern_id, learned = accept.pattern_id, recall(home)
    model = load_model(home.models / pattern_id, accept.before)
    graph = _graph(home, pattern_id)
    as_learned = PatternGraph(
        pattern_id, tuple(model.settings["rpcs"]), np.zeros((2, 0), np.int64), np.zeros(0)
    )
    stands_for = counted_in(model)
    before = _kept(home, as_learned, accept, stands_for, until_ns)
    found = find_leaps(before, model, learned.rates, incidents)
    leaps = _with_new_rpcs(found.leaps, graph, model, incidents)
    accept = replace(accept, leaps=leaps)
    traffic = _kept(home, graph, accept, stands_for, until_ns)
    return Lesson(accept, traffic, learned, found.other_rates_ns)


def relearn(
    home: Workspace, lessons: Sequence[Lesson], runner: Runner | None = None
) -> list[tuple[Accept, Fitted]]:
    """Train the patterns of these lessons, and save their models.

    Returns the accepts with the versions that were made. `runner` as in `fit_all`.
    """
    if not lessons:
        return []
    critical = {p["pattern_id"] for p in home.table("patterns").to_pylist() if p["critical"]}
    fitted = fit_all(
        [lesson.traffic.series for lesson in lessons],
        critical=critical,
        seed=home.settings.machine.seed,
        processes=1,
        pools=recall_pool(home),
        runner=runner,
    )
    return [_taken_up(home, lesson, fitted[lesson.pattern_id]) for lesson in lessons]


def _taken_up(home: Workspace, lesson: Lesson, fitted: Fitted) -> tuple[Accept, Fitted]:
    pattern_id, traffic, learned = lesson.pattern_id, lesson.traffic, lesson.learned
    since_ns = lesson.other_rates_ns
    if since_ns is None:
        # Nothing changed once more: an earlier accept still says since when rates are others.
        earlier = leaps_of(accepts_in(home), pattern_id)
        since_ns = earlier[-1].since_ns if earlier else None
    teaching = traffic if since_ns is None else later_half(traffic, since_ns)
    rates = learn_rates({pattern_id: teaching}, teaching.series.seen)
    # What too few steps teach stays as it was.
    usual = {k: v for k, v in learned.rates.latency.items() if k[0] == pattern_id} | rates.latency
    rates = replace(rates, latency=usual | slowed_for_good(home, traffic, usual))
    learned = replace(learned, rates=with_rates(learned.rates, pattern_id, rates))
    if lesson.accept.leaps:
        learned = replace(learned, calibration=_doubted(learned.calibration, pattern_id))
    # A person let this traffic pass: its level is the one to stay near from now on.
    made = counting(fitted.model, traffic.series.stands_for)
    fitted = replace(fitted, model=roomy(made, None, home.settings.learning.drift_cap))
    version = save_model(fitted.model, home.models / pattern_id)
    keep_facts(home, {pattern_id: version}, learned)
    return replace(lesson.accept, version=version), fitted


def _graph(home: Workspace, pattern_id: str) -> PatternGraph:
    (graph,) = [g for g in pattern_graphs(previous_patterns(home)) if g.pattern_id == pattern_id]
    return graph


def _kept(
    home: Workspace, graph: PatternGraph, accept: Accept, stands_for: float, until_ns: int
) -> PatternTraffic:
    """All that was kept and may teach, this accept included."""
    step_s = int(home.get("trained")["step_s"])
    accepts = [*accepts_in(home), accept]
    kept = history(
        home,
        [graph],
        step_s,
        0,
        until_ns,
        accepts=accepts,
        undecided=True,
        stands_for={graph.pattern_id: stands_for},
    )
    if not kept[graph.pattern_id].series.seen.any():
        raise InformerError(
            f"pattern {graph.pattern_id} has no step that may teach: all were rejected, or nobody "
            "decided on them"
        )
    return kept[graph.pattern_id]


def _with_new_rpcs(
    leaps: tuple[Leap, ...], graph: PatternGraph, model: Model, incidents: Sequence[Json]
) -> tuple[Leap, ...]:
    """Leaps that know as well of rpcs which there were none of."""
    fresh = dict.fromkeys(set(graph.rpc_ids) - set(model.settings["rpcs"]), NEVER_BEFORE)
    if not fresh or not incidents:
        return leaps
    since_ns = min(int(i["opened_ns"]) for i in incidents)
    return (Leap(since_ns, fresh), *leaps)


def _doubted(calibration: Calibration, pattern_id: str) -> Calibration:
    """Scatter that was measured on another form of the traffic counts where it is the larger."""
    inflation = dict(calibration.inflation)
    for key, own in inflation_of(inflation, pattern_id).items():
        pooled = inflation.get(key.split("|")[0], own)
        inflation[key] = tuple(max(pair) for pair in zip(own, pooled, strict=True))
    return replace(calibration, inflation=inflation)
