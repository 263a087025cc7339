"""Learning again from what was seen since: one pattern at a time, while watching goes on.

`due_patterns` reads, `fit_one` trains in a process of its own, `take_up` puts the model in force
where nobody decided on the pattern meanwhile. A fit that fails leaves the old model in force.
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np

from informer.core.types import EVER, NS_PER_S, Grid, PatternTraffic
from informer.detections.streams import learn_rates
from informer.forecasts.clock import learned_until_ns
from informer.forecasts.fit import Fitted
from informer.forecasts.pool import Pools
from informer.forecasts.select import BAR, NAMES
from informer.forecasts.store import save_model
from informer.forecasts.workers import Task, run_tasks
from informer.pipeline.accepts import accepts_in, leaps_of
from informer.pipeline.facts import keep_facts, with_rates
from informer.pipeline.history import history
from informer.pipeline.leaps import later_half
from informer.pipeline.let_pass import HeldBack, ask, held_back, let_pass, roomy
from informer.pipeline.memory import (
    models_in_force,
    pattern_graphs,
    previous_patterns,
    recall,
    versions_in_force,
)
from informer.pipeline.runs import put_in_force
from informer.pipeline.sampled import counted_by, counting
from informer.pipeline.teaching import unseen
from informer.pipeline.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Refresh:
    """A pattern to learn again, and the model that it has now."""

    pattern_id: str
    version: str
    traffic: PatternTraffic  # all that may teach
    critical: bool
    held: HeldBack | None  # days that drifted too far to teach


def due_patterns(home: Workspace, *, every_s: int, until_ns: int) -> list[Refresh]:
    """Patterns whose model has learned nothing of the last `every_s` before `until_ns`."""
    models = models_in_force(home)[1]
    versions = versions_in_force(home)[1]
    oldest_ns = until_ns - every_s * NS_PER_S
    old = {p for p, m in models.items() if learned_until_ns(m) < oldest_ns}
    graphs = [g for g in pattern_graphs(previous_patterns(home)) if g.pattern_id in old]
    if not graphs:
        return []
    step_s = int(home.get("trained")["step_s"])
    traffic = history(home, graphs, step_s, 0, EVER, undecided=True, stands_for=counted_by(models))
    cap, passed = home.settings.learning.drift_cap, let_pass(home, step_s)
    held = held_back(passed, traffic, cap)
    critical = {p["pattern_id"] for p in home.table("patterns").to_pylist() if p["critical"]}
    found = []
    for pattern_id, one in traffic.items():
        back = held.get(pattern_id)
        teaching = unseen(one, back.steps) if back else one
        newer = teaching.series.step_starts_ns() >= learned_until_ns(models[pattern_id])
        if teaching.series.seen[newer].any() or back:
            found.append(
                Refresh(pattern_id, versions[pattern_id], teaching, pattern_id in critical, back)
            )
    return found


def fit_one(one: Refresh, pools: Pools, seed: int) -> Fitted:
    """Train and backtest in a process of its own.

    Errors: InformerError or RuntimeError as the fit gave it.
    """
    names = NAMES if one.critical else (BAR,)
    task = Task(one.traffic.series, names, seed, pools)
    with closing(run_tasks([task], 1)) as results:
        _, (model, backtest) = next(results)
    return Fitted(model, backtest)


def take_up(home: Workspace, one: Refresh, fitted: Fitted) -> str:
    """Put the model in force; its version, or nothing where somebody decided meanwhile."""
    with home.engine.transaction():
        if versions_in_force(home)[1].get(one.pattern_id) != one.version:
            return ""
        learned = recall(home)
        series = one.traffic.series
        leaps = leaps_of(accepts_in(home), one.pattern_id)
        teaching = later_half(one.traffic, leaps[-1].since_ns) if leaps else one.traffic
        rates = learn_rates({one.pattern_id: teaching}, teaching.series.seen)
        usual = {k: v for k, v in learned.rates.latency.items() if k[0] == one.pattern_id}
        rates = replace(rates, latency=usual | rates.latency)
        learned = replace(learned, rates=with_rates(learned.rates, one.pattern_id, rates))
        passed = let_pass(home, series.step_s, only=one.pattern_id).get(one.pattern_id)
        model = counting(fitted.model, series.stands_for)
        model = roomy(model, passed, home.settings.learning.drift_cap)
        version = save_model(model, home.models / one.pattern_id)
        keep_facts(home, {one.pattern_id: version}, learned)
        until_ns = int(series.step_starts_ns()[np.flatnonzero(series.seen)[-1]])
        put_in_force(
            home,
            {one.pattern_id: version},
            {one.pattern_id: fitted.backtest.to_json()},
            until_ns + series.step_s * NS_PER_S,
        )
    return version


def ask_of_drift(home: Workspace, found: Sequence[Refresh]) -> list[str]:
    """Open a question for every pattern whose last days drifted too far to teach."""
    held = {one.pattern_id: one.held for one in found if one.held is not None}
    if not held:
        return []
    series = found[0].traffic.series
    with home.engine.transaction():
        return ask(home, Grid(series.start_ns, series.step_s, series.seen), held)
