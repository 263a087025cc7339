"""`informer policy`: out of what was learned, and held against what came."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from informer.cli.reach import refuse_served
from informer.cli.show import print_json, print_table, progress_on_stderr, say, warn, when
from informer.config.settings import Settings
from informer.pipeline.policy_export import RULES_FILE, export_policy, write_files
from informer.pipeline.policy_replay import read_policy, replay_document, replay_policy
from informer.policies.amounts import Margin
from informer.policies.write import write

STOP_FIRST = "stop it first, or work on a copy of the workspace"


def run_export(workspace: Path, output: Path | None, margin: Margin, *, json_out: bool) -> None:
    """Write the learned policy, to a folder or to stdout."""
    refuse_served(workspace, STOP_FIRST)
    learned = export_policy(workspace, margin)
    text = write(learned.policy)
    files = {RULES_FILE: text}
    written = write_files(output, files) if output is not None else []
    if json_out:
        print_json({"files": files, "notes": list(learned.notes)})
        return
    warn(learned.notes)
    if output is None:
        for line in text.splitlines():
            say(line)
    for path in written:
        say(f"Wrote {path}: {len(learned.policy.rules)} rules")


def run_replay(
    rules: Path,
    sources: Sequence[str],
    workspace: Path,
    settings: Settings,
    from_ns: int | None,
    until_ns: int | None,
    labels: Path | None,
    malicious: Path | None,
    *,
    json_out: bool,
) -> None:
    """Say what the rules would have done to the calls of sources."""
    refuse_served(workspace, STOP_FIRST)
    policy = read_policy(rules)
    with progress_on_stderr() as progress:
        found = replay_policy(
            policy,
            sources,
            workspace,
            settings=settings,
            from_ns=from_ns,
            until_ns=until_ns,
            labels=labels,
            malicious=malicious,
            progress=progress,
        )
    document = replay_document(found)
    if json_out:
        print_json(document)
        return
    warn(found.read.notes)
    _print_replay(document, labelled=labels is not None)


def _print_replay(document: dict[str, Any], *, labelled: bool) -> None:
    say(
        f"{document['denied']:,} of {document['calls']:,} calls would have been denied"
        + (f", {document['false_denied']:,} of them harmless" if labelled else "")
        + f" ({document['false_denied_share']:.3%})."
    )
    if document["unjudged"]:
        say(f"{document['unjudged']:,} calls have a side that nobody knows: not judged.")
    denying = [r for r in document["rules"] if r["denied"]]
    if denying:
        print_table(
            "rules that deny",
            ("rule", "denied>", "harmless>", "allowed>", "for example"),
            [
                (
                    r["rule"],
                    f"{r['denied']:,}",
                    f"{r['false_denied']:,}",
                    f"{r['allowed']:,}",
                    _example(r["examples"][0]),
                )
                for r in denying
            ],
        )
    if document["labels"]:
        print_table(
            "labelled events",
            ("event", "kind", "what", "calls>", "denied>", "share>"),
            [
                (
                    name,
                    e["flag"],
                    e["kind"].replace("_", " "),
                    f"{e['calls']:,}",
                    f"{e['denied']:,}",
                    "" if e["share"] is None else f"{e['share']:.0%}",
                )
                for name, e in document["labels"].items()
            ],
        )


def _example(call: dict[str, Any]) -> str:
    at = when(call["time_ns"])
    return f"{call['caller']} > {call['callee']} {call['method']}, {at}, trace {call['trace_id']}"
