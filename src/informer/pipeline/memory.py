"""What a workspace remembers of learning for detection: models, calibration, rates, novelty."""

from collections.abc import Sequence

import numpy as np
import orjson
import pyarrow as pa

from informer.core.types import OUTSIDE, UNKNOWN, Floats, Grid, Model, PatternGraph
from informer.detections.calibrate import Calibration
from informer.detections.detect import Learned
from informer.detections.novelty import news_from_json, news_to_json
from informer.detections.streams import Rates
from informer.forecasts.pool import Pool, Pools
from informer.forecasts.store import load_model
from informer.patterns.find import Previous
from informer.patterns.graphs import graphs_of
from informer.pipeline.facts import keep_facts, with_facts
from informer.pipeline.workspace import Workspace

NOBODY = (OUTSIDE, UNKNOWN)


def previous_patterns(workspace: Workspace) -> Previous:
    """The patterns of the last learning run; empty tables before the first."""
    return Previous(*(workspace.table(n) for n in ("patterns", "members", "shapes")))


def pattern_graphs(previous: Previous) -> list[PatternGraph]:
    """The graph of every pattern that has chains."""
    return list(graphs_of(previous.patterns, previous.members, previous.shapes).values())


def versions_in_force(workspace: Workspace) -> tuple[str, dict[str, str]]:
    """The last run, and the version of each pattern's model that it put in force."""
    rows = workspace.engine.query("select run_id, models from runs order by run_id desc limit 1")
    if rows.num_rows == 0:
        return "", {}
    return str(rows["run_id"][0].as_py()), orjson.loads(rows["models"][0].as_py())


def models_in_force(workspace: Workspace) -> tuple[str, dict[str, Model]]:
    """The last run and the model of each pattern that it put in force."""
    run_id, versions = versions_in_force(workspace)
    return run_id, {p: load_model(workspace.models / p, v) for p, v in versions.items()}


def models_that_fit(
    workspace: Workspace, graphs: Sequence[PatternGraph], step_s: int
) -> dict[str, str]:
    """The versions in force whose models are of these very graphs and this step."""
    in_force = versions_in_force(workspace)[1]
    return {
        g.pattern_id: in_force[g.pattern_id]
        for g in graphs
        if g.pattern_id in in_force and fits(workspace, g, in_force[g.pattern_id], step_s)
    }


def fits(workspace: Workspace, graph: PatternGraph, version: str, step_s: int) -> bool:
    """Whether a version of a pattern's model is of these rpcs and this step."""
    settings = load_model(workspace.models / graph.pattern_id, version).settings
    return (tuple(settings["rpcs"]), settings["step_s"]) == (graph.rpc_ids, step_s)


def services_of(graphs: dict[str, PatternGraph], rpcs: pa.Table) -> dict[str, frozenset[str]]:
    """The services on the chains of each pattern."""
    ends = {r["rpc_id"]: (r["caller"], r["callee"]) for r in rpcs.to_pylist()}
    return {
        pattern_id: frozenset(x for r in graph.rpc_ids for x in ends[r] if x not in NOBODY)
        for pattern_id, graph in graphs.items()
    }


def remember(workspace: Workspace, learned: Learned, versions: dict[str, str]) -> None:
    """Write what detection needs from learning; `versions` are the models it goes with."""
    keep_facts(workspace, versions, learned)
    workspace.put("calibration", learned.calibration.to_json())
    workspace.put("novelty", news_to_json(learned.novelty))
    workspace.put("versions", learned.version_shares)
    workspace.put("services", {k: sorted(v) for k, v in learned.services_of.items()})
    working, weekend = learned.kinds_of_day
    workspace.put("days", {"working": working, "weekend": weekend})


def recall(workspace: Workspace) -> Learned:
    """Read back what goes with the models in force, with the alert budget of today's settings."""
    days = workspace.get("days")
    learned = Learned(
        Calibration.from_json(workspace.get("calibration")),
        Rates({}, {}),
        news_from_json(workspace.get("novelty")),
        workspace.get("versions"),
        {k: frozenset(v) for k, v in workspace.get("services").items()},
        workspace.settings.alerts.budget_per_day,
        (days["working"], days["weekend"]),
    )
    return with_facts(workspace, versions_in_force(workspace)[1], learned)


def recall_entries(workspace: Workspace) -> tuple[tuple[str, str], ...]:
    """Services and methods that are called from where nobody exports spans, as learned."""
    pairs = workspace.get("remote_entries").get("pairs", [])
    return tuple((service, method) for service, method in pairs)


def remember_pool(workspace: Workspace, pool: Pool | None) -> None:
    """Write what patterns lend to one that learns later, alone."""
    workspace.put("pool", pool.to_json() if pool else {})


def recall_pool(workspace: Workspace) -> Pools:
    """What the patterns of the last learning run lend."""
    pool = Pool.from_json(workspace.get("pool"))
    return Pools(pool, pool)


def workload_series(workloads: pa.Table, grid: Grid) -> dict[str, dict[str, Floats]]:
    """Calls of each service and version at every step of the grid, [t]."""
    found: dict[str, dict[str, Floats]] = {}
    for row in workloads.to_pylist():
        step = grid.step_of(row["step_start_ns"])
        if 0 <= step < len(grid.seen):
            versions = found.setdefault(row["service"], {})
            calls = versions.setdefault(row["version"], np.zeros(len(grid.seen)))
            calls[step] += row["calls"]
    return found
