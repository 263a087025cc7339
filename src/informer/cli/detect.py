"""`informer detect`."""

from pathlib import Path

import pyarrow.parquet as pq

from informer.cli.incidents import print_incidents
from informer.cli.reach import refuse_served
from informer.cli.show import print_json, progress_on_stderr, say, warn, when
from informer.config.settings import Settings
from informer.core.errors import InformerError
from informer.pipeline.detect import detect
from informer.pipeline.documents import detection_document
from informer.web.words import count


def run_detect(
    sources: tuple[str, ...],
    workspace: Path,
    settings: Settings,
    from_ns: int | None,
    until_ns: int | None,
    scores: Path | None,
    report: Path | None,
    *,
    json_out: bool,
) -> int:
    """Detect, then list the incidents; returns how many there are."""
    refuse_served(
        workspace, "stop it first, or see what it found itself with `informer incidents list`"
    )
    for path in (scores, report):
        _check_writable(path)
    with progress_on_stderr() as progress:
        result = detect(
            sources,
            workspace,
            settings=settings,
            from_ns=from_ns,
            until_ns=until_ns,
            progress=progress,
        )
    if scores is not None:
        pq.write_table(result.scores, scores, compression="zstd")
    if report is not None:
        from informer.cli.report import write_report

        write_report(report, result, workspace, ", ".join(sources))
    document = detection_document(result.incidents, result.grid)
    if json_out:
        print_json(document)
    else:
        warn(result.notes)
        say(
            f"Looked at {when(result.grid.start_ns)} to {when(result.grid.end_ns)} UTC: "
            f"{looked_at(result.read.chains.chains, result.stand_for)}."
        )
        print_incidents(document["incidents"])
        for path in (scores, report):
            if path is not None:
                say(f"Wrote {path}")
    return len(document["incidents"])


def looked_at(met: int, stand_for: float) -> str:
    """Chains that were met and, where they are a sample, how many they stand for."""
    met_words = count(met, "chain")
    return met_words if round(stand_for) == met else f"{met_words}, standing for {stand_for:,.0f}"


def _check_writable(path: Path | None) -> None:
    """Say so before the work is done, not after."""
    if path is not None and not path.absolute().parent.is_dir():
        raise InformerError(f"{path} cannot be written: {path.absolute().parent} is no folder")
