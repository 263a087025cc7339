"""`informer` and its commands. Imports stay inside the commands: `--help` answers at once."""

from pathlib import Path
from typing import Any

import click

from informer.cli.incident_commands import incidents
from informer.cli.options import (
    SOURCES,
    as_json,
    settings_from,
    source_options,
    workspace_option,
)
from informer.cli.pattern_commands import patterns
from informer.cli.policy_commands import policy
from informer.cli.values import Duration, Moment, hold_to_utf8


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="rpc-informer", prog_name="informer")
def informer() -> None:
    """Tell when microservices stop calling each other the way they do."""


@informer.command()
@click.option(
    "--report",
    "report_path",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("report.html"),
    show_default=True,
    help="Where the report goes.",
)
@as_json
def demo(report_path: Path, json_out: bool) -> None:
    """Run the main job on the bundled capture of a real service mesh under attack."""
    from informer.cli.demo import run_demo

    run_demo(report_path, json_out=json_out)


@informer.command()
@SOURCES
@source_options
@as_json
def check(sources: tuple[str, ...], json_out: bool, **source: Any) -> None:
    """Say whether traces are fit for Informer, and with which options.

    SOURCES are files, folders, globs or file:// URIs.
    """
    from informer.cli.check import run_check

    run_check(sources, settings_from(None, source), json_out=json_out)


@informer.command()
@SOURCES
@workspace_option
@click.option("--step", type=Duration(), help="Length of a step, such as 60s or 10m.")
@click.option("--from", "from_ns", type=Moment(), help="Learn from here on (UTC).")
@click.option("--until", "until_ns", type=Moment(), help="Learn up to here, exclusive (UTC).")
@click.option(
    "--budget", type=float, help="Misuse incidents that clean traffic may bring a day. [default: 1]"
)
@source_options
@as_json
def learn(
    sources: tuple[str, ...],
    workspace: Path,
    step: int | None,
    from_ns: int | None,
    until_ns: int | None,
    budget: float | None,
    json_out: bool,
    **source: Any,
) -> None:
    """Learn regular traffic: spans to patterns, graphs and trained models.

    Settings not given here come from informer.toml in the workspace.
    """
    from informer.cli.learn import run_learn

    settings = settings_from(workspace, source, step_s=step, budget=budget)
    run_learn(sources, workspace, settings, from_ns, until_ns, json_out=json_out)


@informer.command()
@SOURCES
@workspace_option
@click.option("--from", "from_ns", type=Moment(), help="Look from here on (UTC).")
@click.option("--until", "until_ns", type=Moment(), help="Look up to here, exclusive (UTC).")
@click.option(
    "--scores",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the score of every cell to this Parquet file.",
)
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write a report to this HTML file.",
)
@click.option("--fail-on-incident", is_flag=True, help="Exit 1 when there are incidents.")
@source_options
@as_json
def detect(
    sources: tuple[str, ...],
    workspace: Path,
    from_ns: int | None,
    until_ns: int | None,
    scores: Path | None,
    report: Path | None,
    fail_on_incident: bool,
    json_out: bool,
    **source: Any,
) -> None:
    """Find irregular traffic in a time range and list the incidents.

    How spans are read is taken from `learn` unless it is given here.
    """
    from informer.cli.detect import run_detect

    settings = settings_from(workspace, source)
    found = run_detect(
        sources, workspace, settings, from_ns, until_ns, scores, report, json_out=json_out
    )
    if fail_on_incident and found:
        raise click.exceptions.Exit(1)


@informer.command()
@workspace_option
@click.option(
    "--insecure", is_flag=True, help="Listen beyond this machine without TLS. For tests only."
)
def serve(workspace: Path, insecure: bool) -> None:
    """Take spans all the time (OTLP, Kafka, growing logs), and tell incidents as they come up.

    Where it listens and reads, limits, TLS, and who is told: informer.toml in the workspace.
    """
    from informer.cli.serve import run_serve

    run_serve(workspace, insecure=insecure)


@informer.command()
@click.argument("scenario")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    help="The folder to write; absent or empty.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="The same seed gives the same bytes.",
)
@click.option("--days", type=click.IntRange(min=1), help="Length, when not the scenario's own.")
@click.option(
    "--from",
    "from_ns",
    type=Moment(),
    default="2026-06-01",
    show_default=True,
    help="Beginning of the traffic (UTC).",
)
@as_json
def simulate(
    scenario: str, output: Path, seed: int, days: int | None, from_ns: int, json_out: bool
) -> None:
    """Make labelled traffic: days of training, then attacks, changes and faults.

    SCENARIO is shop, bank, social, paper or a TOML file.
    """
    from informer.cli.simulate import run_simulate

    run_simulate(scenario, output, seed, days, from_ns, json_out=json_out)


@informer.command()
@workspace_option
@as_json
def audit(workspace: Path, json_out: bool) -> None:
    """List who decided what, and what came of it."""
    from informer.cli.audit import list_audit

    list_audit(workspace, json_out=json_out)


for group in (patterns, incidents, policy):
    informer.add_command(group)
hold_to_utf8(informer)
