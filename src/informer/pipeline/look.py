"""Reads what a workspace holds, for people and programs; changes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass

from informer.core.errors import UnknownError
from informer.core.tables import INCIDENTS
from informer.core.types import Json
from informer.pipeline.catalogue import (
    last_run,
    one_pattern,
    pattern_ids,
    patterns_with_graphs,
)
from informer.pipeline.documents import incident_document, judged_document
from informer.pipeline.runs import kept_models_of_runs
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
        return pattern_documents(home, pattern_ids(home))


def pattern_documents(home: Workspace, ids: Sequence[str]) -> list[Json]:
    """Some patterns of an open workspace, the busiest first."""
    return [one.document for one in patterns_with_graphs(home, ids)]


def list_reasons(workspace: Place) -> dict[str, str]:
    """Why the forecaster of each pattern runs."""
    with at(workspace) as home:
        backtests = last_run(home)[0]
    return {pattern_id: str(b.get("reason", "")) for pattern_id, b in backtests.items()}


def show_pattern(workspace: Place, pattern_id: str) -> PatternDetail:
    """One pattern. Errors: InformerError when there is none of that id."""
    with at(workspace) as home:
        one = one_pattern(home, pattern_id)
        in_force = [models.get(pattern_id) for models in kept_models_of_runs(home)]
        versions = tuple(dict.fromkeys(v for v in in_force if v))
        return PatternDetail(one.document, one.backtest, one.version, versions)


def list_incidents(workspace: Place) -> list[Json]:
    """All incidents found so far, in order of opening."""
    with at(workspace) as home:
        rows = home.table("incidents").to_pylist()
    rows.sort(key=lambda r: (r["opened_ns"], r["incident_id"]))
    return [judged_document(row) for row in rows]


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
