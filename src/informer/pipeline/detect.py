"""Detecting: spans of a range to scored cells, detections and incidents with evidence."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from informer.config.settings import Settings
from informer.core.errors import InformerError
from informer.core.sql import read_sql
from informer.core.tables import FORECASTS
from informer.core.types import Forecast, Grid, Json, Model, PatternTraffic
from informer.detections.changes import Change
from informer.detections.detect import Detected, Learned, Observed
from informer.detections.detect import detect as score_and_detect
from informer.detections.novelty import Novel
from informer.engines.duckdb import DuckDBEngine
from informer.forecasts.select import forecast_with
from informer.incidents.attributes import add_evidence
from informer.incidents.build import Names, build_incidents
from informer.incidents.similar import add_similar
from informer.patterns.find import assign
from informer.pipeline.examples import forget_examples, keep_examples
from informer.pipeline.history import (
    context_start_ns,
    history,
    joined,
    keep_irregular,
    keep_range,
    unseen,
)
from informer.pipeline.memory import (
    models_in_force,
    pattern_graphs,
    previous_patterns,
    recall,
    workload_series,
)
from informer.pipeline.progress import Progress, silent
from informer.pipeline.read import Read, read_chains, sources_of
from informer.pipeline.workspace import Workspace
from informer.spans.templates import Templates
from informer.traffic.bin import bin_traffic
from informer.traffic.series import to_series


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
        read = read_chains(scratch, home, sources, templates, progress, learn_templates=False)
        return _detect(home, scratch, read, progress)


def _detect(home: Workspace, scratch: DuckDBEngine, read: Read, progress: Progress) -> DetectResult:
    patterns = previous_patterns(home)
    learned = recall(home)
    rpcs, known = scratch.query("select * from rpcs"), home.table("rpcs")
    progress("assigning chains", 0, None)
    scratch.write("members", assign(scratch.query("select * from shapes"), rpcs, patterns))
    grid = bin_traffic(scratch, step_s=int(home.get("trained")["step_s"]))
    table = scratch.query("select * from traffic")
    traffic = to_series(table, pattern_graphs(patterns), grid)

    progress("forecasting", 0, None)
    run_id, models = models_in_force(home)
    traffic = {p: t for p, t in traffic.items() if p in models}
    graphs = [t.series.graph for t in traffic.values()]
    past = history(home, graphs, grid.step_s, context_start_ns(grid.start_ns), grid.start_ns)
    observed = _observed(home, scratch, grid, traffic, rpcs, known)
    forecasts = _forecasts(models, traffic, past)
    progress("scoring", 0, None)
    # What the first look finds irregular must not move what is expected next: look again without.
    first_look = score_and_detect(traffic, forecasts, learned, observed)
    regular = {p: unseen(t, first_look.irregular[p]) for p, t in traffic.items()}
    forecasts = _forecasts(models, regular, past)
    found = score_and_detect(traffic, forecasts, learned, observed)

    progress("gathering evidence", 0, None)
    names = _names(rpcs, patterns.patterns, learned)
    incidents = build_incidents(
        found.detections,
        names,
        step_ns=grid.step_ns,
        until_ns=grid.end_ns,
        changes=[_change_json(c, grid) for c in found.changes],
        novel=[
            {"what": n.what, "name": n.name, "pattern_id": n.pattern_id, "rpc_id": n.rpc_id}
            for n in observed.novel
        ],
    )
    incidents = add_evidence(scratch, incidents, home.table("attribute_values"), grid.step_ns)
    keep_examples(scratch, incidents, home.path)
    incidents = add_similar(incidents, home.incidents_between(0, grid.start_ns))
    expectations = _forecast_rows(run_id, traffic, forecasts, grid)
    with home.engine.transaction():
        _keep(home, scratch, grid, table, found, incidents, expectations)
    forget_examples(home.path, set(home.table("incidents")["incident_id"].to_pylist()))
    return DetectResult(
        home.incidents_between(grid.start_ns, grid.end_ns),
        found.detections,
        _named(found.scores, rpcs),
        expectations,
        table,
        rpcs,
        grid,
        read,
        (*read.notes, *_notes(home, grid)),
    )


def _forecasts(
    models: dict[str, Model], traffic: dict[str, PatternTraffic], past: dict[str, PatternTraffic]
) -> dict[str, Forecast]:
    found = {}
    for pattern_id, now in traffic.items():
        series, skip = joined(past.get(pattern_id), now)
        forecast = forecast_with(models[pattern_id], series)
        found[pattern_id] = Forecast(forecast.expected[skip:], forecast.spread[skip:])
    return found


def _observed(
    home: Workspace,
    scratch: DuckDBEngine,
    grid: Grid,
    traffic: dict[str, PatternTraffic],
    rpcs: pa.Table,
    known: pa.Table,
) -> Observed:
    scratch.write("known_rpcs", known.select(["rpc_id", "caller", "callee"]))
    scratch.write("known_shapes", home.table("shapes").select(["shape_id"]))
    rows = scratch.query(
        read_sql("informer.detections", "novel_calls"),
        step_ns=grid.step_ns,
        from_ns=grid.start_ns,
        until_ns=grid.end_ns,
    ).to_pylist()
    novel: dict[tuple[str, str], Novel] = {}
    for row in rows:
        thing = novel.setdefault(
            (row["what"], row["name"]),
            Novel(
                row["what"], row["name"], row["pattern_id"], row["rpc_id"], np.zeros(len(grid.seen))
            ),
        )
        thing.calls[(row["step_start_ns"] - grid.start_ns) // grid.step_ns] += row["calls"]
    workloads = workload_series(scratch.query("select * from workloads"), grid)
    ends = {r["rpc_id"]: (r["caller"], r["callee"]) for r in rpcs.to_pylist()}
    return Observed(grid, list(novel.values()), workloads, _busiest_rpcs(traffic, ends), ends)


def _busiest_rpcs(
    traffic: dict[str, PatternTraffic], ends: dict[str, tuple[str, str]]
) -> dict[str, tuple[str, str]]:
    """The pattern and rpc by which each service is called most."""
    found: dict[str, tuple[float, str, str]] = {}
    for pattern_id, pattern in traffic.items():
        calls = pattern.series.calls.sum(axis=0)  # [n]
        for i, rpc_id in enumerate(pattern.series.graph.rpc_ids):
            mine = (float(calls[i]), pattern_id, rpc_id)
            found[ends[rpc_id][1]] = max(found.get(ends[rpc_id][1], mine), mine)
    return {service: (p, r) for service, (_, p, r) in found.items()}


def _names(rpcs: pa.Table, patterns: pa.Table, learned: Learned) -> Names:
    labels = dict(
        zip(patterns["pattern_id"].to_pylist(), patterns["label"].to_pylist(), strict=True)
    )
    return Names({r["rpc_id"]: r for r in rpcs.to_pylist()}, labels, learned.services_of)


def _change_json(change: Change, grid: Grid) -> Json:
    starts = grid.starts_ns()
    value = asdict(change)
    for name in ("first", "last", "since"):
        step = min(value.pop(name), len(starts) - 1)
        value[f"{name}_ns"] = int(starts[step])
    return value


def _forecast_rows(
    run_id: str, traffic: dict[str, PatternTraffic], forecasts: dict[str, Forecast], grid: Grid
) -> pa.Table:
    parts = []
    starts = grid.starts_ns()
    for pattern_id, forecast in forecasts.items():
        nodes = traffic[pattern_id].series.graph.rpc_ids
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
) -> None:
    keep_range(home, grid, traffic, scratch.query("select * from workloads"))
    keep_irregular(home, grid, found.irregular)
    home.replace_between(
        "detections", "step_start_ns", grid.start_ns, grid.end_ns, found.detections
    )
    home.replace_between("forecasts", "step_start_ns", grid.start_ns, grid.end_ns, forecasts)
    home.keep_incidents(grid.start_ns, grid.end_ns, incidents)
    for name, key in (("rpcs", "rpc_id"), ("shapes", "shape_id")):
        home.meet(name, key, scratch.query(f"select * from {name}"))


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
