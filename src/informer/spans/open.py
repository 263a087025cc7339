"""Open the SOURCEs of a command: files found, formats recognised, alike files grouped."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from informer.core.errors import InformerError
from informer.core.formats import FORMATS
from informer.core.ports import Source
from informer.spans import envoy, istio, jaeger, otlp, otlp_json, zipkin
from informer.spans.files import files_of
from informer.spans.layouts import mapped, recognised
from informer.spans.meanings import attribute
from informer.spans.received import Selection
from informer.spans.recognise import Found, found_in
from informer.spans.rows import ReaderSource, TableReader, in_tables
from informer.spans.tables import TableSource
from informer.spans.telling import Telling

# How the files of a format are read, and in which unit its times are.
READERS: dict[tuple[str, str], tuple[TableReader, str]] = {
    ("otlp", "lines"): (otlp_json.read, "ns"),
    ("otlp", "frames"): (otlp.read_frames, "ns"),
    ("otlp", "message"): (otlp.read_message, "ns"),
    ("jaeger", "lines"): (in_tables(jaeger.read), "us"),
    ("zipkin", "lines"): (in_tables(zipkin.read), "us"),
    ("istio", "lines"): (in_tables(istio.read), "ns"),
    ("envoy", "lines"): (in_tables(envoy.read), "ns"),
}
ATTRIBUTE = "attribute:"
SKIPPED_SHOWN = 5


def open_sources(
    locations: Sequence[str],
    *,
    format: str | None = None,
    columns: Mapping[str, str] | None = None,
    correlate: str = "trace_id",
    where: str | None = None,
    from_ns: int | None = None,
    until_ns: int | None = None,
    whole_paths: bool = False,
) -> list[Source]:
    """The files of the locations as sources: files of one format, one layout, are one source.

    `format` is one of FORMATS, else it is recognised, file by file. `columns` names the columns
    of tables, ours on the left. `correlate` is `trace_id` or `attribute:NAME`. `where` is a SQL
    condition over the columns of `spans` and `attribute('NAME')`; `from_ns` and `until_ns` bound
    the starts of spans, the end left out. `whole_paths` is for method rules, which look at ids
    within paths: without it, operations of `lines` may have `{}` in their place. A file that is of
    no use is skipped, which the notes of the first source say.
    Errors: InformerError when no file is of use, or an option is wrong.
    """
    if format is not None and format not in FORMATS:
        raise InformerError(f"--format must be one of {', '.join(FORMATS)}, got {format}")
    if columns and format not in (None, "table"):
        raise InformerError(f"--columns is for tables, got --format {format}")
    selection = Selection(correlated(correlate), where, from_ns, until_ns, whole_paths)
    told = format or ("table" if columns else None)
    groups: dict[object, list[Found]] = {}
    layouts: dict[object, tuple[str, dict[str, str]]] = {}
    skipped = []
    for path in files_of(locations):
        try:
            found = found_in(path, told)
            layout = _layout(found, columns)
        except InformerError as error:
            skipped.append(str(error))
            continue
        table = found.table
        key = (found.format, found.container, table and (table.columns, table.delimiter))
        groups.setdefault(key, []).append(found)
        if layout is not None:
            layouts[key] = layout
    if not groups and not skipped:
        raise InformerError("SOURCE must name at least one file, got none")
    if not groups:
        more = f" (and {len(skipped) - 1} more files are of no use)" if len(skipped) > 1 else ""
        raise InformerError(skipped[0] + more)
    sources = [_source(alike, layouts.get(key), selection) for key, alike in groups.items()]
    sources[0].notes.extend(f"skipped: {reason}" for reason in skipped[:SKIPPED_SHOWN])
    if len(skipped) > SKIPPED_SHOWN:
        sources[0].notes.append(f"skipped: {len(skipped) - SKIPPED_SHOWN} more files")
    return sources


def open_frames(
    path: Path, *, correlate: str, where: str | None, telling: Telling | None = None
) -> ReaderSource:
    """A file of OTLP messages that each follow their length, as a source; see `open_sources`.

    They are of many senders: none makes the times of all others into another unit. `telling`
    remembers what was said in such files before.
    """
    selection = Selection(correlated(correlate), where)
    return ReaderSource(
        "otlp", [path], otlp.read_frames, "ns", selection, guesses=False, telling=telling
    )


def _source(
    alike: list[Found], layout: tuple[str, dict[str, str]] | None, selection: Selection
) -> Source:
    first = alike[0]
    if layout is None:
        read, unit = READERS[first.format, first.container]
        return ReaderSource(first.format, [found.path for found in alike], read, unit, selection)
    name, columns = layout
    tables = [found.table for found in alike if found.table is not None]
    source = TableSource(first.format, tables, columns, selection)
    if name:
        source.notes.append(f"columns as in the {name} layout")
    return source


def _layout(found: Found, columns: Mapping[str, str] | None) -> tuple[str, dict[str, str]] | None:
    """The layout of a table and its name ('' for the user's own); None for other formats."""
    if found.table is None:
        return None
    have = found.table.columns
    if columns:
        return "", mapped(columns, have, str(found.path))
    layout = recognised(have)
    if layout is None:
        raise InformerError(
            f"{found.path} must have known columns, or be told which is which with "
            f"--columns trace_id=...,span_id=...,service=...,start_ns=...; it has {', '.join(have)}"
        )
    return layout


def correlated(correlate: str) -> str | None:
    """The attribute that joins spans; None = their trace id.

    Errors: InformerError for anything else.
    """
    if correlate == "trace_id":
        return None
    name = correlate.removeprefix(ATTRIBUTE)
    if not correlate.startswith(ATTRIBUTE) or not name:
        raise InformerError(f"--correlate must be trace_id or attribute:NAME, got {correlate}")
    attribute(name)
    return name
