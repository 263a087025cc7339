"""Checking: whether spans are fit, before anything is learned from them."""

from collections.abc import Sequence

from informer.config.settings import Settings
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.progress import Progress, silent
from informer.pipeline.read import load_spans, sources_of
from informer.spans.check import Check
from informer.spans.check import check as check_spans


def check(
    locations: Sequence[str], settings: Settings | None = None, *, progress: Progress = silent
) -> Check:
    """Read the sources and say whether they are fit, and with which options.

    Errors: InformerError when nothing can be read.
    """
    settings = settings or Settings()
    with DuckDBEngine(memory_limit=settings.machine.memory) as scratch:
        sources = sources_of(locations, settings)
        load_spans(scratch, sources, progress)
        progress("checking", 0, None)
        return check_spans(scratch, sources, settings.methods.rules)
