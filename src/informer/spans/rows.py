"""What Python readers read, on its way into the engine: bounded batches, times in nanoseconds."""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from informer.core.errors import InformerError
from informer.core.lines import Lines
from informer.core.ports import PIECE_ROWS, Engine
from informer.spans.apart import told_apart
from informer.spans.clock import UNITS_NS, WORDS, guessed_unit
from informer.spans.condition import wanted
from informer.spans.meanings import quoted
from informer.spans.received import RECEIVED, Selection, Tally, lines_apart, stage_spans
from informer.spans.received_rows import Apart
from informer.spans.telling import Telling
from informer.spans.unpack import Content

BATCH_ROWS = 100_000
BATCH_BYTES = 64 << 20
GROUP_ROWS = 5_000  # how many are Python objects at a time
GROUP_BYTES = 8 << 20
GUESS_ROWS = 1_000
LARGEST_INT = 2**63 - 1
TIMES = {"start": "start_ns", "duration": "duration_ns"}
NOT_IN_ROWS = ("weight", "in_bounds")
# What a TableReader gives, but for the names of its times.
IN_NANOSECONDS = pa.schema(
    [
        *RECEIVED,
        ("meant", pa.string()),  # those of the attributes that can mean something; null = any may
        ("in_bounds", pa.bool_()),  # few attributes with short texts: they are shown as they are
    ]
)
READ = pa.schema(
    [
        field.with_name(next((n for n, ns in TIMES.items() if ns == field.name), field.name))
        for field in IN_NANOSECONDS
    ]
)


class Row(NamedTuple):
    """One span as a reader finds it, its columns as in RECEIVED; times in the format's unit."""

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
    meant: bytes | None = None  # see IN_NANOSECONDS


RowReader = Callable[[Content, Tally], Iterator[Row]]
# Tables with the columns of RECEIVED, but for the times: `start` and `duration`, in some unit.
TableReader = Callable[[Content, Tally], Iterator[pa.Table]]


