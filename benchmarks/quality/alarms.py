"""From scores to incidents, for detectors that have none of their own; grouped as ours are.

Axes: t step, n rpc.
"""

import hashlib

import numpy as np
import orjson
import pyarrow as pa

from informer.core.tables import DETECTIONS
from informer.core.types import Floats, Json
from informer.incidents.build import Names, build_incidents
from quality.world import World

NAMED = 3  # rpcs of a step that are told, those that score highest


def incidents_of(scores: dict[str, Floats], threshold: float, world: World) -> list[Json]:
    """Incidents as `informer detect --json` lists them, from scores [t, n] above the threshold."""
    names = Names(world.rpcs, world.labels, world.services_of)
    table = build_incidents(
        detections_of(scores, threshold, world),
        names,
        step_ns=world.test_grid.step_ns,
        until_ns=world.test_grid.end_ns,
        changes=[],
        novel=[],
    )
    return [_document(row) for row in table.to_pylist()]


def detections_of(scores: dict[str, Floats], threshold: float, world: World) -> pa.Table:
    """The cells above the threshold as DETECTIONS; what was expected is not known and told as 0."""
    starts_ns = world.test_grid.starts_ns()
    rows: list[dict[str, object]] = []
    for pattern_id, found in scores.items():
        series = world.test[pattern_id].series
        over = (found > threshold) & series.seen[:, None]
        place = np.argsort(np.argsort(-found, axis=1, kind="stable"), axis=1, kind="stable")
        for step, rpc in np.argwhere(over & (place < NAMED)).tolist():
            rpc_id, start_ns = series.graph.rpc_ids[rpc], int(starts_ns[step])
            name = f"{pattern_id}|{rpc_id}|{start_ns}"
            rows.append(
                {
                    "detection_id": hashlib.sha256(name.encode()).hexdigest()[:16],
                    "pattern_id": pattern_id,
                    "rpc_id": rpc_id,
                    "signal": "calls",
                    "step_start_ns": start_ns,
                    "observed": float(series.calls[step, rpc]),
                    "expected": 0.0,
                    "score": float(found[step, rpc]),
                    "threshold": threshold,
                    "kind": "volume",
                }
            )
    return DETECTIONS.of(rows)


def _document(row: Json) -> Json:
    evidence = orjson.loads(row["evidence"])
    return {
        "id": row["incident_id"],
        "kind": row["kind"],
        "opened_ns": row["opened_ns"],
        "resolved_ns": row["resolved_ns"],
        "score": row["score"],
        "title": row["title"],
        "patterns": evidence["patterns"],
        "rpcs": evidence["rpcs"],
    }
