"""Checking: whether spans are fit, before anything is learned from them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from informer.config.rules import bytes_of
from informer.config.settings import Settings
from informer.core.types import Json
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.progress import Progress, silent
from informer.pipeline.read import load_spans, sources_of
from informer.spans.check import check as check_spans
from informer.spans.findings import Check


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What was read and what it looks like."""

    formats: tuple[str, ...]
    files: int
    notes: tuple[str, ...]
    found: Check

    def to_json(self) -> Json:
        """As a JSON object."""
        read = {"formats": self.formats, "files": self.files, "notes": self.notes}
        return read | self.found.to_json()

    def lines(self) -> list[str]:
        """For people; the last line is the verdict."""
        formats = ", ".join(self.formats)
        return [f"format: {formats} ({self.files} files)", *self.notes, *self.found.lines()]


def check(
    locations: Sequence[str | Path],
    settings: Settings | None = None,
    *,
    progress: Progress = silent,
) -> CheckResult:
    """Read the sources and say whether they are fit, and with which options.

    Errors: InformerError when nothing can be read.
    """
    settings = settings or Settings()
    with DuckDBEngine(memory=bytes_of(settings.machine.memory)) as scratch:
        sources = sources_of(locations, settings)
        load_spans(scratch, sources, progress)
        progress("checking", 0, None)
        rejected = sum((s.rejected for s in sources), Counter())
        found = check_spans(scratch, rejected=rejected, rules=settings.methods.rules)
        return CheckResult(
            tuple(dict.fromkeys(s.format for s in sources)),
            sum(len(s.names) for s in sources),
            tuple(note for s in sources for note in s.notes),
            found,
        )
