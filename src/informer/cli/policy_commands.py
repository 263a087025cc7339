"""`informer policy`: its commands and options. Imports stay inside the commands."""

from pathlib import Path
from typing import Any

import click

from informer.cli.options import (
    SOURCES,
    ListedGroup,
    as_json,
    settings_from,
    source_options,
    workspace_option,
)
from informer.cli.policy_options import FILE, margin_options, publish_option, target_options
from informer.cli.values import Moment

RULES = click.argument("rules", type=FILE)
NUMBER = click.argument("number", type=click.IntRange(min=1))


@click.group(cls=ListedGroup)
def policy() -> None:
    """Turn what was learned into rules, try them, and bring them into force."""


@policy.command("export")
@workspace_option
@target_options
@click.option("--rules", type=FILE, help="Take these reviewed rules, and not what was learned.")
@click.option("--shadow", is_flag=True, help="Files that count what they would deny, and pass it.")
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="The folder to write into; without it, files go to stdout.",
)
@margin_options
@as_json
def policy_export(
    workspace: Path,
    target: str,
    workloads: Path | None,
    namespace: str | None,
    label: str | None,
    rules: Path | None,
    shadow: bool,
    output: Path | None,
    quantile: float,
    headroom: float,
    json_out: bool,
) -> None:
    """Write what the training range states: allow what was seen, deny the rest."""
    from informer.cli.policy import run_export
    from informer.cli.policy_target import compiler
    from informer.policies.amounts import Margin

    margin = Margin(quantile, headroom)
    compile_to = compiler(target, workloads, namespace, label)
    run_export(workspace, output, margin, rules, compile_to, shadow=shadow, json_out=json_out)


@policy.command("replay")
@RULES
@SOURCES
@workspace_option
@click.option("--from", "from_ns", type=Moment(), help="Replay from here on (UTC).")
@click.option("--until", "until_ns", type=Moment(), help="Replay up to here, exclusive (UTC).")
@click.option(
    "--labels", type=FILE, help="What happened, as `informer simulate` writes it: labels.csv."
)
@click.option(
    "--malicious",
    type=FILE,
    help="Which traces an attack made, as `informer simulate` writes it: malicious.parquet.",
)
@source_options
@as_json
def policy_replay(
    rules: Path,
    sources: tuple[str, ...],
    workspace: Path,
    from_ns: int | None,
    until_ns: int | None,
    labels: Path | None,
    malicious: Path | None,
    json_out: bool,
    **source: Any,
) -> None:
    """Say what rules would have denied of recorded traffic, rule by rule.

    Without labels every denial counts as a false one: take clean traffic.
    """
    from informer.cli.policy import run_replay

    settings = settings_from(workspace, source)
    truth = (labels, malicious)
    run_replay(rules, sources, workspace, settings, (from_ns, until_ns), truth, json_out=json_out)


@policy.command("verify")
@RULES
@click.option(
    "--shadow",
    type=FILE,
    required=True,
    multiple=True,
    help="An access log or the statistics of a proxy with these rules; may be given again.",
)
@click.option("--promise", type=FILE, help="What `informer policy replay --json` printed.")
@click.option("--workloads", type=FILE, help="A TOML file that says where services run.")
@as_json
def policy_verify(
    rules: Path,
    shadow: tuple[Path, ...],
    promise: Path | None,
    workloads: Path | None,
    json_out: bool,
) -> None:
    """Hold rules against what a proxy with them said of real calls, in shadow or in force."""
    from informer.cli.policy import run_verify

    run_verify(rules, shadow, promise, workloads, json_out=json_out)


@policy.command("suggest")
@RULES
@workspace_option
@margin_options
@as_json
def policy_suggest(
    rules: Path, workspace: Path, quantile: float, headroom: float, json_out: bool
) -> None:
    """Print a diff that allows what was learned or accepted since and these rules deny."""
    from informer.cli.policy import run_suggest
    from informer.policies.amounts import Margin

    run_suggest(rules, workspace, Margin(quantile, headroom), json_out=json_out)


@policy.command("list")
@workspace_option
@as_json
def policy_list(workspace: Path, json_out: bool) -> None:
    """List the versions of the policy and how far each has come."""
    from informer.cli.policy_rollout import list_versions

    list_versions(workspace, json_out=json_out)


@policy.command("propose")
@RULES
@workspace_option
@click.option(
    "--promise",
    type=FILE,
    required=True,
    help="What `informer policy replay --json` printed of these rules.",
)
@as_json
def policy_propose(rules: Path, workspace: Path, promise: Path, json_out: bool) -> None:
    """Keep rules as a new version, off, with what a replay promised of them."""
    from informer.cli.policy_rollout import propose_version

    propose_version(rules, workspace, promise, json_out=json_out)


@policy.command("advance")
@NUMBER
@workspace_option
@publish_option
@target_options
@as_json
def policy_advance(
    number: int,
    workspace: Path,
    output: Path | None,
    target: str,
    workloads: Path | None,
    namespace: str | None,
    label: str | None,
    json_out: bool,
) -> None:
    """Bring a version one stage further: off, shadow, canary, enforce."""
    from informer.cli.policy_rollout import advance_version
    from informer.cli.policy_target import compiler

    compile_to = compiler(target, workloads, namespace, label)
    advance_version(number, workspace, output, compile_to, json_out=json_out)


@policy.command("back")
@NUMBER
@workspace_option
@publish_option
@target_options
@as_json
def policy_back(
    number: int,
    workspace: Path,
    output: Path | None,
    target: str,
    workloads: Path | None,
    namespace: str | None,
    label: str | None,
    json_out: bool,
) -> None:
    """Take a version back: it blocks nothing more, and the one before it is in force again."""
    from informer.cli.policy_rollout import take_back
    from informer.cli.policy_target import compiler

    compile_to = compiler(target, workloads, namespace, label)
    take_back(number, workspace, output, compile_to, json_out=json_out)


@policy.command("observe")
@NUMBER
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="FILE...")
@workspace_option
@publish_option
@target_options
@as_json
def policy_observe(
    number: int,
    files: tuple[Path, ...],
    workspace: Path,
    output: Path | None,
    target: str,
    workloads: Path | None,
    namespace: str | None,
    label: str | None,
    json_out: bool,
) -> None:
    """Count what proxies said since the last time; step back when it is more than was promised.

    FILES are access logs, or the statistics of one proxy. What an incident tells of does not count.
    """
    from informer.cli.policy_rollout import observe_version
    from informer.cli.policy_target import compiler

    compile_to = compiler(target, workloads, namespace, label)
    observe_version(number, files, workspace, output, workloads, compile_to, json_out=json_out)


@policy.command("arrange")
@click.argument("rules", type=click.Path(dir_okay=False, path_type=Path))
@as_json
def policy_arrange(rules: Path, json_out: bool) -> None:
    """Propose the cheapest order and place of the rules on each edge.

    Only what is proved to change no answer, for any stream of calls; and why the rest must stay.
    It needs `pip install 'rpc-informer[arrange]'`.
    """
    from informer.cli.arrange import run_arrange

    run_arrange(rules, json_out=json_out)
