"""Detecting: spans of a range to scored cells, detections and incidents with evidence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from informer.config.settings import Settings
from informer.core.errors import InformerError
from informer.core.types import Grid
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.judge import gather, judge
from informer.pipeline.memory import (
    models_in_force,
    recall,
)
from informer.pipeline.progress import Progress, silent
from informer.pipeline.read import Read, read_chains, sources_of
from informer.pipeline.runs import is_learned
from informer.pipeline.states import PatternState, keep_states, states_note
from informer.pipeline.tell import Look, tell
from informer.pipeline.workspace import Workspace
from informer.spans.templates import Templates

STAND_FOR = "select cast(sum(weight) as double) as chains from chains"


@dataclass(frozen=True, slots=True)
class DetectResult:
    """What was found: tables for programs, and the facts a person wants to hear."""

    incidents: pa.Table  # INCIDENTS
    detections: pa.Table  # DETECTIONS
    scores: pa.Table  # every scored cell, with the names of its rpc
    forecasts: pa.Table  # FORECASTS
    traffic: pa.Table  # TRAFFIC
    rpcs: pa.Table  # RPCS, those met for the first time included
    grid: Grid
    read: Read
    stand_for: float  # chains, where those that were met are a sample; else as many as were met
    notes: tuple[str, ...]


def detect(
    locations: Sequence[str | Path],
    workspace: str | Path,
    *,
    settings: Settings | None = None,
    from_ns: int | None = None,
    until_ns: int | None = None,
    progress: Progress = silent,
) -> DetectResult:
    """Hold the traffic of [from_ns, until_ns) against what the workspace learned.

    The range may lie anywhere, before or after training, with gaps between. Settings given here
    say how spans are read, in place of the workspace's own. What was found is kept in the
    workspace. Errors: InformerError for what the user can mend.
    """
    with Workspace.open(Path(workspace)) as home, home.scratch() as scratch:
        if not is_learned(home):
            raise InformerError(f"nothing was learned into {workspace} yet: run `informer learn`")
        given = replace(home.settings, source=settings.source) if settings else home.settings
        sources = sources_of(locations, given, from_ns=from_ns, until_ns=until_ns)
        templates = Templates.from_json(home.get("templates"))
        read = read_chains(scratch, home, sources, templates, progress)
        return _detect(home, scratch, read, progress)


def _detect(home: Workspace, scratch: DuckDBEngine, read: Read, progress: Progress) -> DetectResult:
    gathered = gather(home, scratch, progress)
    grid = gathered.grid
    rpcs, table = (scratch.query(f"select * from {name}") for name in ("rpcs", "traffic"))
    progress("scoring", 0, None)
    run_id, models = models_in_force(home)
    learned = recall(home)
    judged = judge(gathered, models, learned)

    progress("gathering evidence", 0, None)
    look = Look(grid, gathered, judged, learned, run_id)
    states: dict[str, PatternState] = {}
    told = tell(home, scratch, look, lambda incidents: states.update(keep_states(home)))
    return DetectResult(
        told.incidents,
        told.detections,
        _named(judged.found.scores, rpcs),
        told.forecasts,
        table,
        rpcs,
        grid,
        read,
        float(scratch.query(STAND_FOR)["chains"][0].as_py()),
        (*read.notes, *_notes(home, grid), *states_note(states)),
    )


def _named(scores: pa.Table, rpcs: pa.Table) -> pa.Table:
    """Scores with caller, callee and method, in the order that `--scores` promises."""
    named = scores.join(
        rpcs.select(["rpc_id", "caller", "callee", "method"]), "rpc_id", join_type="left outer"
    )
    order = ["step_start_ns", "pattern_id", "rpc_id", "caller", "callee", "method", "signal"]
    order += ["observed", "expected", "spread", "score", "threshold"]
    keys = [(k, "ascending") for k in ("step_start_ns", "pattern_id", "rpc_id", "signal")]
    return named.select(order).sort_by(keys)


def _notes(home: Workspace, grid: Grid) -> list[str]:
    trained = home.get("trained")
    notes = []
    if grid.start_ns < trained["end_ns"] and grid.end_ns > trained["start_ns"]:
        notes.append("the range overlaps what was learned: its incidents may be missed")
    elif grid.end_ns <= trained["start_ns"]:
        notes.append("the range lies before what was learned")
    holes = int((~grid.seen).sum())
    if holes:
        notes.append(
            f"{holes} of {len(grid.seen)} steps were not covered: no data is not silence, they "
            "raise no alert"
        )
    return notes
