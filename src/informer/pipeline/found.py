"""Incidents to choose from, a page at a time, and what people said of one."""

from dataclasses import dataclass, field

from informer.core.types import Json
from informer.pipeline.documents import judged_document
from informer.pipeline.workspace import Workspace

FOUND = """
from incidents
where ($verdict = '' or verdict = $verdict) and ($severity = '' or severity = $severity)
    and ($state = '' or (resolved_ns is null) = ($state = 'going_on'))
    and ($words = '' or contains(lower(title || ' ' || incident_id || ' ' || kind), $words))
"""
MOST_DRAWN = 200
LIGHT = "incident_id, kind, severity, title, opened_ns, resolved_ns, score"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which incidents; empty = all."""

    words: str = ""
    state: str = ""  # going_on or over
    verdict: str = ""
    severity: str = ""
    first: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A page of them."""

    rows: list[Json]
    all: int
    drawn: list[Json] = field(default_factory=list)  # the last of all

    def of_range(self, from_ns: int, until_ns: int) -> list[Json]:
        """Those that touch a range, in order of opening."""
        touching = [
            row
            for row in self.drawn
            if row["opened_ns"] < until_ns
            and (row["resolved_ns"] is None or row["resolved_ns"] > from_ns)
        ]
        return sorted(touching, key=lambda row: row["opened_ns"])


def incidents_found(home: Workspace, wanted: Wanted, *, most: int) -> Found:
    """The newest first."""
    given = {
        "words": wanted.words.lower().strip(),
        "state": wanted.state,
        "verdict": wanted.verdict,
        "severity": wanted.severity,
    }
    rows = home.engine.query(
        f"select * {FOUND} order by opened_ns desc, incident_id limit $most offset $first",
        **given,
        most=most,
        first=wanted.first,
    ).to_pylist()
    drawn = home.engine.query(
        f"select {LIGHT} {FOUND} order by opened_ns desc, incident_id limit $most",
        **given,
        most=MOST_DRAWN,
    ).to_pylist()
    count = home.engine.query(f"select count(*) as n {FOUND}", **given)["n"][0].as_py()
    shown = [judged_document(row) for row in rows]
    return Found(shown, int(count), drawn)


def incidents_by_id(home: Workspace, ids: list[str]) -> list[Json]:
    """Documents of those that are still there, the newest first."""
    rows = home.engine.query(
        "select * from incidents where incident_id in (select unnest($ids)) "
        "order by opened_ns desc, incident_id",
        ids=ids,
    ).to_pylist()
    return [judged_document(row) for row in rows]


def incidents_of_pattern(home: Workspace, pattern_id: str, *, most: int) -> list[Json]:
    """Documents of the newest incidents that touch a pattern."""
    rows = home.engine.query(
        "select * from incidents where list_contains(patterns, $pattern_id) "
        "order by opened_ns desc, incident_id limit $most",
        pattern_id=pattern_id,
        most=most,
    ).to_pylist()
    return [judged_document(row) for row in rows]


def said_of(home: Workspace, thing: str, *, most: int = 20) -> list[Json]:
    """Lines of the audit log on a thing such as `incident ID`, the newest first."""
    if not home.engine.has("audit"):
        return []
    rows: list[Json] = home.engine.query(
        "select * from audit where object = $thing order by at_ns desc limit $most",
        thing=thing,
        most=most,
    ).to_pylist()
    return rows
