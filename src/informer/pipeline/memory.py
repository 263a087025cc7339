"""What a workspace remembers of learning for detection: models, calibration, rates, novelty."""

import numpy as np
import orjson
import pyarrow as pa

from informer.core.types import OUTSIDE, UNKNOWN, Floats, Grid, Json, Model, PatternGraph
from informer.detections.calibrate import Calibration
from informer.detections.detect import Learned
from informer.detections.novelty import news_from_json, news_to_json
from informer.detections.streams import Rates
from informer.forecasts.store import load_model
from informer.patterns.find import Previous
from informer.patterns.graphs import graphs_of
from informer.pipeline.workspace import Workspace

NOBODY = (OUTSIDE, UNKNOWN)


def previous_patterns(workspace: Workspace) -> Previous:
    """The patterns of the last learning run; empty tables before the first."""
    return Previous(*(workspace.table(n) for n in ("patterns", "members", "shapes")))


def pattern_graphs(previous: Previous) -> list[PatternGraph]:
    """The graph of every pattern that has chains."""
    return list(graphs_of(previous.patterns, previous.members, previous.shapes).values())


def models_in_force(workspace: Workspace) -> tuple[str, dict[str, Model]]:
    """The last run and the model of each pattern that it put in force."""
    runs = workspace.table("runs").sort_by("run_id").to_pylist()
    versions = orjson.loads(runs[-1]["models"])
    models = {p: load_model(workspace.models / p, v) for p, v in versions.items()}
    return str(runs[-1]["run_id"]), models


def services_of(graphs: dict[str, PatternGraph], rpcs: pa.Table) -> dict[str, frozenset[str]]:
    """The services on the chains of each pattern."""
    ends = {r["rpc_id"]: (r["caller"], r["callee"]) for r in rpcs.to_pylist()}
    return {
        pattern_id: frozenset(x for r in graph.rpc_ids for x in ends[r] if x not in NOBODY)
        for pattern_id, graph in graphs.items()
    }


def remember(workspace: Workspace, learned: Learned) -> None:
    """Write what detection needs from learning."""
    workspace.put("calibration", learned.calibration.to_json())
    workspace.put("rates", rates_to_json(learned.rates))
    workspace.put("novelty", news_to_json(learned.novelty))
    workspace.put("versions", learned.version_shares)
    workspace.put("services", {k: sorted(v) for k, v in learned.services_of.items()})


def recall(workspace: Workspace) -> Learned:
    """Read it back, with the alert budget of today's settings."""
    return Learned(
        Calibration.from_json(workspace.get("calibration")),
        rates_from_json(workspace.get("rates")),
        news_from_json(workspace.get("novelty")),
        workspace.get("versions"),
        {k: frozenset(v) for k, v in workspace.get("services").items()},
        workspace.settings.alerts.budget_per_day,
    )


def rates_to_json(rates: Rates) -> Json:
    """Rates as a JSON object; keys are joined by `|`."""
    return {
        "calls": {"|".join(k): v for k, v in rates.calls.items()},
        "hits": {"|".join(k): v for k, v in rates.hits.items()},
    }


def rates_from_json(value: Json) -> Rates:
    """Back from the JSON object."""
    calls = {tuple(k.split("|")): float(v) for k, v in value["calls"].items()}
    hits = {tuple(k.split("|")): float(v) for k, v in value["hits"].items()}
    return Rates(
        {(pattern, rpc): v for (pattern, rpc), v in calls.items()},
        {(signal, pattern, rpc): v for (signal, pattern, rpc), v in hits.items()},
    )


def workload_series(workloads: pa.Table, grid: Grid) -> dict[str, dict[str, Floats]]:
    """Calls of each service and version at every step of the grid, [t]."""
    found: dict[str, dict[str, Floats]] = {}
    for row in workloads.to_pylist():
        step = (row["step_start_ns"] - grid.start_ns) // grid.step_ns
        if 0 <= step < len(grid.seen):
            versions = found.setdefault(row["service"], {})
            calls = versions.setdefault(row["version"], np.zeros(len(grid.seen)))
            calls[step] += row["calls"]
    return found
