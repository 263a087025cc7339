"""Reads what a workspace holds, for people and programs; changes nothing."""

from dataclasses import dataclass

import orjson

from informer.core.errors import UnknownError
from informer.core.tables import INCIDENTS
from informer.core.types import Json
from informer.pipeline.documents import incident_document, pattern_document
from informer.pipeline.memory import pattern_graphs, previous_patterns
from informer.pipeline.states import REASONS
from informer.pipeline.workspace import Place, Workspace, at


@dataclass(frozen=True, slots=True)
class PatternDetail:
    """One pattern, why its forecaster runs, and its models."""

    document: Json
    backtest: Json
    version: str  # in force
    versions: tuple[str, ...]  # that were in force at some time, the oldest first

    def to_json(self) -> Json:
        """The document with all of it."""
        more = {"backtest": self.backtest, "version": self.version, "versions": self.versions}
        return self.document | more


def list_patterns(workspace: Place) -> list[Json]:
    """All patterns that are not retired, the busiest first."""
    with at(workspace) as home:
        return pattern_documents(home)


def pattern_documents(home: Workspace) -> list[Json]:
    """All patterns of an open workspace that are not retired, the busiest first."""
    previous = previous_patterns(home)
    graphs = {g.pattern_id: g for g in pattern_graphs(previous)}
    rpcs = {r["rpc_id"]: r for r in home.table("rpcs").to_pylist()}
    backtests = _last_run(home)["backtest"] if home.table("runs").num_rows else {}
    reasons = home.get(REASONS)
    rows = [r for r in previous.patterns.to_pylist() if r["state"] != "retired"]
    rows.sort(key=lambda r: (-r["chains"], r["pattern_id"]))
    return [
        pattern_document(
            row,
            graphs.get(row["pattern_id"]),
            rpcs,
            backtests.get(row["pattern_id"], {}).get("chosen", "none"),
            reasons.get(row["pattern_id"], ""),
        )
        for row in rows
    ]


def list_reasons(workspace: Place) -> dict[str, str]:
    """Why the forecaster of each pattern runs."""
    with at(workspace) as home:
        backtests = _last_run(home)["backtest"]
    return {pattern_id: str(b.get("reason", "")) for pattern_id, b in backtests.items()}


def show_pattern(workspace: Place, pattern_id: str) -> PatternDetail:
    """One pattern. Errors: InformerError when there is none of that id."""
    with at(workspace) as home:
        for document in pattern_documents(home):
            if document["id"] == pattern_id:
                runs = home.table("runs").sort_by("run_id").to_pylist()
                in_force = [orjson.loads(r["models"]).get(pattern_id) for r in runs]
                versions = tuple(dict.fromkeys(v for v in in_force if v))
                backtest = _last_run(home)["backtest"].get(pattern_id, {})
                return PatternDetail(document, backtest, str(in_force[-1]), versions)
    raise UnknownError(f"pattern {pattern_id!r} is unknown: see `informer patterns list`")


def list_incidents(workspace: Place) -> list[Json]:
    """All incidents found so far, in order of opening."""
    with at(workspace) as home:
        rows = home.table("incidents").to_pylist()
    rows.sort(key=lambda r: (r["opened_ns"], r["incident_id"]))
    return [incident_document(row) | {"verdict": row["verdict"]} for row in rows]


def show_incident(workspace: Place, incident_id: str) -> Json:
    """One incident with its evidence. Errors: UnknownError when there is none of that id."""
    with at(workspace) as home:
        return incident_document(incident_row(home, incident_id), evidence=True)


def incident_row(home: Workspace, incident_id: str) -> Json:
    """A row of INCIDENTS. Errors: UnknownError."""
    names = ", ".join(INCIDENTS.names)
    rows = home.engine.query(
        f"select {names} from incidents where incident_id = $incident_id", incident_id=incident_id
    ).to_pylist()
    if not rows:
        raise UnknownError(f"incident {incident_id!r} is unknown: see `informer incidents list`")
    return dict(rows[0])


def _last_run(home: Workspace) -> Json:
    run = home.table("runs").sort_by("run_id").to_pylist()[-1]
    return {**run, "backtest": orjson.loads(run["backtest"])}
