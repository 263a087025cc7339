"""Informer on ready-made traffic: what it says where there are series and no spans.

No novelty, no versions: only what follows from counts. So that the same detector can be held
against itself with services in place of patterns, and run where spans are not to be had.
"""

from collections.abc import Collection
from dataclasses import replace

from informer.detections.days import learned_kinds
from informer.detections.detect import Learned, Observed
from informer.detections.streams import learn_rates
from informer.forecasts.fit import fit_all, pools_for
from informer.incidents.build import Names
from informer.pipeline.held_out import calibrate_held_out
from informer.pipeline.judge import Gathered, incidents_of, judge
from quality.capture import Word, as_json, pattern_scores
from quality.world import World


def words_on(
    world: World, budgets: tuple[int, ...], *, critical: Collection[str], seed: int = 0
) -> dict[int, Word]:
    """Learn the training range of a world, judge its test range; a word for every budget.

    Only what is `critical` may have a network, as in a workspace.
    """
    series = [t.series for t in world.train.values()]
    fitted = fit_all(series, critical=critical, seed=seed, processes=1, pools=pools_for(series))
    learned = Learned(
        calibration=calibrate_held_out(world.train, fitted, world.train_grid),
        rates=learn_rates(world.train, world.train_grid.seen),
        novelty={},
        version_shares={},
        services_of=world.services_of,
        budget_per_day=1.0,
        kinds_of_day=learned_kinds(world.train_grid),
    )
    ends = {r: (str(x["caller"]), str(x["callee"])) for r, x in world.rpcs.items()}
    follows = world.train_grid.end_ns <= world.test_grid.start_ns
    gathered = Gathered(
        grid=world.test_grid,
        traffic=world.test,
        past=world.train if follows else {},
        observed=Observed(world.test_grid, [], {}, {}, ends),
    )
    models = {p: f.model for p, f in fitted.items()}
    names = Names(world.rpcs, world.labels, world.services_of)
    found = {}
    for budget in budgets:
        judged = judge(gathered, models, replace(learned, budget_per_day=budget)).found
        incidents = as_json(incidents_of(gathered, judged, names))
        found[budget] = Word(incidents, pattern_scores(judged, world))
    return found
