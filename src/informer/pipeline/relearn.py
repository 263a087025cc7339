"""Trains one pattern again after an accept; touches nothing else."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from informer.core.errors import InformerError
from informer.core.types import Json, Model, PatternGraph, PatternTraffic
from informer.detections.calibrate import Calibration
from informer.detections.streams import learn_rates
from informer.forecasts.fit import Fitted, fit_all
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

EVER = 2**62


def relearn(home: Workspace, accept: Accept, incidents: Sequence[Json]) -> tuple[Accept, Fitted]:
    """Train the accept's pattern on all kept traffic that may teach, and save the model.

    Its incidents say since when traffic may have changed for good. Returns the accept with what
    came of it: the version made, and the leaps found. Errors: InformerError when nothing may teach.
    """
    pattern_id, learned = accept.pattern_id, recall(home)
    model = load_model(home.models / pattern_id, accept.before)
    graph = _graph(home, pattern_id)
    as_learned = PatternGraph(
        pattern_id, tuple(model.settings["rpcs"]), np.zeros((2, 0), np.int64), np.zeros(0)
    )
    stands_for = counted_in(model)
    before = _kept(home, as_learned, accept, stands_for)
    found = find_leaps(before, model, learned.rates, incidents)
    leaps = _with_new_rpcs(found.leaps, graph, model, incidents)
    accept = replace(accept, leaps=leaps)
    traffic = _kept(home, graph, accept, stands_for)
    critical = {p["pattern_id"] for p in home.table("patterns").to_pylist() if p["critical"]}
    fitted = fit_all(
        [traffic.series],
        critical=critical,
        seed=home.settings.machine.seed,
        processes=1,
        pools=recall_pool(home),
    )[pattern_id]
    since_ns = found.other_rates_ns
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
    if leaps:
        learned = replace(learned, calibration=_doubted(learned.calibration, pattern_id))
    # A person let this traffic pass: its level is the one to stay near from now on.
    made = counting(fitted.model, stands_for)
    fitted = replace(fitted, model=roomy(made, None, home.settings.learning.drift_cap))
    version = save_model(fitted.model, home.models / pattern_id)
    keep_facts(home, {pattern_id: version}, learned)
    return replace(accept, version=version), fitted


def _graph(home: Workspace, pattern_id: str) -> PatternGraph:
    (graph,) = [g for g in pattern_graphs(previous_patterns(home)) if g.pattern_id == pattern_id]
    return graph


def _kept(
    home: Workspace, graph: PatternGraph, accept: Accept, stands_for: float
) -> PatternTraffic:
    """All that was kept and may teach, this accept included."""
    step_s = int(home.get("trained")["step_s"])
    accepts = [*accepts_in(home), accept]
    kept = history(
        home,
        [graph],
        step_s,
        0,
        EVER,
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
