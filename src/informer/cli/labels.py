"""Holds incidents against what is known to have happened, for the demo."""

from pathlib import Path
from typing import Any

from informer.core.types import LEGITIMATE
from informer.pipeline.known_events import LEGITIMATE_CHANGE, Event, read_events
from informer.web.views import Label

SLACK_STEPS = 3


def hold_against(path: Path, incidents: list[dict[str, Any]], step_ns: int) -> list[Label]:
    """Each label with the incident that found it, in order of time.

    An incident finds an event when it opens in it (from a step before to three steps after).
    Errors: InformerError for a file that is none of labels.
    """
    return [_label(event, incidents, step_ns) for event in read_events(path)]


def false_incidents(
    labels: list[Label], incidents: list[dict[str, Any]], step_ns: int
) -> list[dict[str, Any]]:
    """Misuse incidents that open inside no attack and no fault."""
    events = [x for x in labels if x.flag != LEGITIMATE_CHANGE]
    return [
        i
        for i in incidents
        if i["kind"] not in LEGITIMATE
        and not any(_opens_in(i, e.start_ns, e.end_ns, step_ns) for e in events)
    ]


def _label(event: Event, incidents: list[dict[str, Any]], step_ns: int) -> Label:
    inside = [i for i in incidents if _opens_in(i, event.start_ns, event.end_ns, step_ns)]
    found = [(i, _rank(i, event)) for i in inside]
    legitimate = event.flag == LEGITIMATE_CHANGE
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
        event=event.event_id,
        kind=event.kind.replace("_", " "),
        flag=event.flag,
        start_ns=event.start_ns,
        end_ns=event.end_ns,
        outcome=outcome,
        found_by=found_by,
    )


def _opens_in(incident: dict[str, Any], start_ns: int, end_ns: int, step_ns: int) -> bool:
    opened = int(incident["opened_ns"])
    return start_ns - step_ns <= opened <= end_ns + SLACK_STEPS * step_ns


def _rank(incident: dict[str, Any], event: Event) -> int:
    """Place of a guilty rpc in the incident, from 1; 0 when none is among the first three."""
    for place, rpc in enumerate(incident["rpcs"][:3], start=1):
        if event.names(rpc["caller"], rpc["callee"], rpc["method"]):
            return place
    return 0
