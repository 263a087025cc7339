"""Detecting: spans of a range to scored cells, detections and incidents with evidence."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.config.settings import Settings
from informer.core.errors import InformerError
from informer.core.tables import FORECASTS
from informer.core.types import Forecast, Grid, PatternTraffic
from informer.detections.detect import Detected
from informer.engines.duckdb import DuckDBEngine
from informer.incidents.attributes import add_evidence
from informer.incidents.similar import add_similar
from informer.pipeline.examples import forget_examples, keep_examples
from informer.pipeline.going_on import ever_met, open_at, settle, with_beginnings
from informer.pipeline.history import keep_range
from informer.pipeline.judge import gather, incidents_of, judge, names_of
from informer.pipeline.memory import (
    models_in_force,
    recall,
)
from informer.pipeline.progress import Progress, silent
from informer.pipeline.read import Read, read_chains, sources_of
from informer.pipeline.sampled import as_told
from informer.pipeline.states import keep_states, states_note
from informer.pipeline.teaching import keep_irregular
from informer.pipeline.workspace import Workspace
from informer.spans.templates import Templates


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
        if home.table("runs").num_rows == 0:
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
    found = judged.found

    progress("gathering evidence", 0, None)
    names = names_of(ever_met(home, rpcs), home.table("patterns"), learned)
    earlier = open_at(home, grid)
    incidents = incidents_of(gathered, found, names, earlier)
    incidents = add_evidence(scratch, incidents, home.table("attribute_values"), grid.step_ns)
    began = pc.is_in(
        incidents["incident_id"], pa.array([i["incident_id"] for i in earlier], pa.string())
    )
    keep_examples(scratch, incidents.filter(pc.invert(began)), home.path)
    incidents = add_similar(incidents, home.incidents_between(0, grid.start_ns))
    incidents = with_beginnings(incidents, earlier)
    expectations = _forecast_rows(run_id, gathered.traffic, judged.forecasts, grid)
    with home.engine.transaction():
        incidents = _keep(home, scratch, grid, table, found, incidents, expectations)
        settle(home, grid, earlier, set(incidents["incident_id"].to_pylist()))
        states = keep_states(home)
    forget_examples(home.path, set(home.table("incidents")["incident_id"].to_pylist()))
    return DetectResult(
        incidents,
        found.detections,
        _named(found.scores, rpcs),
        expectations,
        table,
        rpcs,
        grid,
        read,
        (*read.notes, *_notes(home, grid), *states_note(states)),
    )


def _forecast_rows(
    run_id: str, traffic: dict[str, PatternTraffic], forecasts: dict[str, Forecast], grid: Grid
) -> pa.Table:
    parts = []
    starts = grid.starts_ns()
    for pattern_id, made in forecasts.items():
        series = traffic[pattern_id].series
        nodes, forecast = series.graph.rpc_ids, as_told(made, series.stands_for)
        steps, rpcs = forecast.expected.shape
        start = np.repeat(starts, rpcs)
        columns = {
            "run_id": [run_id] * (steps * rpcs),
            "pattern_id": [pattern_id] * (steps * rpcs),
            "rpc_id": list(nodes) * steps,
            "signal": ["calls"] * (steps * rpcs),
            "step_start_ns": start,
            "made_at_ns": start - 1,  # when the step before was complete
            "expected": forecast.expected.ravel(),
            "spread": forecast.spread.ravel(),
        }
        parts.append(pa.table(columns, schema=FORECASTS.schema))
    return pa.concat_tables(parts) if parts else FORECASTS.empty()


def _named(scores: pa.Table, rpcs: pa.Table) -> pa.Table:
    """Scores with caller, callee and method, in the order that `--scores` promises."""
    named = scores.join(
        rpcs.select(["rpc_id", "caller", "callee", "method"]), "rpc_id", join_type="left outer"
    )
    order = ["step_start_ns", "pattern_id", "rpc_id", "caller", "callee", "method", "signal"]
    order += ["observed", "expected", "spread", "score", "threshold"]
    keys = [(k, "ascending") for k in ("step_start_ns", "pattern_id", "rpc_id", "signal")]
    return named.select(order).sort_by(keys)


def _keep(
    home: Workspace,
    scratch: DuckDBEngine,
    grid: Grid,
    traffic: pa.Table,
    found: Detected,
    incidents: pa.Table,
    forecasts: pa.Table,
) -> pa.Table:
    keep_range(home, grid, traffic, scratch.query("select * from workloads"))
    keep_irregular(home, grid, found.irregular)
    home.replace_between(
        "detections", "step_start_ns", grid.start_ns, grid.end_ns, found.detections
    )
    home.replace_between("forecasts", "step_start_ns", grid.start_ns, grid.end_ns, forecasts)
    for name, key in (("rpcs", "rpc_id"), ("shapes", "shape_id")):
        home.meet(name, key, scratch.query(f"select * from {name}"))
    return home.keep_incidents(grid.start_ns, grid.end_ns, incidents)


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
