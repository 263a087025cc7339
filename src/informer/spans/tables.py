"""Tables of spans or RPC log lines, in CSV, Parquet and JSON."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from hashlib import blake2b
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

import pyarrow as pa

from informer.core.batches import together
from informer.core.lines import Lines
from informer.core.ports import PIECE_ROWS, Engine
from informer.spans.clock import WORDS
from informer.spans.columns import received_rows
from informer.spans.condition import wanted
from informer.spans.layouts import unit_of
from informer.spans.meanings import named
from informer.spans.received import Selection, Tally, lines_apart, stage_spans
from informer.spans.received_rows import Received
from informer.spans.scans import (
    TableFile,
    parquet_pieces,
    readable_part,
    scan_sql,
)
from informer.spans.times import SAMPLE_ROWS, Times, times_of
from informer.spans.unpack import Content

if TYPE_CHECKING:
    from informer.spans.table_lines import TableColumns

WAITING, SAMPLED = "waiting_rows", "sampled_rows"
SAMPLE_BYTES = 4 << 20

Types: TypeAlias = tuple[tuple[str, str], ...]
Surveyed: TypeAlias = list[tuple[TableFile, Types, Times]]  # what can be read, and how it is to be


class TableSource:
    """Table files of one kind with the same columns."""

    def __init__(
        self, format: str, files: list[TableFile], columns: Mapping[str, str], selection: Selection
    ) -> None:
        self.format = format
        self.names = [str(file.path) for file in files]
        self.tally = Tally()
        self.rejected = self.tally.rejected
        self.notes = self.tally.notes
        self._found = Tally()  # what is no row, until the rows after it are counted
        self._files = files
        self._columns = columns
        self._selection = selection

    def stage(
        self, engine: Engine, table: str, *, skip: int = 0, most: int = PIECE_ROWS
    ) -> Iterator[int]:
        """Put all spans into a table, a piece at a time; see Source.

        Errors: InformerError for a condition that is none.
        """
        asked, correlate = wanted(engine, self._selection), self._selection.correlate
        with self._surveyed(engine) as files:
            for received in self._received(engine, files, skip, most):
                yield stage_spans(engine, table, received, correlate, asked, self.tally)
        self.tally.merge(self._found.taken())
        self.tally.say_what_was_mended()

    def lines(
        self, engine: Engine, key: bytes, *, skip: int = 0, most: int = PIECE_ROWS
    ) -> Iterator[Lines]:
        """All spans apart from what they say; see Source. Errors: those of `stage`."""
        asked, correlate = wanted(engine, self._selection), self._selection.correlate
        with self._surveyed(engine) as files:
            tables = [self._table(types, times) for _, types, times in files]
            if all(table.fit(self._selection) for table in tables):
                yield from self._said_lines(engine, files, tables, key, skip, most)
            else:
                for received in self._received(engine, files, skip, most):
                    yield lines_apart(engine, received, correlate, asked, self.tally, key)
        self.tally.merge(self._found.taken())
        self.tally.say_what_was_mended()

    def _said_lines(
        self,
        engine: Engine,
        files: Surveyed,
        tables: "list[TableColumns]",
        key: bytes,
        skip: int,
        most: int,
    ) -> Iterator[Lines]:
        # Compiled loops take a while to load: who does not learn goes without them.
        from informer.spans.csv_pieces import READY_AHEAD, csv_pieces
        from informer.spans.parquet_lines import ParquetPieces
        from informer.spans.said_lines import READ_AHEAD
        from informer.spans.scanned_lines import scanned_pieces

        paths = [file.path for file, *_ in files]
        lying = ParquetPieces(paths, tables[0])
        if self._is("parquet") and all(t == tables[0] for t in tables) and lying.lie_ready():
            pieces = lying.read(skip, most)
            yield from tables[0].lines(engine, pieces, self._selection, self.tally, key)
            return
        read = (file for file, *_ in files)
        groups = groupby(zip(tables, read, strict=True), key=itemgetter(0))
        alike = [(table, [file for _, file in group]) for table, group in groups]
        read_ahead = READ_AHEAD
        if self._is("csv"):
            made, read_ahead = csv_pieces(engine, alike, most, self._found), READY_AHEAD
        else:
            scans = [(table, self._scan_of(group)) for table, group in alike]
            made = scanned_pieces(engine, scans, most)
        for table, some in groupby(islice(made, skip, None), key=itemgetter(0)):
            pieces = (piece for _, piece in some)
            yield from table.lines(engine, pieces, self._selection, self.tally, key, read_ahead)

    def _table(self, types: Types, times: Times) -> "TableColumns":
        from informer.spans.table_lines import TableColumns

        return TableColumns(self._columns, dict(types), times, self.format)

    @contextmanager
    def _surveyed(self, engine: Engine) -> Iterator[Surveyed]:
        """All files, or what is readable of them, looked at before they are read."""
        with TemporaryDirectory(prefix="informer-") as folder:
            read: Surveyed = []
            for number, file in enumerate(self._files):
                whole = self._survey(file, Path(folder, f"{number}.{file.container}"))
                read.append((whole, *self._look(engine, whole, file.path)))
            yield read

    def _received(self, engine: Engine, read: Surveyed, skip: int, most: int) -> Iterator[Received]:
        """The pieces, the first of them left out, and what was no row in them."""
        for number, received in enumerate(self._pieces(engine, read, most)):
            found = self._found.taken()
            if number >= skip:
                self.tally.merge(found)
                yield received

    def _pieces(self, engine: Engine, read: Surveyed, most: int) -> Iterator[Received]:
        """SELECTs with the columns of RECEIVED, of a bounded number of rows each."""
        number = 0
        for (types, times), group in groupby(read, key=lambda one: one[1:]):
            files = [file for file, *_ in group]
            for scan in self._scans(engine, files, most):
                yield received_rows(
                    scan, self._columns, dict(types), times, self.format, f"{self._key()}-{number}"
                )
                number += 1

    def _survey(self, file: TableFile, spare: Path) -> TableFile:
        """The file, or what is readable of it; our own reader of CSV sees by itself."""
        content = Content(file.path)
        if file.container == "json" and content.is_packed():
            for _ in content.chunks():
                pass
        if content.damage is None:
            return file
        self.tally.count_damage(file.path, content.damage)
        readable_part(content, spare)
        return replace(file, path=spare)

    def _look(self, engine: Engine, file: TableFile, shown: Path) -> tuple[Types, Times]:
        """The column types of a Parquet file (elsewhere all is text), and how times are written."""
        types: Types = ()
        if file.container == "csv":
            engine.append(SAMPLED, self._sample(file), passing=True)
            times = times_of(engine.query, SAMPLED, self._columns, {})
            engine.run(f"drop table {SAMPLED}")
        else:
            scan = self._scan_of([file])
            if file.container == "parquet":
                described = engine.stream(f"describe select * from {scan}").read_all().to_pylist()
                types = tuple((row["column_name"], row["column_type"]) for row in described)
            times = times_of(
                lambda sql: engine.stream(sql).read_all(), scan, self._columns, dict(types)
            )
        told = unit_of(self._columns, "start")
        if told is not None and times.unit != told:
            self.notes.append(f"{shown}: times are {WORDS[times.unit]}, not {WORDS[told]}")
        return types, times

    def _sample(self, file: TableFile) -> pa.Table:
        from informer.spans.csv_rows import CsvReader

        used = self._used()
        rows = next(CsvReader([file], used).read(SAMPLE_ROWS, SAMPLE_BYTES), None)
        return rows.table() if rows else pa.schema([(c, pa.string()) for c in used]).empty_table()

    def _scans(self, engine: Engine, files: list[TableFile], most: int) -> Iterator[str]:
        """What to select from, piece by piece; of text, parsed once, a piece waits in a table."""
        if files[0].container == "parquet":
            yield from parquet_pieces([file.path for file in files], most)
            return
        for rows in self._texts(engine, files, most):
            engine.append(WAITING, rows, passing=True)
            yield WAITING
            engine.run(f"drop table {WAITING}")

    def _texts(self, engine: Engine, files: list[TableFile], most: int) -> Iterator[pa.Table]:
        used = self._used()
        if files[0].container == "csv":
            from informer.spans.csv_rows import CsvReader

            reader = CsvReader(files, used)
            for rows in reader.read(most):
                self._found.merge(rows.found)
                yield rows.table()
            self._found.merge(reader.found)
        else:
            columns = ", ".join(map(named, used))
            scan = self._scan_of(files)
            yield from together(engine.stream(f"select {columns} from {scan}"), most)

    def _scan_of(self, files: list[TableFile]) -> str:
        return scan_sql(files, self._used())

    def _used(self) -> list[str]:
        return list(dict.fromkeys(self._columns.values()))

    def _key(self) -> str:
        """Sets rows without a trace id apart from those of other sources."""
        return blake2b("\0".join(self.names).encode(), digest_size=6).hexdigest()

    def _is(self, container: str) -> bool:
        return self._files[0].container == container