class RowGroups:
    """Rows that wait until they are as many as become a table at once."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._size = 0

    def add(self, rows: Iterable[Row]) -> Iterator[pa.Table]:
        """Take in rows; gives tables as they are full, in the form of a TableReader."""
        for row in rows:
            self._rows.append(row)
            self._size += len(row.attributes)
            if len(self._rows) >= GROUP_ROWS or self._size >= GROUP_BYTES:
                yield from self.rest()

    def rest(self) -> Iterator[pa.Table]:
        """What was taken in since."""
        rows, self._rows, self._size = self._rows, [], 0
        if rows:
            yield table_of(rows)


def in_tables(read: RowReader) -> TableReader:
    """A reader of rows as one of tables."""

    def tables(content: Content, tally: Tally) -> Iterator[pa.Table]:
        groups = RowGroups()
        yield from groups.add(read(content, tally))
        yield from groups.rest()

    return tables


class ReaderSource:
    """Files of one format that Python reads; one batch at a time waits on disk."""

    def __init__(
        self,
        format: str,
        paths: list[Path],
        read: TableReader,
        unit: str,
        selection: Selection,
        *,
        guesses: bool = True,
        telling: Telling | None = None,
    ) -> None:
        """`guesses`: times that make no sense in `unit` may be in another. `telling` remembers
        what was said in sources before; see `stage`.
        """
        self.format = format
        self.names = [str(path) for path in paths]
        self.tally = Tally()
        self.rejected = self.tally.rejected
        self.notes = self.tally.notes
        self._found = self.tally  # what is no row is counted here
        self._paths = paths
        self._read = read
        self._unit, self._guesses = unit, guesses
        self._selection = selection
        self._telling = telling
        self._coming = self._tables()
        self._first: pa.Table | None = None

    def read_ahead(self) -> None:
        """Read the first piece now, in whatever thread; who stages goes on from there."""
        self._first = next(self._pieces(BATCH_ROWS), None)

    def stage(
        self, engine: Engine, table: str, *, skip: int = 0, most: int = PIECE_ROWS
    ) -> Iterator[int]:
        """Put all spans into a table, a piece at a time; see Source.

        Errors: InformerError for a condition that is none, or a file too large.
        """
        if self._telling is not None and self._selection == Selection():
            for piece in islice(self._pieces(min(most, BATCH_ROWS)), skip, None):
                yield self._telling.append(engine, table, piece, self.tally)
        else:
            correlate, asked = self._selection.correlate, wanted(engine, self._selection)
            for received in self._received(skip, most):
                yield stage_spans(engine, table, received, correlate, asked, self.tally)
        self.tally.say_what_was_mended()

    def lines(
        self, engine: Engine, key: bytes, *, skip: int = 0, most: int = PIECE_ROWS
    ) -> Iterator[Lines]:
        """All spans apart from what they say; see Source. Errors: those of `stage`."""
        correlate, asked = self._selection.correlate, wanted(engine, self._selection)
        if correlate is None and self._selection.where is None:
            # Compiled loops take a while to load: who does not learn goes without them.
            from informer.spans.reader_lines import reader_lines

            self._found = Tally()
            pieces = self._pieces(min(most, BATCH_ROWS))
            asked_for = self._selection, self.tally, key
            yield from reader_lines(engine, pieces, skip, self._found, *asked_for)
        else:
            for received in self._received(skip, most):
                yield lines_apart(engine, received, correlate, asked, self.tally, key)
        self.tally.say_what_was_mended()

    def _received(self, skip: int, most: int) -> Iterator[Apart]:
        """Pieces, each of which waits on disk while it is told."""
        with TemporaryDirectory(prefix="informer-") as folder:
            lines, sayings = (Path(folder, f"{name}.parquet") for name in ("lines", "sayings"))
            scans = (f"read_parquet({quoted(str(path))})" for path in (lines, sayings))
            received = Apart(*scans)
            for piece in islice(self._pieces(min(most, BATCH_ROWS)), skip, None):
                _put_aside(piece, lines, sayings)
                yield received

    def _pieces(self, most: int) -> Iterator[pa.Table]:
        """Tables, as many at once as make a piece."""
        if self._first is not None:
            first, self._first = self._first, None
            yield first
        while batch := _some_of(self._coming, most):
            yield pa.concat_tables(batch)

    def _tables(self) -> Iterator[pa.Table]:
        for path in self._paths:
            content = Content(path)
            unit = None if self._guesses else self._unit
            for table in self._read(content, self._found):
                if unit is None:
                    unit = self._unit_of(path, table["start"][:GUESS_ROWS])
                yield in_nanoseconds(table, unit)
            self._say_damage(path, content)

    def _unit_of(self, path: Path, starts: pa.ChunkedArray) -> str:
        known = [start for start in starts.to_pylist() if start]
        if not known:
            return self._unit
        unit = guessed_unit(min(known), max(known), self._unit)
        if unit != self._unit:
            self._found.notes.append(f"{path}: times are {WORDS[unit]}, not {WORDS[self._unit]}")
        return unit

    def _say_damage(self, path: Path, content: Content) -> None:
        if content.damage is not None:
            self._found.count_damage(path, content.damage)
        if content.too_long:
            self._found.rejected["line_too_long"] += content.too_long


def _some_of(tables: Iterator[pa.Table], most: int) -> list[pa.Table]:
    """The next tables, of `most` rows or somewhat more, or BATCH_BYTES."""
    batch: list[pa.Table] = []
    rows, size = 0, 0
    for table in tables:
        batch.append(table)
        rows += table.num_rows
        size += table.nbytes
        if rows >= most or size >= BATCH_BYTES:
            break
    return batch


def _put_aside(piece: pa.Table, lines: Path, sayings: Path) -> None:
    try:
        for part, path in zip(told_apart(piece), (lines, sayings), strict=True):
            pq.write_table(part, path, compression="lz4", use_dictionary=False)
    except OSError as error:
        raise InformerError(f"cannot set spans aside: {error}") from error


def table_of(rows: list[Row]) -> pa.Table:
    """Rows as a table, in the form of a TableReader; a number beyond int64 is no time."""
    columns: dict[str, tuple[object, ...]] = dict(
        zip(Row._fields, zip(*rows, strict=True), strict=True)
    )
    for name in TIMES:
        columns[name] = tuple(
            v if isinstance(v, int) and -LARGEST_INT <= v <= LARGEST_INT else None
            for v in columns[name]
        )
    for name in NOT_IN_ROWS:
        columns[name] = (None,) * len(rows)
    arrays = [_array(columns[field.name], field.type) for field in READ]
    return pa.Table.from_arrays(arrays, schema=READ)


def in_nanoseconds(table: pa.Table, unit: str) -> pa.Table:
    """The columns of IN_NANOSECONDS; what is beyond int64 in nanoseconds is no time."""
    factor = UNITS_NS[unit]
    if factor > 1:
        limit = pa.scalar(LARGEST_INT // factor)
        for place, name in enumerate(table.column_names):
            if name in TIMES:
                fits = pc.less_equal(pc.abs(table[name]), limit)
                kept = pc.if_else(fits, table[name], None)
                table = table.set_column(place, name, pc.multiply(kept, factor))
    return table.rename_columns(IN_NANOSECONDS.names)


def _array(values: tuple[object, ...], type: pa.DataType) -> pa.Array:
    """Values as one column; where JSON held a list or an object for a name, nothing is said."""
    try:
        return pa.array(values, type)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([v if isinstance(v, str) else None for v in values], type)
