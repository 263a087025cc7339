"""Incidents that were open when a range began: whether they go on in it, or are over."""

from collections.abc import Collection, Sequence

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.tables import INCIDENTS, RPCS
from informer.core.types import Grid, Json
from informer.incidents.build import detections_of
from informer.incidents.group import CHANGE, pause_ns
from informer.pipeline.teaching import ends_ns
from informer.pipeline.workspace import BLIND, Workspace

FROM_ITS_BEGINNING = ("attributes", "examples", "similar")  # evidence that another look has not


def open_at(home: Workspace, grid: Grid) -> list[Json]:
    """Incidents that may go on in a range, without what an earlier look found of them in it.

    Not those that were accepted: if their traffic is irregular still, that is news. Nor those that
    go on after the range, which another look knows more of.
    """
    found = []
    for row in home.table("incidents").to_pylist():
        looked_at = bool(detections_of(row))  # no look finds more of what learning asks about
        if row["opened_ns"] >= grid.start_ns or row["verdict"] == "accepted" or not looked_at:
            continue
        end_ns = ends_ns(row, grid.step_ns)
        was_open = row["resolved_ns"] is None or end_ns > grid.start_ns
        if was_open and end_ns <= grid.end_ns:
            row = _until(row, grid.start_ns)
            if grid.start_ns - ends_ns(row, grid.step_ns) <= pause_ns(CHANGE, grid.step_ns):
                found.append(row)
    return found


def ever_met(home: Workspace, rpcs: pa.Table) -> pa.Table:
    """These rpcs and those that earlier looks met: incidents that go on may speak of them."""
    if not home.engine.has("met_rpcs"):
        return rpcs
    met = home.engine.query(f"select {', '.join(RPCS.names)} from met_rpcs")
    fresh = pc.invert(pc.is_in(met["rpc_id"], rpcs["rpc_id"].combine_chunks()))
    return pa.concat_tables([rpcs.select(RPCS.names), met.filter(fresh)])


def with_beginnings(incidents: pa.Table, earlier: Sequence[Json]) -> pa.Table:
    """What goes on keeps the examples and attributes of its beginning."""
    known = {row["incident_id"]: orjson.loads(row["evidence"]) for row in earlier}
    rows = incidents.to_pylist()
    for row in rows:
        if row["incident_id"] in known:
            told = known[row["incident_id"]]
            kept = {name: told[name] for name in FROM_ITS_BEGINNING}
            row["evidence"] = orjson.dumps(orjson.loads(row["evidence"]) | kept).decode()
    return INCIDENTS.of(rows)


def settle(home: Workspace, grid: Grid, earlier: Sequence[Json], going_on: Collection[str]) -> None:
    """End the incidents from before a range that do not go on in it."""
    over = {row["incident_id"]: row for row in earlier if row["incident_id"] not in going_on}
    rows = []
    for row in home.table("incidents").to_pylist():
        if row["kind"] == BLIND:
            continue
        end_ns = ends_ns(row, grid.step_ns)
        if row["incident_id"] in over:
            row = over[row["incident_id"]]
            rows.append(row | {"resolved_ns": ends_ns(row, grid.step_ns)})
        elif row["resolved_ns"] is None and end_ns <= grid.start_ns:
            rows.append(row | {"resolved_ns": end_ns})
    home.replace_incidents(rows)


def _until(incident: Json, until_ns: int) -> Json:
    """The incident as a look that ended then would have left it: still open."""
    cells = [c for c in detections_of(incident) if c["step_start_ns"] < until_ns]
    evidence = orjson.loads(incident["evidence"]) | {"detections": cells}
    return incident | {"resolved_ns": None, "evidence": orjson.dumps(evidence).decode()}
