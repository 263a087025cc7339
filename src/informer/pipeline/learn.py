"""Learning: spans to patterns, graphs, trained models and a calibrated threshold."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from informer.config.load import settings_in
from informer.config.settings import Settings
from informer.core.errors import InformerError
from informer.core.ports import Source
from informer.core.sql import read_sql
from informer.core.tables import PATTERNS
from informer.core.types import Grid, PatternTraffic
from informer.detections.calibrate import SECONDS_A_DAY
from informer.detections.changes import learned_shares
from informer.detections.days import learned_kinds
from informer.detections.detect import Learned
from informer.detections.novelty import learn_novelty
from informer.detections.streams import learn_rates
from informer.engines.duckdb import DuckDBEngine
from informer.forecasts.fit import Fitted, fit_all, pools_for
from informer.forecasts.pool import Pools
from informer.forecasts.store import save_model
from informer.incidents.attributes import learn_attributes
from informer.patterns.find import find_patterns
from informer.patterns.graphs import graphs_of
from informer.pipeline.accepts import accepts_in, levelled
from informer.pipeline.fits_on_spark import runner_on
from informer.pipeline.held_out import calibrate_held_out
from informer.pipeline.history import forget_other_steps, keep_range
from informer.pipeline.learn_notes import (
    notes_on_patterns,
    notes_on_range,
    untaught_patterns,
    why_no_pattern,
)
from informer.pipeline.let_pass import ask, held_back, let_pass, roomy
from informer.pipeline.memory import (
    models_that_fit,
    previous_patterns,
    remember,
    remember_pool,
    services_of,
    workload_series,
)
from informer.pipeline.news import without_rejected_news
from informer.pipeline.progress import Progress, silent
from informer.pipeline.read import Read, read_outlines, sources_of
from informer.pipeline.runs import add_run, next_run_id
from informer.pipeline.sampled import counting, sampled_patterns
from informer.pipeline.states import keep_states
from informer.pipeline.stored import spark_at
from informer.pipeline.teaching import barred_steps, since_birth, since_leap, unseen
from informer.pipeline.workspace import Workspace
from informer.traffic.bin import bin_traffic
from informer.traffic.series import to_series

RECENT_DAYS = 2  # of training; versions that had calls then are the ones to be missed


@dataclass(frozen=True, slots=True)
class LearnResult:
    """What was learned: tables for programs, and the facts a person wants to hear."""

    run_id: str
    patterns: pa.Table  # PATTERNS
    pattern_edges: pa.Table  # PATTERN_EDGES
    rpcs: pa.Table  # RPCS
    grid: Grid
    read: Read
    learned: Learned
    notes: tuple[str, ...]


def learn(
    locations: Sequence[str | Path],
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
    # The sources first: a typing error in their names makes no workspace.
    known = settings or settings_in(Path(workspace))

    def opened() -> list[Source]:
        return sources_of(locations, known, from_ns=from_ns, until_ns=until_ns)

    opened()
    asked = {"from_ns": from_ns, "until_ns": until_ns}
    with Workspace.create(Path(workspace), settings) as home:
        with home.reading() as scratch:
            read = read_outlines(scratch, home, opened, progress, asked=asked)
            learned = _learn(home, scratch, read, progress)
        home.forget_progress()
    return learned


def _learn(home: Workspace, scratch: DuckDBEngine, read: Read, progress: Progress) -> LearnResult:
    settings = home.settings
    progress("finding patterns", 0, None)
    rpcs, shapes = without_rejected_news(
        home, scratch.query("select * from rpcs"), scratch.query("select * from shapes")
    )
    run_id = next_run_id(
        home, scratch.query("select max(last_ns) as t from chain_steps")["t"][0].as_py()
    )
    found = find_patterns(
        shapes,
        rpcs,
        run_id=run_id,
        previous=previous_patterns(home),
        critical_share=settings.patterns.critical_share,
        critical_rules=settings.patterns.critical,
    )
    graphs = graphs_of(found.patterns, found.members, shapes)
    if not graphs:
        raise InformerError(why_no_pattern(read.chains))
    scratch.write("members", found.members)

    progress("counting traffic", 0, None)
    # Not in one transaction: the engine would hold all of its rows in memory, beyond its limit.
    grid = bin_traffic(scratch, step_s=settings.traffic.step_s, covered_ends=True)
    table = scratch.query("select * from traffic")
    stands_for = sampled_patterns(scratch)
    series = to_series(table, graphs.values(), grid, stands_for)
    traffic = {p: since_birth(t) for p, t in series.items()}
    accepts = accepts_in(home)
    barred = barred_steps(home, grid, accepts)
    traffic = {p: unseen(t, barred[p]) if p in barred else t for p, t in traffic.items()}
    traffic = {p: levelled(accepts, t) for p, t in traffic.items() if t.series.seen.any()}
    cap, passed = settings.learning.drift_cap, let_pass(home, grid.step_s)
    held = held_back(passed, traffic, cap)
    traffic = {p: unseen(t, held[p].steps) if p in held else t for p, t in traffic.items()}
    traffic = {p: t for p, t in traffic.items() if t.series.seen.any()}
    if held and not traffic:
        with home.engine.transaction():
            keep_range(home, grid, table, scratch.query("select * from workloads"))
            questions = ask(home, grid, held)
        raise InformerError(f"there is no step that may teach: {'; '.join(questions)}")
    if not traffic:
        raise InformerError(
            "there is no step that may teach: all are part of incidents that nobody accepted"
        )

    pools = pools_for([t.series for t in traffic.values()])
    fitted = _fit(home, traffic, found.critical, pools, progress)
    made = {p: counting(f.model, stands_for[p]) for p, f in fitted.items()}
    fitted = {p: replace(f, model=roomy(made[p], passed.get(p), cap)) for p, f in fitted.items()}
    progress("setting the threshold", 0, None)
    as_now = {p: since_leap(accepts, t) for p, t in traffic.items()}
    services = services_of(graphs, rpcs)
    learned = _calibrate(scratch, settings, as_now, fitted, grid, services)
    usual = learn_attributes(scratch)

    progress("saving", 0, None)
    versions = {p: save_model(f.model, home.models / p) for p, f in fitted.items()}
    untaught = [g for p, g in graphs.items() if p not in traffic]
    kept = models_that_fit(home, untaught, grid.step_s)
    with home.engine.transaction():
        home.save("rpcs", rpcs)
        home.save("shapes", shapes)
        home.save("patterns", found.patterns)
        home.save("members", found.members)
        home.save("pattern_edges", found.pattern_edges)
        forget_other_steps(home, grid.step_s)
        keep_range(home, grid, table, scratch.query("select * from workloads"))
        home.save("attribute_values", usual)
        home.put("templates", read.templates.to_json())
        home.put("remote_entries", {"pairs": read.chains.remote_entries})
        trained = {"start_ns": grid.start_ns, "end_ns": grid.end_ns, "step_s": grid.step_s}
        home.put("trained", trained)
        remember(home, learned, versions)
        remember_pool(home, pools.models)
        backtests = {p: f.backtest.to_json() for p, f in fitted.items()}
        add_run(home, run_id, (grid.start_ns, grid.end_ns), backtests, kept | versions)
        questions = ask(home, grid, held)
        keep_states(home)
        patterns = home.table("patterns").cast(PATTERNS.schema)
    home.keep_settings()
    notes = (
        *read.notes,
        *notes_on_patterns(found.patterns),
        *notes_on_range(learned.calibration, grid, scratch),
        *untaught_patterns(untaught, kept),
        *questions,
    )
    return LearnResult(run_id, patterns, found.pattern_edges, rpcs, grid, read, learned, notes)


def _fit(
    home: Workspace,
    traffic: dict[str, PatternTraffic],
    critical: Sequence[str],
    pools: Pools,
    progress: Progress,
) -> dict[str, Fitted]:
    """Train and backtest every pattern; only critical ones may have a network."""
    engine = home.settings.source.engine
    runner = runner_on(spark_at(engine)) if engine.startswith("spark") else None
    return fit_all(
        [t.series for t in traffic.values()],
        critical=critical,
        seed=home.settings.machine.seed,
        processes=home.settings.machine.processes or None,
        progress=lambda done, total: progress("training models", done, total),
        finished=home.finished,
        pools=pools,
        runner=runner,
    )


def _calibrate(
    scratch: DuckDBEngine,
    settings: Settings,
    traffic: dict[str, PatternTraffic],
    fitted: dict[str, Fitted],
    grid: Grid,
    services: dict[str, frozenset[str]],
) -> Learned:
    """Everything that detection needs, besides the models."""
    first_seen = scratch.query(read_sql("informer.detections", "first_seen")).to_pylist()
    novelty = learn_novelty(
        [(r["what"], r["first_seen_ns"], r["calls"]) for r in first_seen],
        from_ns=grid.start_ns,
        until_ns=grid.end_ns,
    )
    workloads = workload_series(scratch.query("select * from workloads"), grid)
    recent = RECENT_DAYS * SECONDS_A_DAY // grid.step_s
    return Learned(
        calibrate_held_out(traffic, fitted, grid),
        learn_rates(traffic, grid.seen),
        novelty,
        learned_shares(workloads, recent),
        services,
        settings.alerts.budget_per_day,
        learned_kinds(grid),
    )
