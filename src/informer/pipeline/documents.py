"""The JSON documents of the command line and the API: their keys are in docs/reference/json.md."""

from collections.abc import Mapping

import orjson
import pyarrow as pa

from informer.core.types import Grid, Json, PatternGraph

GUILTY_KEYS = ("caller", "callee", "method", "share", "observed", "expected", "window_s")
EVIDENCE_KEYS = ("explanation", "attributes", "changes", "similar", "detections")


def detection_document(incidents: pa.Table, grid: Grid) -> Json:
    """What `detect` found in a range."""
    return {
        "from_ns": grid.start_ns,
        "until_ns": grid.end_ns,
        "step_s": grid.step_s,
        "incidents": [incident_document(row) for row in incidents.to_pylist()],
    }


def incident_document(row: Json, *, evidence: bool = False) -> Json:
    """One incident; with its verdict and all its evidence when asked for."""
    found = orjson.loads(row["evidence"])
    document = {
        "id": row["incident_id"],
        "kind": row["kind"],
        "severity": row["severity"],
        "opened_ns": row["opened_ns"],
        "resolved_ns": row["resolved_ns"],
        "score": row["score"],
        "title": row["title"],
        "patterns": found["patterns"],
        "rpcs": [{k: rpc[k] for k in GUILTY_KEYS} for rpc in found["rpcs"]],
        "examples": found["examples"],
    }
    if evidence:
        document |= {"verdict": row["verdict"]} | {k: found[k] for k in EVIDENCE_KEYS}
        document["rpcs"] = found["rpcs"]
    return document


def judged_document(row: Json) -> Json:
    """One incident in short, and what a person decided on it."""
    return incident_document(row) | {"verdict": row["verdict"]}


def pattern_document(
    row: Json, graph: PatternGraph | None, rpcs: Mapping[str, Json], forecaster: str, why: str
) -> Json:
    """One pattern with its graph; `edges` index into `rpcs`."""
    nodes = graph.rpc_ids if graph else (row["entry_rpc_id"],)
    edges = zip(*graph.edges.tolist(), graph.weight.tolist(), strict=True) if graph else ()
    entry = rpcs[row["entry_rpc_id"]]
    return {
        "id": row["pattern_id"],
        "label": row["label"],
        "entry": f"{entry['caller']} > {entry['callee']} {entry['method']}",
        "chains": row["chains"],
        "share": row["share"],
        "critical": row["critical"],
        "state": row["state"],
        "forecaster": forecaster,
        "rpcs": [{k: rpcs[r][k] for k in ("caller", "callee", "method")} for r in nodes],
        "edges": [list(edge) for edge in edges],
        "why": why,
    }
