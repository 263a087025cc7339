"""`informer incidents`: its commands and options. Imports stay inside the commands."""

from pathlib import Path

import click

from informer.cli.options import ListedGroup, as_json, note_option, workspace_option


@click.group(cls=ListedGroup)
def incidents() -> None:
    """List, show and decide on incidents."""


@incidents.command("list")
@workspace_option
@as_json
def incidents_list(workspace: Path, json_out: bool) -> None:
    """List the incidents found so far, in order of time."""
    from informer.cli.incidents import list_incidents

    list_incidents(workspace, json_out=json_out)


@incidents.command("show")
@click.argument("incident_id", metavar="ID")
@workspace_option
@as_json
def incidents_show(incident_id: str, workspace: Path, json_out: bool) -> None:
    """Show one incident with its evidence."""
    from informer.cli.incidents import show_incident

    show_incident(workspace, incident_id, json_out=json_out)


@incidents.command("accept")
@click.argument("incident_id", metavar="ID")
@workspace_option
@note_option
@as_json
def incidents_accept(incident_id: str, workspace: Path, note: str, json_out: bool) -> None:
    """It was legitimate: learn the patterns it touches again, those alone."""
    from informer.cli.incidents import decide_incident

    decide_incident(workspace, incident_id, "accept", note, json_out=json_out)


@incidents.command("reject")
@click.argument("incident_id", metavar="ID")
@workspace_option
@note_option
@as_json
def incidents_reject(incident_id: str, workspace: Path, note: str, json_out: bool) -> None:
    """It was misuse: keep its steps out of training for good."""
    from informer.cli.incidents import decide_incident

    decide_incident(workspace, incident_id, "reject", note, json_out=json_out)
