"""Rows of Python readers on their way into the engine: bounded batches, times in nanoseconds."""

from collections.abc import Callable, Iterator
from itertools import chain, count, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from informer.core.errors import InformerError
from informer.core.ports import PIECE_ROWS, Engine
from informer.spans.clock import UNITS_NS, WORDS, guessed_unit
from informer.spans.condition import wanted
from informer.spans.meanings import quoted
from informer.spans.received import RECEIVED, Selection, Tally, stage_spans
from informer.spans.unpack import Content

BATCH_ROWS = 50_000
BATCH_BYTES = 64 << 20
GROUP_ROWS = 5_000  # how many are Python objects at a time
GROUP_BYTES = 8 << 20
GUESS_ROWS = 1_000
LARGEST_INT = 2**63 - 1


class Row(NamedTuple):
    """One span as a reader finds it, in the order of RECEIVED; times in the format's unit."""

    trace_id: str | None
    span_id: str | None
    parent_span_id: str | None
    service: str | None
    operation: str | None
    kind: str | None
    peer: str | None
    start: int | None
    duration: int | None
    status_code: int | None
    failed: bool | None
    version: str | None
    scope: str | None
    trace_state: str | None
    attributes: bytes
    resource: bytes | None


Reader = Callable[[Content, Tally], Iterator[Row]]


class RowSource:
    """Files of one format that is read row by row; one batch at a time waits on disk."""

    def __init__(
        self, format: str, paths: list[Path], read: Reader, unit: str, selection: Selection
    ) -> None:
        self.format = format
        self.names = [str(path) for path in paths]
        self.tally = Tally()
        self.rejected = self.tally.rejected
        self.notes = self.tally.notes
        self._paths = paths
        self._read = read
        self._unit = unit
        self._selection = selection

    def stage(
        self,
        engine: Engine,
        table: str,
        *,
        skip: int = 0,
        most: int = PIECE_ROWS,
        apart: bool = False,
    ) -> Iterator[int]:
        """Put all spans into a table, a piece at a time; see Source.

        Errors: InformerError for a condition that is none, or a file too large.
        """
        correlate, asked = self._selection.correlate, wanted(engine, self._selection)
        with TemporaryDirectory(prefix="informer-") as folder:
            waiting = Path(folder, "received.parquet")
            scan = f"select * from read_parquet({quoted(str(waiting))})"
            tables = self._tables()
            for number in count():
                if not _put_aside(tables, waiting, min(most, BATCH_ROWS)):
                    break
                if number >= skip:
                    yield stage_spans(
                        engine, table, scan, correlate, asked, self.tally, apart=apart
                    )
        self.tally.say_what_was_mended()

    def _tables(self) -> Iterator[pa.Table]:
        rows: list[Row] = []
        size, unit = 0, self._unit
        for path in self._paths:
            content = Content(path)
            read = self._read(content, self.tally)
            first = list(islice(read, GUESS_ROWS))
            now = self._unit_of(path, first)
            if now != unit and rows:
                yield received(rows, unit)
                rows, size = [], 0
            unit = now
            for row in chain(first, read):
                rows.append(row)
                size += len(row.attributes)
                if len(rows) >= GROUP_ROWS or size >= GROUP_BYTES:
                    yield received(rows, unit)
                    rows, size = [], 0
            self._say_damage(path, content)
        if rows:
            yield received(rows, unit)

    def _unit_of(self, path: Path, rows: list[Row]) -> str:
        starts = [row.start for row in rows if row.start]
        if not starts:
            return self._unit
        unit = guessed_unit(min(starts), max(starts), self._unit)
        if unit != self._unit:
            self.notes.append(f"{path}: times are {WORDS[unit]}, not {WORDS[self._unit]}")
        return unit

    def _say_damage(self, path: Path, content: Content) -> None:
        if content.damage is not None:
            self.rejected["damaged_file"] += 1
            self.notes.append(f"{path}: {content.damage}; what could be read before was used")
        if content.too_long:
            self.rejected["line_too_long"] += content.too_long


def _put_aside(tables: Iterator[pa.Table], waiting: Path, most: int) -> bool:
    """Write the next tables into a file, as many as make a batch; False when there is none."""
    rows, size = 0, 0
    try:
        with pq.ParquetWriter(waiting, RECEIVED, compression="lz4", use_dictionary=False) as file:
            for table in tables:
                file.write_table(table)
                rows += table.num_rows
                size += table.nbytes
                if rows >= most or size >= BATCH_BYTES:
                    break
    except OSError as error:
        raise InformerError(f"cannot read spans or set them aside: {error}") from error
    return rows > 0


def received(rows: list[Row], unit: str) -> pa.Table:
    """Rows as a table with the columns of RECEIVED; a number beyond int64 is no time."""
    factor = UNITS_NS[unit]
    columns = dict(zip(Row._fields, zip(*rows, strict=True), strict=True))
    limit = LARGEST_INT // factor
    for name in ("start", "duration"):
        columns[f"{name}_ns"] = tuple(
            None if v is None or not -limit <= v <= limit else v * factor for v in columns.pop(name)
        )
    columns["weight"] = (None,) * len(rows)
    arrays = [_array(columns[field.name], field.type) for field in RECEIVED]
    return pa.Table.from_arrays(arrays, schema=RECEIVED)


def _array(values: tuple[object, ...], type: pa.DataType) -> pa.Array:
    """Values as one column; where JSON held a list or an object for a name, nothing is said."""
    try:
        return pa.array(values, type)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([v if isinstance(v, str) else None for v in values], type)
