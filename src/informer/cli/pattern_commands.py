"""`informer patterns`: its commands and options. Imports stay inside the commands."""

from pathlib import Path

import click

from informer.cli.options import ListedGroup, as_json, note_option, workspace_option


@click.group(cls=ListedGroup)
def patterns() -> None:
    """List, show and decide on chain patterns."""


@patterns.command("list")
@workspace_option
@as_json
def patterns_list(workspace: Path, json_out: bool) -> None:
    """List the patterns, the busiest first."""
    from informer.cli.patterns import list_patterns

    list_patterns(workspace, json_out=json_out)


@patterns.command("show")
@click.argument("pattern_id", metavar="ID")
@workspace_option
@as_json
def patterns_show(pattern_id: str, workspace: Path, json_out: bool) -> None:
    """Show one pattern: its graph, its forecaster and why that one, its model versions."""
    from informer.cli.patterns import show_pattern

    show_pattern(workspace, pattern_id, json_out=json_out)


@patterns.command("accept")
@click.argument("pattern_id", metavar="ID")
@workspace_option
@note_option
@as_json
def patterns_accept(pattern_id: str, workspace: Path, note: str, json_out: bool) -> None:
    """The pattern's new traffic is legitimate: learn it again, that pattern alone."""
    from informer.cli.patterns import decide_pattern

    decide_pattern(workspace, pattern_id, "accept", note, json_out=json_out)


@patterns.command("reject")
@click.argument("pattern_id", metavar="ID")
@workspace_option
@note_option
@as_json
def patterns_reject(pattern_id: str, workspace: Path, note: str, json_out: bool) -> None:
    """The pattern's irregular traffic is misuse: keep it out of training."""
    from informer.cli.patterns import decide_pattern

    decide_pattern(workspace, pattern_id, "reject", note, json_out=json_out)


@patterns.command("revert")
@click.argument("pattern_id", metavar="ID")
@workspace_option
@note_option
@as_json
def patterns_revert(pattern_id: str, workspace: Path, note: str, json_out: bool) -> None:
    """Go back to the pattern's previous model."""
    from informer.cli.patterns import decide_pattern

    decide_pattern(workspace, pattern_id, "revert", note, json_out=json_out)
