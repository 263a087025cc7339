"""Learning: spans to patterns, graphs, trained models and a calibrated threshold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa

from informer.chains.build import Chains
from informer.config.settings import Settings
from informer.core.sql import read_sql
from informer.core.tables import RUNS
from informer.core.types import Forecast, Grid, Json, PatternGraph, PatternTraffic, Series
from informer.detections.calibrate import Calibration, calibrate
from informer.detections.changes import learned_shares
from informer.detections.detect import Learned
from informer.detections.novelty import SHARE_OF_BUDGET, learn_novelty
from informer.detections.streams import learn_rates, watch
from informer.engines.duckdb import DuckDBEngine
from informer.forecasts.fit import Fitted, fit_all
from informer.forecasts.store import save_model
from informer.incidents.attributes import learn_attributes
from informer.patterns.find import Previous, find_patterns
from informer.patterns.graph import graphs_of
from informer.pipeline.memory import remember, services_of, workload_series
from informer.pipeline.progress import Progress, silent
from informer.pipeline.read import Read, read_chains, sources_of
from informer.pipeline.workspace import Workspace
from informer.spans.templates import Templates
from informer.traffic.bin import bin_traffic
from informer.traffic.series import to_series

NOVELTY_CLASSES = 3
RECENT_DAYS = 2  # of training; the versions that had calls then are the ones to be missed


@dataclass(frozen=True, slots=True)
class LearnResult:
    """What was learned: tables for programs, and the facts a person wants to hear."""

    run_id: str
    patterns: pa.Table
    rpcs: pa.Table
    read: Read
    grid: Grid
    threshold: float
    notes: tuple[str, ...]


def learn(
    locations: Sequence[str],
    workspace: str | Path,
    *,
    settings: Settings | None = None,
    from_ns: int | None = None,
    until_ns: int | None = None,
    progress: Progress = silent,
) -> LearnResult:
    """Learn the traffic of sources into a workspace; the range is [from_ns, until_ns).

    Without `settings`, those of the workspace's `informer.toml` hold, else the defaults. Errors:
    InformerError for what the user can mend.
    """
    with Workspace.create(Path(workspace), settings) as home, _scratch(home) as scratch:
        sources = sources_of(locations, home.settings, from_ns=from_ns, until_ns=until_ns)
        templates = Templates(home.settings.methods.rules)
        read = read_chains(scratch, home, sources, templates, progress, learn_templates=True)
        return _learn(home, scratch, read, templates, progress)


def _learn(
    home: Workspace, scratch: DuckDBEngine, read: Read, templates: Templates, progress: Progress
) -> LearnResult:
    settings = home.settings
    shapes, rpcs = scratch.query("select * from shapes"), scratch.query("select * from rpcs")
    progress("finding patterns", 0, None)
    run_id = _run_id(home, scratch)
    found = find_patterns(
        shapes,
        rpcs,
        run_id=run_id,
        previous=Previous(home.table("patterns"), home.table("members")),
        critical_share=settings.patterns.critical_share,
        critical_rules=settings.patterns.critical,
    )
    scratch.write("members", found.members)
    progress("counting traffic", 0, None)
    grid = bin_traffic(scratch, step_s=settings.traffic.step_s)
    traffic = scratch.query("select * from traffic")
    graphs = graphs_of(found.patterns, found.members, shapes)
    series = to_series(traffic, graphs.values(), grid)
    fitted = _fit(series, found.critical, settings, progress)
    progress("setting the threshold", 0, None)
    learned = _calibrate(home, scratch, series, fitted, grid, graphs, rpcs)
    versions = {p: save_model(home.models / p, f.model) for p, f in fitted.items()}
    _save(home, scratch, run_id, grid, fitted, versions)
    for name, rows in (
        ("patterns", found.with_states(fitted)),
        ("members", found.members),
        ("pattern_edges", found.pattern_edges),
        ("rpcs", rpcs),
        ("shapes", shapes),
        ("traffic", traffic),
    ):
        home.save(name, rows)
    home.put("templates", templates.to_json())
    remember(home, learned)
    notes = (*read.notes, *_notes(learned.calibration, grid))
    return LearnResult(
        run_id, home.table("patterns"), rpcs, read, grid, learned.calibration.threshold, notes
    )
