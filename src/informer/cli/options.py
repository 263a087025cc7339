"""Options that several commands share, and the settings they make."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from informer.core.errors import InformerError
from informer.core.formats import FORMATS

Command = Callable[..., Any]

SOURCES = click.argument("sources", nargs=-1, required=True, metavar="SOURCE...")


class ListedGroup(click.Group):
    """A group that lists when no command is named: `informer patterns -w W`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put `list` in front of options that are not the group's own."""
        if args and args[0].startswith("-") and args[0] not in ctx.help_option_names:
            args = ["list", *args]
        return super().parse_args(ctx, args)


def workspace_option(command: Command) -> Command:
    """`-w`: the workspace folder."""
    return click.option(
        "-w",
        "--workspace",
        type=click.Path(file_okay=False, path_type=Path),
        required=True,
        help="The workspace folder.",
    )(command)


def as_json(command: Command) -> Command:
    """`--json`: one JSON document on stdout and nothing else."""
    return click.option(
        "--json", "json_out", is_flag=True, help="Print one JSON document and nothing else."
    )(command)


def note_option(command: Command) -> Command:
    """`--note`: why somebody decides as they do."""
    return click.option("--note", default="", help="Why, for the audit log.")(command)


def source_options(command: Command) -> Command:
    """How spans are read."""
    options = (
        click.option(
            "--format",
            "format",
            type=click.Choice(FORMATS),
            help="Format of the sources; recognised when not given.",
        ),
        click.option(
            "--columns",
            help="For tables: ours=theirs, separated by commas, "
            "such as trace_id=TraceID,service=PodName.",
        ),
        click.option("--correlate", help="What joins spans: trace_id or attribute:NAME."),
        click.option("--where", help="Read only spans for which this SQL condition holds."),
        click.option(
            "--engine",
            help="Where spans lie and are read: duckdb, spark, spark://HOST:PORT, spark:MASTER, "
            "clickhouse://[USER@]HOST[:PORT], clickhouses:// (with TLS) or chdb:FOLDER.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def settings_from(
    workspace: Path | None,
    source: dict[str, Any],
    *,
    step_s: int | None = None,
    budget: float | None = None,
) -> Any:
    """The workspace's settings, or the defaults, with what was typed on top.

    Errors: InformerError that names the option, the rule and the value.
    """
    from dataclasses import replace

    from informer.config.load import settings_in
    from informer.config.rules import check
    from informer.config.settings import Settings

    settings = settings_in(workspace) if workspace else Settings()
    typed = {k: v for k, v in source.items() if v is not None}
    if "columns" in typed:
        typed["columns"] = _columns(typed["columns"])
    settings = replace(settings, source=replace(settings.source, **typed))
    if step_s is not None:
        settings = replace(settings, traffic=replace(settings.traffic, step_s=step_s))
    if budget is not None:
        settings = replace(settings, alerts=replace(settings.alerts, budget_per_day=budget))
    for section in ("source", "traffic", "alerts"):
        check(section, getattr(settings, section))
    return settings


def _columns(text: str) -> dict[str, str]:
    pairs = [p.partition("=") for p in text.split(",") if p.strip()]
    for ours, equals, theirs in pairs:
        if not (ours.strip() and equals and theirs.strip()):
            raise InformerError(f"--columns must be ours=theirs pairs, got {ours!r}")
    return {ours.strip(): theirs.strip() for ours, _, theirs in pairs}
