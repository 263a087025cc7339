"""`informer incidents`."""

from pathlib import Path
from typing import Any

from informer.cli.reach import Reached, reach
from informer.cli.show import how_long, lasted, print_json, print_table, say, when
from informer.web.words import count

MOST_SPANS_SHOWN = 40


def list_incidents(workspace: Path, *, json_out: bool) -> None:
    """All incidents found so far."""
    incidents = reach(workspace).incidents()
    if json_out:
        print_json(incidents)
    else:
        print_incidents(incidents)


def print_incidents(incidents: list[dict[str, Any]]) -> None:
    """Incidents as a table."""
    if not incidents:
        say("No incidents.")
        return
    print_table(
        count(len(incidents), "incident"),
        ("id", "opened (UTC)", "lasted>", "severity", "kind", "score>", "what"),
        [
            (
                i["id"],
                when(i["opened_ns"]),
                lasted(i["opened_ns"], i["resolved_ns"]),
                i["severity"],
                i["kind"],
                f"{i['score']:.1f}",
                i["title"],
            )
            for i in incidents
        ],
    )


def show_incident(workspace: Path, incident_id: str, *, json_out: bool) -> None:
    """One incident with its evidence."""
    place = reach(workspace)
    incident = place.incident(incident_id)
    if json_out:
        print_json(incident)
        return
    say(f"{incident['id']}  {incident['title']}")
    say(
        f"{incident['severity']} {incident['kind']}, opened {when(incident['opened_ns'])} UTC, "
        f"{how_long(incident['opened_ns'], incident['resolved_ns'])}, "
        f"verdict: {incident['verdict']}"
    )
    for sentence in incident["explanation"]:
        say(f"  {sentence}")
    print_table(
        "guilty rpcs",
        ("share>", "observed>", "expected>", "rpc"),
        [
            (
                f"{r['share']:.0%}",
                *_measured(r),
                f"{r['caller']} > {r['callee']} {r['method']}",
            )
            for r in incident["rpcs"]
        ],
    )
    if incident["attributes"]:
        print_table(
            "attributes that deviate",
            ("now>", "usually>", "attribute"),
            [
                (
                    f"{a['share_now']:.0%}",
                    f"{a['share_before']:.0%}",
                    f"{a['key']} = {a['value']}",
                )
                for a in incident["attributes"]
            ],
        )
    for label, key in (
        ("Example traces", "examples"),
        ("Near it", "changes"),
        ("Similar", "similar"),
    ):
        if incident[key]:
            say(f"{label}: {', '.join(incident[key])}")
    _print_example(place, incident)


def _measured(rpc: dict[str, Any]) -> tuple[str, str]:
    """Observed and expected with their unit, where it is not calls."""
    if rpc["signal"] == "latency":
        return f"{rpc['observed']:,.3g} ms", f"{rpc['expected']:,.3g} ms"
    return f"{rpc['observed']:.0f}", f"{rpc['expected']:.1f}"


def _print_example(place: Reached, incident: dict[str, Any]) -> None:
    """The first example trace as a tree."""
    if not incident["examples"]:
        return
    spans = place.example(incident["id"], incident["examples"][0])
    say(f"Example {incident['examples'][0]}:")
    for span in spans[:MOST_SPANS_SHOWN]:
        outcome = " failed" if span["failed"] else " refused" if span["refused"] else ""
        status = "" if span["status_code"] is None else f" {span['status_code']}"
        what = f"{'  ' * span['depth']}{span['service']} {span['operation']} ({span['kind']})"
        say(f"  {span['duration_ns'] / 1e6:9.1f} ms  {what}{status}{outcome}")
    if len(spans) > MOST_SPANS_SHOWN:
        say(f"  and {len(spans) - MOST_SPANS_SHOWN} spans more")


def decide_incident(
    workspace: Path, incident_id: str, verdict: str, note: str, *, json_out: bool
) -> None:
    """Carry out accept or reject."""
    done = reach(workspace).decide("incident", verdict, incident_id, note)
    if json_out:
        print_json(done)
        return
    what = "accepted: it was legitimate" if verdict == "accept" else "rejected: it was misuse"
    say(f"Incident {incident_id} {what}.")
    for pattern_id, version in done["models"].items():
        say(f"Model {version} of pattern {pattern_id} is in force; all others are as they were.")
