"""Incidents of kind `blind`: why nothing is watched at the moment, and since when.

They are opened and resolved by the clock of this machine, not by the steps of a look: no look
ends, groups or replaces them, they teach nothing, and there is nothing to decide on.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import orjson
import pyarrow as pa

from informer.core.tables import INCIDENTS
from informer.core.types import Json
from informer.pipeline.workspace import BLIND, Workspace

REASON = "blind"  # in the evidence
TITLES = {
    "no_spans": "Blind: no spans come in",
    "spool_full": "Blind: the spool is full",
    "behind": "Blind: spans are sent away",
    "steps": "Blind: steps are not closed",
    "rejected": "Blind: most of what comes in is of no use",
}


@dataclass(frozen=True, slots=True)
class Blind:
    """One reason for seeing nothing."""

    since_ns: int
    words: str  # for people


def open_reasons(home: Workspace) -> frozenset[str]:
    """The reasons whose incident is open."""
    return frozenset(_open(home))


def settle_blind(home: Workspace, now: Mapping[str, Blind], *, now_ns: int) -> pa.Table:
    """Open an incident for each reason that has none, and resolve those whose reason is gone.

    Gives the rows that changed; INCIDENTS. Called inside a transaction.
    """
    there = _open(home)
    changed = [_incident(reason, one) for reason, one in now.items() if reason not in there]
    for reason, row in there.items():
        if reason not in now:
            changed.append(row | {"resolved_ns": max(now_ns, int(row["opened_ns"]) + 1)})
    if changed:
        home.replace_incidents(changed)
    return INCIDENTS.of(changed)


def _open(home: Workspace) -> dict[str, Json]:
    names = ", ".join(INCIDENTS.names)
    rows = home.engine.query(
        f"select {names} from incidents where kind = $kind and resolved_ns is null", kind=BLIND
    ).to_pylist()
    return {orjson.loads(row["evidence"])[REASON]: row for row in rows}


def _incident(reason: str, one: Blind) -> Json:
    evidence = {
        "rpcs": [],
        "patterns": [],
        "threshold": 0.0,
        "explanation": [one.words, "What happens meanwhile is not watched."],
        "changes": [],
        "novel": [],
        "detections": [],
        "attributes": [],
        "examples": [],
        "similar": [],
        REASON: reason,
    }
    cell = f"{BLIND}|{reason}|{one.since_ns}"
    return {
        "incident_id": hashlib.sha256(cell.encode()).hexdigest()[:10],
        "title": TITLES[reason],
        "kind": BLIND,
        "severity": "high",
        "opened_ns": one.since_ns,
        "resolved_ns": None,
        "score": 0.0,
        "patterns": [],
        "evidence": orjson.dumps(evidence).decode(),
        "verdict": "open",
    }
