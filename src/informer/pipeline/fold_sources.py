"""Fold sources into outlines: slice by slice on this machine, or all at once on Spark."""

from collections.abc import Callable, Sequence
from pathlib import Path

from informer.config.settings import Settings
from informer.core.errors import InformerError
from informer.core.ports import Source
from informer.core.types import Json
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.mark import Mark, anew, begun, fingerprint, keep_mark
from informer.pipeline.progress import Progress
from informer.pipeline.reading import OutOfOrderError, Reading
from informer.pipeline.rejected import nothing_read, rejected_of
from informer.pipeline.stored import spark_at
from informer.spans.stored import StoredSource
from informer.spans.templates import Templates


def fold_sources(
    engine: DuckDBEngine,
    opened: Callable[[], Sequence[Source]],
    settings: Settings,
    progress: Progress,
    *,
    key: bytes,
    spill: Path,
    asked: Json,
) -> tuple[Mark, Templates, Sequence[Source]]:
    """Fold all spans of the sources into outlines in `engine`.

    What it holds of the same reading (files, settings and `asked` are the same) is taken up where
    it stopped. Gives how far it came, the methods learned, and the sources as they were read.
    Errors: InformerError when there is no span.
    """
    sources = opened()
    of = fingerprint(sources, settings, asked)
    if settings.source.engine.startswith("spark"):
        return *_read_on_spark(engine, of, sources, settings, progress, key), sources
    mark, templates = begun(engine, of, settings)
    reading = Reading(engine, key, settings, templates, progress, mark, spill)
    try:
        reading.read(sources, settings.machine.slice_lines)
    except OutOfOrderError:
        sources = opened()
        reading.mark, reading.templates = anew(engine, of, settings)
        reading.read(sources, None)
    if reading.mark.lines == 0:
        raise InformerError(nothing_read(sources))
    return reading.mark, reading.templates, sources


def _read_on_spark(
    engine: DuckDBEngine,
    of: str,
    sources: Sequence[Source],
    settings: Settings,
    progress: Progress,
    key: bytes,
) -> tuple[Mark, Templates]:
    """All at once, and from the beginning each time: Spark mends itself where a worker is lost."""
    # Compiled loops take a while to load: who reads here goes without these.
    from informer.pipeline.on_spark import bring_home, fold_on_spark

    progress("reading spans", 0, None)
    mark, templates = anew(engine, of, settings)
    stored = [source for source in sources if isinstance(source, StoredSource)]
    spark = spark_at(settings.source.engine)
    step_s = settings.traffic.step_s
    operations = fold_on_spark(spark, engine, stored, templates, key=key, step_s=step_s)
    with engine.transaction():
        mark.lines = bring_home(spark, engine, operations, key=key)
        mark.rejected = dict(rejected_of(sources))
        mark.done = True
        keep_mark(engine, mark, templates)
    if mark.lines == 0:
        raise InformerError(nothing_read(sources))
    return mark, templates
