"""Forgets models that nobody comes back to, and the runs and facts that are about them alone."""

from collections import defaultdict
from collections.abc import Mapping

from informer.core.types import NS_PER_S
from informer.forecasts.store import forget_versions, kept_versions
from informer.pipeline.accepts import accepts_in
from informer.pipeline.let_pass import versions_let_pass
from informer.pipeline.runs import is_learned, models_of_runs
from informer.pipeline.steps import step_ns_of
from informer.pipeline.workspace import Workspace

RUNS = "delete from runs where run_id in (select unnest($gone))"
FACTS = """
delete from model_facts
where (pattern_id, version) in (select unnest($patterns), unnest($versions))
"""


def prune_models(home: Workspace, newest: int) -> dict[str, int]:
    """Keep so many versions of each pattern, 0 = all; how many models and runs went, where any did.

    What is in force stays, and what accepts and the cap on drift stand on. A run stays for as long
    as one of the versions that it put in force.
    """
    if newest == 0 or not is_learned(home):
        return {}
    held = kept_versions(home.models)
    runs = models_of_runs(home)
    needed = _needed(home, runs)
    going = {
        pattern_id: [v for v in versions[:-newest] if v not in needed[pattern_id]]
        for pattern_id, versions in held.items()
    }
    going = {pattern_id: versions for pattern_id, versions in going.items() if versions}
    left = {p: set(versions) - set(going.get(p, ())) for p, versions in held.items()}
    gone = _about_none(runs, left)
    pairs = [(pattern_id, v) for pattern_id, versions in going.items() for v in versions]
    with home.engine.transaction():
        home.engine.run(RUNS, gone=gone)
        home.engine.run(FACTS, patterns=[p for p, _ in pairs], versions=[v for _, v in pairs])
    # What is cut off here is found again: no run names a version that is there no longer.
    for pattern_id, versions in going.items():
        forget_versions(home.models / pattern_id, versions)
    return {what: n for what, n in (("models", len(pairs)), ("runs", len(gone))) if n}


def _needed(home: Workspace, runs: Mapping[str, Mapping[str, str]]) -> dict[str, set[str]]:
    """The versions of each pattern that stay however old they are."""
    needed: defaultdict[str, set[str]] = defaultdict(set)
    in_force = runs[max(runs)]
    for versions in (in_force, versions_let_pass(home, step_ns_of(home) // NS_PER_S)):
        for pattern_id, version in versions.items():
            needed[pattern_id].add(version)
    for accept in accepts_in(home):
        needed[accept.pattern_id] |= {accept.version, accept.before}
    return needed


def _about_none(runs: Mapping[str, Mapping[str, str]], left: Mapping[str, set[str]]) -> list[str]:
    """Runs, the last left out, that put no version in force that is left."""
    gone = []
    before: Mapping[str, str] = {}
    for run_id, models in list(runs.items())[:-1]:
        made = {p: v for p, v in models.items() if before.get(p) != v}
        if not any(v in left.get(p, ()) for p, v in made.items()):
            gone.append(run_id)
        before = models
    return gone
