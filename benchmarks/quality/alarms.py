"""From scores to incidents, for detectors that have none of their own; grouped as ours are.

A detector with an eye for news also tells every rpc that it never met, from its first call on.

Axes: t step, n rpc.
"""

import hashlib
from collections.abc import Sequence

import numpy as np
import orjson
import pyarrow as pa

from informer.core.tables import DETECTIONS
from informer.core.types import Floats, Json
from informer.incidents.build import Names, build_incidents
from quality.world import Unmet, World

NAMED = 3  # rpcs of a step that are told, those that score highest
NEWS = 300.0  # the score of a call where none was ever to be expected, the highest there is


def incidents_of(
    scores: dict[str, Floats], threshold: float, world: World, unmet: Sequence[Unmet] = ()
) -> list[Json]:
    """Incidents as `informer detect --json` lists them, from scores [t, n] above the threshold.

    `unmet` are rpcs that the detector knows as news; each is told whatever the threshold.
    """
    names = Names(world.rpcs, world.labels, world.services_of)
    found = [detections_of(scores, threshold, world), news_of(unmet, world)]
    table = build_incidents(
        pa.concat_tables(found),
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
            cell = (pattern_id, series.graph.rpc_ids[rpc], int(starts_ns[step]))
            values = (float(series.calls[step, rpc]), float(found[step, rpc]), threshold)
            rows.append(_detection(cell, values, ("calls", "volume")))
    return DETECTIONS.of(rows)


def news_of(unmet: Sequence[Unmet], world: World) -> pa.Table:
    """Every step with calls of rpcs never met as DETECTIONS."""
    starts_ns, seen = world.test_grid.starts_ns(), world.test_grid.seen
    rows = []
    for one in unmet:
        for step in np.flatnonzero((one.calls > 0) & seen).tolist():
            cell = (one.pattern_id, one.rpc_id, int(starts_ns[step]))
            rows.append(
                _detection(cell, (float(one.calls[step]), NEWS, NEWS), ("novelty", "novel"))
            )
    return DETECTIONS.of(rows)


def with_news(scores: dict[str, Floats], unmet: Sequence[Unmet]) -> dict[str, Floats]:
    """Scores [t, n] in which a pattern has the highest there is where an rpc never met is called.

    They say when a pattern is irregular; the rpc itself has no column in them.
    """
    found = {p: own.copy() for p, own in scores.items()}
    for one in unmet:
        if one.pattern_id in found:
            found[one.pattern_id][one.calls > 0] = NEWS
    return found


def _detection(
    cell: tuple[str, str, int], values: tuple[float, float, float], what: tuple[str, str]
) -> dict[str, object]:
    """Cell is pattern, rpc and time; values observed, score and threshold; what signal and kind."""
    name = "|".join(str(x) for x in (*cell, what[0]))
    return {
        "detection_id": hashlib.sha256(name.encode()).hexdigest()[:16],
        "pattern_id": cell[0],
        "rpc_id": cell[1],
        "signal": what[0],
        "step_start_ns": cell[2],
        "window_steps": 1,
        "observed": values[0],
        "expected": 0.0,
        "score": values[1],
        "threshold": values[2],
        "kind": what[1],
    }


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
