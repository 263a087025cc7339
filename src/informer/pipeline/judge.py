"""Judging: what a range holds, forecast and scored; detect writes down what comes of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.sql import read_sql
from informer.core.types import Forecast, Grid, Json, Model, PatternTraffic
from informer.detections.changes import Change
from informer.detections.detect import Detected, Learned, Observed
from informer.detections.detect import detect as score_and_detect
from informer.detections.novelty import Novel
from informer.engines.duckdb import DuckDBEngine
from informer.forecasts.select import forecast_with
from informer.incidents.build import Names, build_incidents
from informer.patterns.find import assign
from informer.pipeline.accepts import accepts_in, levelled
from informer.pipeline.history import context_start_ns, history, joined
from informer.pipeline.memory import (
    models_in_force,
    pattern_graphs,
    previous_patterns,
    workload_series,
)
from informer.pipeline.progress import Progress
from informer.pipeline.sampled import counted_by
from informer.pipeline.teaching import unseen
from informer.pipeline.workspace import Workspace
from informer.traffic.bin import bin_traffic, count_calls
from informer.traffic.series import to_series


@dataclass(frozen=True, slots=True)
class Gathered:
    """All that a range holds for detection, before anything is judged."""

    grid: Grid
    traffic: dict[str, PatternTraffic]  # of every pattern with a model
    past: dict[str, PatternTraffic]  # what was kept of the days before
    observed: Observed


@dataclass(frozen=True, slots=True)
class Judged:
    """What the detector says of a range, and the forecasts that it held against it."""

    found: Detected
    forecasts: dict[str, Forecast]


def gather(home: Workspace, scratch: DuckDBEngine, progress: Progress) -> Gathered:
    """Assign chains to patterns and count traffic; `scratch` holds calls, chains and shapes."""
    models = models_in_force(home)[1]
    counted = count(home, scratch, progress, models, bin_traffic)
    grid = counted.grid
    past = history(
        home,
        [t.series.graph for t in counted.traffic.values()],
        grid.step_s,
        context_start_ns(grid.start_ns),
        grid.start_ns,
        stands_for=counted_by(models),
    )
    return replace(counted, past=past)


def count(
    home: Workspace,
    scratch: DuckDBEngine,
    progress: Progress,
    models: Mapping[str, Model],
    bins: Callable[..., Grid],
) -> Gathered:
    """As `gather`, without the days before; `bins` makes `traffic` and `workloads` of chains."""
    patterns = previous_patterns(home)
    rpcs, known = scratch.query("select * from rpcs"), home.table("rpcs")
    progress("assigning chains", 0, None)
    scratch.write("members", assign(scratch.query("select * from shapes"), rpcs, patterns))
    step_s = int(home.get("trained")["step_s"])
    count_calls(scratch, step_s=step_s)
    grid = bins(scratch, step_s=step_s)
    table = scratch.query("select * from traffic")
    traffic = to_series(table, pattern_graphs(patterns), grid, counted_by(models))
    accepts = accepts_in(home)
    traffic = {p: levelled(accepts, t) for p, t in traffic.items() if p in models}
    return Gathered(grid, traffic, {}, _observed(home, scratch, grid, traffic, rpcs, known))


def judge(gathered: Gathered, models: Mapping[str, Model], learned: Learned) -> Judged:
    """Forecast and score; nothing is read or written."""
    traffic = gathered.traffic
    forecasts = _forecasts(models, traffic, gathered.past)
    # What the first look finds irregular must not move what is expected next: look again without.
    first_look = score_and_detect(traffic, forecasts, learned, gathered.observed)
    regular = {p: unseen(t, first_look.irregular[p]) for p, t in traffic.items()}
    forecasts = _forecasts(models, regular, gathered.past)
    return Judged(
        score_and_detect(traffic, forecasts, learned, gathered.observed),
        forecasts,
    )


def incidents_of(
    gathered: Gathered,
    found: Detected,
    names: Names,
    earlier: Sequence[Json] = (),
    since_ns: int = 0,
) -> pa.Table:
    """Incidents of a range, still without attributes, examples and likenesses; INCIDENTS.

    Only detections of steps that start at `since_ns` or later count. `earlier` are
    those that were open then; of them, only what goes on is among the rows.
    """
    grid = gathered.grid
    newest = pc.greater_equal(found.detections["step_start_ns"], since_ns)
    return build_incidents(
        found.detections.filter(newest),
        names,
        step_ns=grid.step_ns,
        until_ns=grid.end_ns,
        changes=[_change_json(c, grid) for c in found.changes],
        novel=[
            {"what": n.what, "name": n.name, "pattern_id": n.pattern_id, "rpc_id": n.rpc_id}
            for n in gathered.observed.novel
        ],
        suspects=found.suspects,
        earlier=earlier,
        from_ns=max(grid.start_ns, since_ns),
    )


def _forecasts(
    models: Mapping[str, Model],
    traffic: dict[str, PatternTraffic],
    past: Mapping[str, PatternTraffic],
) -> dict[str, Forecast]:
    found = {}
    for pattern_id, now in traffic.items():
        series, skip = joined(past.get(pattern_id), now)
        found[pattern_id] = forecast_with(models[pattern_id], series).slice(skip)
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
    workloads = workload_series(scratch.query("select * from workloads"), grid)
    ends = {r["rpc_id"]: (r["caller"], r["callee"]) for r in rpcs.to_pylist()}
    return Observed(grid, novel_in(rows, grid), workloads, _busiest_rpcs(traffic, ends), ends)


def novel_in(rows: Iterable[Json], grid: Grid) -> list[Novel]:
    """What was never learned, with its calls, from rows of it by step."""
    novel: dict[tuple[str, str], Novel] = {}
    for row in rows:
        step = grid.step_of(row["step_start_ns"])
        if row["what"] == "shape" and not grid.seen[step]:
            continue  # where spans are missing, chains are cut off: that is no new form
        thing = novel.setdefault(
            (row["what"], row["name"]),
            Novel(
                row["what"],
                row["name"],
                row["pattern_id"],
                row["rpc_id"],
                np.zeros(len(grid.seen)),
                np.zeros(len(grid.seen)),
            ),
        )
        thing.calls[step] += row["calls"]
        thing.met[step] += row["met"]
    return list(novel.values())


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


def names_of(rpcs: pa.Table, patterns: pa.Table, learned: Learned) -> Names:
    """What incidents call rpcs and patterns."""
    labels = dict(
        zip(patterns["pattern_id"].to_pylist(), patterns["label"].to_pylist(), strict=True)
    )
    named = {r["rpc_id"]: r for r in rpcs.to_pylist()}
    return Names(named, labels, learned.services_of, learned.rates.calls)


def _change_json(change: Change, grid: Grid) -> Json:
    starts = grid.starts_ns()
    value = asdict(change)
    for name in ("first", "last", "since"):
        step = min(value.pop(name), len(starts) - 1)
        value[f"{name}_ns"] = int(starts[step])
    return value
