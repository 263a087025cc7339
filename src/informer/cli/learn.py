"""`informer learn`."""

from pathlib import Path
from typing import Any

from informer.cli.patterns import print_patterns
from informer.cli.reach import refuse_served
from informer.cli.show import print_json, progress_on_stderr, say, warn, when
from informer.config.settings import Settings
from informer.pipeline.learn import LearnResult, learn
from informer.pipeline.look import list_patterns
from informer.web.words import count


def run_learn(
    sources: tuple[str, ...],
    workspace: Path,
    settings: Settings,
    from_ns: int | None,
    until_ns: int | None,
    *,
    json_out: bool,
) -> None:
    """Learn, then say what was learned."""
    refuse_served(workspace, "stop it first, or learn into another folder")
    with progress_on_stderr() as progress:
        try:
            result = learn(
                sources,
                workspace,
                settings=settings,
                from_ns=from_ns,
                until_ns=until_ns,
                progress=progress,
            )
        except KeyboardInterrupt:
            warn(("what was read and learned so far is kept: the same command goes on from here",))
            raise
    patterns = list_patterns(workspace)
    if json_out:
        print_json(_document(result, patterns))
        return
    print_learned(result, patterns)


def print_learned(result: LearnResult, patterns: list[dict[str, Any]]) -> None:
    """What was learned, for people."""
    read = result.read
    chains = read.chains
    say(
        f"Read {chains.spans:,} spans of {chains.traces:,} traces "
        f"({', '.join(read.formats)}, {count(read.files, 'file')}): {chains.calls:,} calls, "
        f"{chains.shapes:,} shapes of chain."
    )
    for reason, spans in sorted(read.rejected.items()):
        say(f"Left out {count(spans, 'span')}: {reason}.")
    warn(result.notes)
    print_patterns(patterns)
    needed = ", ".join(f"{k} {score:.1f}" for k, score in result.learned.thresholds.items())
    say(
        f"Trained on {when(result.grid.start_ns)} to {when(result.grid.end_ns)} UTC in steps of "
        f"{result.grid.step_s} s. The score an alert takes: {needed}."
    )


def _document(result: LearnResult, patterns: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "run_id": result.run_id,
        "from_ns": result.grid.start_ns,
        "until_ns": result.grid.end_ns,
        "step_s": result.grid.step_s,
        "thresholds": result.learned.thresholds,
        "formats": result.read.formats,
        "spans": result.read.chains.spans,
        "chains": result.read.chains.chains,
        "rejected": result.read.rejected,
        "notes": result.notes,
        "patterns": patterns,
    }
