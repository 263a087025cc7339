"""`informer policy list`, `propose`, `advance`, `back` and `observe`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from informer.cli.policy_target import Compile, names_in, read_promise
from informer.cli.reach import refuse_served
from informer.cli.show import print_json, print_table, say, warn
from informer.core.types import Json
from informer.pipeline import policy_rollout as rollout
from informer.pipeline.policy_suggest import text_of
from informer.pipeline.policy_verify import told_in_incidents, verify
from informer.pipeline.workspace import Workspace
from informer.policies.parse import parse
from informer.policies.rollout import Version, version_of
from informer.policies.syntax import Policy

STOP_FIRST = "stop it for this"


def list_versions(workspace: Path, *, json_out: bool) -> None:
    """All versions, the oldest first."""
    refuse_served(workspace, STOP_FIRST)
    with Workspace.open(workspace) as home:
        versions = rollout.versions_in(home)
    if json_out:
        print_json([_document(v) for v in versions])
        return
    print_table(
        f"{len(versions)} versions",
        ("version>", "stage", "promised", "observed", "why"),
        [
            (
                str(v.number),
                v.stage,
                f"{v.promised_denied:,} of {v.promised_calls:,}",
                f"{v.observed_denied:,} of {v.observed_calls:,}",
                v.why,
            )
            for v in versions
        ],
    )


def propose_version(rules: Path, workspace: Path, promise: Path, *, json_out: bool) -> None:
    """Keep a new version."""
    refuse_served(workspace, STOP_FIRST)
    text, promised = text_of(rules), read_promise(promise)
    parse(text, rules.name)
    with Workspace.open(workspace) as home:
        made = rollout.propose(home, text, promised)
    _tell(made, json_out=json_out)


def advance_version(
    number: int, workspace: Path, output: Path | None, compile_to: Compile, *, json_out: bool
) -> None:
    """One stage further."""
    refuse_served(workspace, STOP_FIRST)
    with Workspace.open(workspace) as home:
        moved = rollout.advance(home, number, output, _files(compile_to))
    _tell(moved, json_out=json_out)


def take_back(
    number: int, workspace: Path, output: Path | None, compile_to: Compile, *, json_out: bool
) -> None:
    """Out of force."""
    refuse_served(workspace, STOP_FIRST)
    with Workspace.open(workspace) as home:
        moved = rollout.step_back(home, number, "taken back", output, _files(compile_to))
    _tell(moved, json_out=json_out)


def observe_version(
    number: int,
    files: Sequence[Path],
    workspace: Path,
    output: Path | None,
    workloads: Path | None,
    compile_to: Compile,
    *,
    json_out: bool,
) -> None:
    """Count what proxies said, and step back where it is more than was promised."""
    refuse_served(workspace, STOP_FIRST)
    with Workspace.open(workspace) as home:
        one = version_of(rollout.versions_in(home), number)
        policy = parse(one.rules)
        told = told_in_incidents(home)
        seen = verify(policy, files, name_of=names_in(policy, workloads), told=told)
        counted = (seen.calls - seen.told, seen.denied - seen.told)
        after, why = rollout.observe(home, number, *counted, output, _files(compile_to))
    if seen.told and not json_out:
        warn([f"{seen.told:,} denied calls are part of incidents: they do not count"])
    if why and not json_out:
        warn([f"stepped back: {why}"])
    _tell(after, json_out=json_out)


def _files(compile_to: Compile) -> Callable[[Policy, bool], Mapping[str, str]]:
    return lambda policy, shadow: compile_to(policy, shadow).files


def _document(version: Version) -> Json:
    return {k: v for k, v in asdict(version).items() if k != "rules"}


def _tell(version: Version, *, json_out: bool) -> None:
    if json_out:
        print_json(_document(version))
    else:
        say(f"Version {version.number} is in stage {version.stage}: {version.why}.")
