"""Holds incidents against what is known to have happened, for the demo."""

import csv
import fnmatch
from pathlib import Path
from typing import Any

from informer.core.types import LEGITIMATE
from informer.web.views import Label

SLACK_STEPS = 3


def hold_against(path: Path, incidents: list[dict[str, Any]], step_ns: int) -> list[Label]:
    """Each label with the incident that found it, in order of time.

    An incident finds an event when it opens in it (from a step before to three steps after).
    """
    with path.open(encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda r: int(r["start_ns"]))
    return [_label(row, incidents, step_ns) for row in rows]


def false_incidents(
    labels: list[Label], incidents: list[dict[str, Any]], step_ns: int
) -> list[dict[str, Any]]:
    """Misuse incidents that open inside no attack and no fault."""
    events = [x for x in labels if x.flag != "legit"]
    return [
        i
        for i in incidents
        if i["kind"] not in LEGITIMATE
        and not any(_opens_in(i, e.start_ns, e.end_ns, step_ns) for e in events)
    ]


def _label(row: dict[str, str], incidents: list[dict[str, Any]], step_ns: int) -> Label:
    start_ns, end_ns = int(row["start_ns"]), int(row["effect_end_ns"] or row["end_ns"])
    inside = [i for i in incidents if _opens_in(i, start_ns, end_ns, step_ns)]
    found = [(i, _rank(i, row["guilty"])) for i in inside]
    legitimate = row["flag"] == "legit"
    told = [
        (i, rank)
        for i, rank in found
        if (i["kind"] in LEGITIMATE) == legitimate and (legitimate or rank)
    ]
    outcome, found_by = "missed", None
    if told:
        incident, rank = min(told, key=lambda f: (f[1] or 99, -f[0]["score"]))
        found_by = incident["id"]
        outcome = (
            f"told as {incident['kind']}, no alarm"
            if legitimate
            else f"found, guilty rpc no. {rank}"
        )
    elif legitimate:
        outcome = "no alarm"
    return Label(
        event=row["event_id"],
        kind=row["kind"].replace("_", " "),
        flag=row["flag"],
        start_ns=start_ns,
        end_ns=end_ns,
        outcome=outcome,
        found_by=found_by,
    )


def _opens_in(incident: dict[str, Any], start_ns: int, end_ns: int, step_ns: int) -> bool:
    opened = int(incident["opened_ns"])
    return start_ns - step_ns <= opened <= end_ns + SLACK_STEPS * step_ns


def _rank(incident: dict[str, Any], guilty: str) -> int:
    """Place of the guilty rpc in the incident, from 1; 0 when it is not among the first three."""
    for place, rpc in enumerate(incident["rpcs"][:3], start=1):
        for alternative in filter(None, guilty.split("|")):
            edge, _, part = alternative.partition(":")
            if fnmatch.fnmatch(f"{rpc['caller']}>{rpc['callee']}", edge) and part in rpc["method"]:
                return place
    return 0
