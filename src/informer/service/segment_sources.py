"""What the loop reads of a segment: its messages of OTLP, and the lines of logs in it."""

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from informer.config.settings import SourceSettings
from informer.core.errors import InformerError
from informer.core.ports import Source
from informer.engines.duckdb import DuckDBEngine
from informer.service.marks import LINES, lines_of
from informer.service.segments import Segment
from informer.spans.open import open_frames, open_sources
from informer.spans.rows import ReaderSource
from informer.spans.telling import Telling
from informer.spans.unpack import Content

TRIED_IN = 200_000_000  # bytes


def frames_of(segment: Segment, settings: SourceSettings, telling: Telling) -> ReaderSource:
    """The messages of OTLP in a segment; `telling` remembers what was said in those before."""
    return open_frames(
        segment.path,
        correlate=settings.correlate,
        where=settings.where or None,
        telling=telling,
    )


@contextmanager
def sources_of(
    segment: Segment, frames: Source, settings: SourceSettings
) -> Iterator[Sequence[Source]]:
    """The sources in a segment, to be staged once, inside; `frames` is one of them."""
    if not segment.has_lines:
        yield [frames]
        return
    with TemporaryDirectory(prefix="informer-lines-") as folder:
        found = [frames]
        files = _files(segment.path, Path(folder), frames)
        for format in sorted({format for format, _, _ in files}):
            paths = [path for key, path in files.items() if key[0] == format]
            try:
                found += _opened(format, paths, settings)
            except InformerError:
                frames.rejected["unreadable_lines"] += sum(map(_lines, paths))
        yield found


def _opened(format: str, paths: list[Path], settings: SourceSettings) -> list[Source]:
    def opened() -> list[Source]:
        return open_sources(
            [str(path) for path in paths],
            format=format,
            columns=(settings.columns or None) if format == "table" else None,
            correlate=settings.correlate,
            where=settings.where or None,
        )

    if format == "table":
        # The engine reads these at once, and what it cannot read must not stop the loop for good.
        with DuckDBEngine(threads=1, memory=TRIED_IN) as engine:
            for source in opened():
                deque(source.stage(engine, "tried"), 0)
    return opened()


def _files(segment: Path, folder: Path, frames: Source) -> dict[tuple[str, str, bytes], Path]:
    """Each log's lines as a file of its name again: formats are read by one set of readers.

    What is damaged is counted in the `rejected` of `frames`.
    """
    files: dict[tuple[str, str, bytes], Path] = {}
    for message in Content(segment).frames():
        if not message.startswith(LINES):
            continue
        try:
            lines = lines_of(message)
        except ValueError:
            frames.rejected["unreadable_lines"] += 1
            continue
        key = (lines.format, lines.name, lines.head)
        path = files.get(key)
        if path is None:
            own = folder / str(len(files))  # two logs may have one name
            own.mkdir()
            path = files[key] = own / (Path(lines.name).name or "log")
            path.write_bytes(lines.head)
        with path.open("ab") as file:
            file.write(lines.text)
    return files


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")
