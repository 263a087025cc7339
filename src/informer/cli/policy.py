"""`informer policy`: out of what was learned, and held against what came."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from informer.cli.policy_target import Compile, names_in, read_promise
from informer.cli.reach import refuse_served
from informer.cli.show import print_json, print_table, progress_on_stderr, say, warn, when
from informer.config.settings import Settings
from informer.pipeline.policy_export import export_policy, write_files
from informer.pipeline.policy_replay import read_policy, replay_document, replay_policy
from informer.pipeline.policy_suggest import suggest_change, text_of
from informer.pipeline.policy_verify import verify, verify_document
from informer.policies.amounts import Margin
from informer.policies.targets.compiled import brief

STOP_FIRST = "stop it first, or work on a copy of the workspace"


def run_export(
    workspace: Path,
    output: Path | None,
    margin: Margin,
    rules: Path | None,
    compile_to: Compile,
    *,
    shadow: bool,
    json_out: bool,
) -> None:
    """Write a policy, learned or given, to a folder or to stdout."""
    if rules is None:
        refuse_served(workspace, STOP_FIRST)
        learned = export_policy(workspace, margin)
        policy, notes = learned.policy, learned.notes
    else:
        policy, notes = read_policy(rules), ()
    compiled = compile_to(policy, shadow)
    told = [f"before you apply it: {line}" for line in compiled.before]
    told += [f"weaker than the rules: {line}" for line in compiled.weakened]
    told += [f"stricter than the rules: {line}" for line in compiled.stricter]
    files = dict(compiled.files)
    written = write_files(output, files) if output is not None else []
    if json_out:
        print_json({"files": files, "notes": [*notes, *told]})
        return
    warn((*notes, *map(brief, told)))  # the files name all
    if output is None:
        for name, text in files.items():
            if len(files) > 1:
                say(f"# {name}")
            for line in text.splitlines():
                say(line)
    for path in written:
        say(f"Wrote {path}")


def run_replay(
    rules: Path,
    sources: Sequence[str],
    workspace: Path,
    settings: Settings,
    between: tuple[int | None, int | None],
    truth: tuple[Path | None, Path | None],
    *,
    json_out: bool,
) -> None:
    """Say what the rules would have done to the calls of sources."""
    refuse_served(workspace, STOP_FIRST)
    policy = read_policy(rules)
    labels, malicious = truth
    with progress_on_stderr() as progress:
        found = replay_policy(
            policy,
            sources,
            workspace,
            settings=settings,
            from_ns=between[0],
            until_ns=between[1],
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


def run_verify(
    rules: Path,
    shadow: Sequence[Path],
    promise: Path | None,
    workloads: Path | None,
    *,
    json_out: bool,
) -> None:
    """Hold rules against what a proxy said of real calls."""
    policy = read_policy(rules)
    promised = read_promise(promise) if promise is not None else None
    found = verify(policy, shadow, name_of=names_in(policy, workloads))
    document = verify_document(found, promised)
    if json_out:
        print_json(document)
        return
    warn([f"{n:,} lines of the log were left out: {why}" for why, n in found.skipped.items()])
    say(f"{document['denied']:,} of {document['calls']:,} calls ({document['denied_share']:.3%}).")
    if document["promised_share"] is not None:
        say(f"A replay promised {document['promised_share']:.3%}.")
    if document["differ"] is not None:
        say(f"On {document['differ']:,} calls the proxy and the rules do not agree.")
        print_table(
            "rules",
            ("rule", "calls>", "rules deny>", "proxy denies>", "differ>", "by a limit>"),
            [
                (
                    r["rule"],
                    *(
                        f"{r[k]:,}"
                        for k in ("calls", "promised", "denied", "differ", "differ_by_limit")
                    ),
                )
                for r in document["rules"]
            ],
        )


def run_suggest(rules: Path, workspace: Path, margin: Margin, *, json_out: bool) -> None:
    """Print what rules in force need, as a diff."""
    refuse_served(workspace, STOP_FIRST)
    text = text_of(rules)
    found = suggest_change(workspace, text, rules.name, margin)
    diff = found.diff(text, rules.name)
    if json_out:
        print_json({"added": [rule.name for rule in found.added], "diff": diff})
        return
    for line in diff.splitlines():
        say(line)
    if not found.added:
        warn(["these rules allow all that was learned"])


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
