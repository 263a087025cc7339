"""Tables of spans or RPC log lines: the engine reads and normalises them in one SELECT."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

from informer.core.batches import together
from informer.core.lines import Lines
from informer.core.ports import PIECE_ROWS, Engine
from informer.spans.clock import WORDS
from informer.spans.columns import received_rows
from informer.spans.condition import wanted
from informer.spans.layouts import unit_of
from informer.spans.meanings import named
from informer.spans.received import Selection, Tally, lines_apart, stage_spans
from informer.spans.sayings import Received
from informer.spans.scans import (
    TableFile,
    is_packed,
    most_records,
    parquet_pieces,
    readable_part,
    records,
    scan_sql,
)
from informer.spans.times import Times, times_of
from informer.spans.unpack import Content

if TYPE_CHECKING:
    from informer.spans.table_lines import TableColumns

WAITING = "waiting_rows"

Types: TypeAlias = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Surveyed:
    """Files that can be read, and how they are to be read."""

    read: list[tuple[TableFile, Types, Times]]
    lines: int  # records of CSV that they hold at most


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
            for received in islice(self._pieces(engine, files.read, most), skip, None):
                yield stage_spans(engine, table, received, correlate, asked, self.tally)
            self._count_unreadable(engine, files, whole=asked == "true" and not skip)
        self.tally.say_what_was_mended()

    def lines(
        self, engine: Engine, key: bytes, *, skip: int = 0, most: int = PIECE_ROWS
    ) -> Iterator[Lines]:
        """All spans apart from what they say; see Source. Errors: those of `stage`."""
        asked, correlate = wanted(engine, self._selection), self._selection.correlate
        with self._surveyed(engine) as files:
            tables = [self._table(types, times) for _, types, times in files.read]
            if all(table.fit(self._selection) for table in tables):
                yield from self._said_lines(engine, files, tables, key, skip, most)
            else:
                for received in islice(self._pieces(engine, files.read, most), skip, None):
                    yield lines_apart(engine, received, correlate, asked, self.tally, key)
            self._count_unreadable(engine, files, whole=asked == "true" and not skip)
        self.tally.say_what_was_mended()

    def _said_lines(
        self,
        engine: Engine,
        files: "Surveyed",
        tables: "list[TableColumns]",
        key: bytes,
        skip: int,
        most: int,
    ) -> Iterator[Lines]:
        # Compiled loops take a while to load: who does not learn goes without them.
        from informer.spans.parquet_lines import ParquetPieces
        from informer.spans.ready_pieces import lie_ready
        from informer.spans.scanned_lines import scanned_pieces

        paths = [file.path for file, *_ in files.read]
        lying = ParquetPieces(paths, tables[0])
        if self._is("parquet") and lie_ready(tables[0]) and all(t == tables[0] for t in tables):
            pieces = lying.read(skip, most)
            yield from tables[0].lines(engine, pieces, self._selection, self.tally, key)
            return
        alike = groupby(zip(tables, paths, strict=True), key=itemgetter(0))
        scans = [(table, self._scan([path for _, path in group])) for table, group in alike]
        made = islice(scanned_pieces(engine, scans, most), skip, None)
        for table, group in groupby(made, key=itemgetter(0)):
            pieces = (piece for _, piece in group)
            yield from table.lines(engine, pieces, self._selection, self.tally, key)

    def _table(self, types: Types, times: Times) -> "TableColumns":
        from informer.spans.table_lines import TableColumns

        return TableColumns(self._columns, dict(types), times, self.format)

    @contextmanager
    def _surveyed(self, engine: Engine) -> "Iterator[Surveyed]":
        """All files, or what is readable of them, looked at before they are read."""
        with TemporaryDirectory(prefix="informer-") as folder:
            lines = 0
            read: list[tuple[TableFile, Types, Times]] = []
            for number, file in enumerate(self._files):
                path, held = self._survey(file, Path(folder, f"{number}.{file.container}"))
                lines += held
                read.append((replace(file, path=path), *self._look(engine, file, path)))
            yield Surveyed(read, lines)

    def _pieces(
        self, engine: Engine, read: list[tuple[TableFile, Types, Times]], most: int
    ) -> Iterator[Received]:
        """SELECTs with the columns of RECEIVED, of a bounded number of rows each."""
        number = 0
        for (types, times), group in groupby(read, key=lambda one: one[1:]):
            files = [file for file, *_ in group]
            for scan in self._scans(engine, files, most):
                yield received_rows(
                    scan, self._columns, dict(types), times, self.format, f"{self._key()}-{number}"
                )
                number += 1

    def _survey(self, file: TableFile, spare: Path) -> tuple[Path, int]:
        """The file, or what is readable of it, and how many records it holds at most."""
        content = Content(file.path)
        held = 0
        if file.container == "csv":
            held = most_records(content.chunks()) - 1
        elif file.container == "json" and is_packed(file.path):
            for _ in content.chunks():
                pass
        if content.damage is None:
            return file.path, held
        self.rejected["damaged_file"] += 1
        self.notes.append(f"{file.path}: {content.damage}; what could be read before was used")
        readable_part(content, spare)
        return spare, most_records(Content(spare).chunks()) - 1 if file.container == "csv" else 0

    def _look(self, engine: Engine, file: TableFile, path: Path) -> tuple[Types, Times]:
        """The column types of a Parquet file (elsewhere all is text), and how times are written."""
        scan = self._scan([path])
        types: Types = ()
        if file.container == "parquet":
            described = engine.stream(f"describe select * from {scan}").read_all().to_pylist()
            types = tuple((row["column_name"], row["column_type"]) for row in described)
        times = times_of(engine, scan, self._columns, dict(types))
        told = unit_of(self._columns, "start")
        if told is not None and times.unit != told:
            self.notes.append(f"{file.path}: times are {WORDS[times.unit]}, not {WORDS[told]}")
        return types, times

    def _scans(self, engine: Engine, files: list[TableFile], most: int) -> Iterator[str]:
        """What to select from, piece by piece; of text, parsed once, a piece waits in a table."""
        if files[0].container == "parquet":
            yield from parquet_pieces([file.path for file in files], most)
            return
        used = ", ".join(named(column) for column in dict.fromkeys(self._columns.values()))
        for rows in together(engine.stream(f"select {used} from {self._scan_of(files)}"), most):
            engine.append(WAITING, rows, passing=True)
            yield WAITING
            engine.run(f"drop table {WAITING}")

    def _scan_of(self, files: list[TableFile]) -> str:
        return self._scan([file.path for file in files])

    def _scan(self, paths: list[Path]) -> str:
        return scan_sql(self._files, paths, self._columns.values())

    def _key(self) -> str:
        """Sets rows without a trace id apart from those of other sources."""
        return blake2b("\0".join(self.names).encode(), digest_size=6).hexdigest()

    def _is(self, container: str) -> bool:
        return self._files[0].container == container

    def _count_unreadable(self, engine: Engine, files: "Surveyed", *, whole: bool) -> None:
        """With `whole`, all rows that the engine gave were counted."""
        if not self._is("csv"):
            return
        paths = [file.path for file, *_ in files.read]
        rows = self.tally.rows
        if not whole:
            count = engine.stream(f"select count(*) as rows from {self._scan(paths)}").read_all()
            rows = count["rows"][0].as_py()
        if files.lines > rows:  # some are part of others, blank, or lost
            held = sum(records(Content(path).chunks()) - 1 for path in paths)
            if held > rows:
                self.rejected["unreadable_line"] += held - rows
