"""Notices: what the incidents of a look change in what was told before."""

from typing import Any

import orjson
import pyarrow as pa

from informer.core.tables import INCIDENTS, NOTICES
from informer.core.types import Json, Notice
from informer.pipeline.documents import judged_document
from informer.pipeline.workspace import Workspace

FIRING, RESOLVED = "firing", "resolved"
LAST = """
select * from notices
qualify row_number() over (partition by incident_id order by sequence desc) = 1
"""
LOOKED_AT = """
select {names} from incidents
where incident_id in (select unnest($ids)) order by opened_ns, incident_id
"""


def keep_notices(home: Workspace, incidents: pa.Table, note: Json, *, now_ns: int) -> list[Notice]:
    """Write what is to be told after a look; called inside the transaction that keeps the look.

    `incidents` are those of the look, `note` says how far it came (`closed_ns`) and since when it
    is watched (`began_ns`): older incidents are not told. What was told as open and is no more
    there, or is over, is resolved.
    """
    home.engine.append(NOTICES.name, NOTICES.empty())
    last = {row["incident_id"]: row for row in home.engine.query(LAST).to_pylist()}
    firing = [i for i, row in last.items() if row["state"] == FIRING]
    ids = sorted({*incidents["incident_id"].to_pylist(), *firing})
    if not ids:
        return []
    names = ", ".join(INCIDENTS.names)
    now = home.engine.query(LOOKED_AT.format(names=names), ids=ids).to_pylist()
    made: list[Json] = []
    for row in now:
        before = last.get(row["incident_id"])
        if before is None and row["opened_ns"] < note["began_ns"]:
            continue
        made += _told(row, before, now_ns)
    there = {row["incident_id"] for row in now}
    made += [_vanished(last[i], int(note["closed_ns"]), now_ns) for i in firing if i not in there]
    if made:
        home.engine.append(NOTICES.name, NOTICES.of(made))
    return [notice_of(row) for row in made]


def notice_of(row: Json) -> Notice:
    """A row of NOTICES as a value."""
    given: dict[str, Any] = {n: row[n] for n in NOTICES.names}
    return Notice(**given | {"document": orjson.loads(row["document"])})


def _told(row: Json, before: Json | None, now_ns: int) -> list[Json]:
    """The notices that lead from what was told to what is."""
    made = []
    open_before = before is not None and before["state"] == FIRING
    over = row["resolved_ns"] is not None
    document = judged_document(row)
    sequence = 0 if before is None else int(before["sequence"])
    former = before["severity"] if before is not None and open_before else None
    changed = former is not None and former != row["severity"]
    if (before is None) or (not open_before and not over) or changed:
        sequence += 1
        first = document | {"resolved_ns": None}
        made.append(_row(row, sequence, FIRING, former if changed else None, now_ns, first))
    if over and (made or open_before):
        made.append(_row(row, sequence + 1, RESOLVED, None, now_ns, document))
    return made


def _vanished(before: Json, closed_ns: int, now_ns: int) -> Json:
    """An incident told as open that later looks made none of."""
    document = orjson.loads(before["document"]) | {"resolved_ns": closed_ns}
    return _row(before, int(before["sequence"]) + 1, RESOLVED, None, now_ns, document)


def _row(
    of: Json, sequence: int, state: str, former: str | None, now_ns: int, document: Json
) -> Json:
    return {
        "notice_id": f"{of['incident_id']}-{sequence}",
        "incident_id": of["incident_id"],
        "sequence": sequence,
        "state": state,
        "severity": of["severity"],
        "former": former,
        "made_ns": now_ns,
        "document": orjson.dumps(document).decode(),
    }
