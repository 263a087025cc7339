"""Records of CSV as pieces of lines: ids as texts, times as numbers, what rows say told apart."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from informer.core.ahead import ahead
from informer.core.ports import Engine
from informer.core.types import Bools, Ints
from informer.spans.clock import UNITS_NS
from informer.spans.csv_columns import NONE, OTHER, whole_numbers
from informer.spans.csv_rows import CsvReader, CsvRows
from informer.spans.layouts import unit_of
from informer.spans.meanings import named
from informer.spans.pieces import Piece
from informer.spans.received import Tally
from informer.spans.scans import TableFile
from informer.spans.table_lines import IDS, TableColumns
from informer.spans.times import MOMENT_TEXT, sql_of

READ_AHEAD = 1  # piece: with it ROOMS are in use
READY_AHEAD = 4  # pieces that are no longer in any of them: while slices are folded, it goes on


def csv_pieces(
    engine: Engine,
    alike: Iterable[tuple[TableColumns, Sequence[TableFile]]],
    most: int,
    found: Tally,
) -> Iterator[tuple[TableColumns, Piece]]:
    """Pieces of CSV files, those together whose columns and times are alike.

    Another thread walks the next one. In `found` is left what was no row behind the last one.
    """
    for table, files in alike:
        made = CsvColumns(engine, table, side_by_side(table, files[0].columns))
        used = list(dict.fromkeys(table.columns.values()))
        reader = CsvReader(files, used)
        for rows in ahead(reader.read(most), READ_AHEAD):
            yield table, made.piece(rows)
        found.merge(reader.found.taken())


@dataclass(frozen=True, slots=True)
class CsvColumns:
    """How records become pieces."""

    engine: Engine
    table: TableColumns
    together: Sequence[Sequence[str]]  # see `side_by_side`

    def piece(self, rows: CsvRows) -> Piece:
        """Records as a piece."""
        columns = self.table.columns
        alone = set(self.table.said()) - {c for group in self.together for c in group}
        said = {column: rows.told(column) for column in self.table.said() if column in alone}
        start_ns, has_start = self._time(rows, "start")
        return Piece(
            pa.table(said),
            [_texts(rows, columns.get(name)) for name in IDS],
            self._attributes(rows, said),
            start_ns,
            self._duration(rows, start_ns, has_start),
            [
                pa.array(start_ns, mask=rows.are_empty(columns["service"])),
                pa.array(start_ns, mask=~has_start),
            ],
            rows.found,
            [rows.told_together(group) for group in self.together],
        )

    def _attributes(self, rows: CsvRows, said: dict[str, pa.DictionaryArray]) -> pa.Array:
        """As they came; in one layout what a column says is one."""
        if "attributes" in self.table.columns:
            return said[self.table.columns["attributes"]]
        sql = self.table.rows_of("").columns["attributes"]
        if "scope" not in self.table.columns or sql.startswith("cast(null"):
            return pa.nulls(len(rows), pa.string())
        scope = said[self.table.columns["scope"]]
        told = self._asked(sql, self.table.columns["scope"], scope.dictionary)
        return pa.DictionaryArray.from_arrays(scope.indices, told.cast(pa.string()))

    def _duration(self, rows: CsvRows, start_ns: Ints, has_start: Bools) -> Ints:
        """0 where there is none, or too long a one."""
        if unit_of(self.table.columns, "duration") is not None:
            return self._time(rows, "duration")[0]
        if unit_of(self.table.columns, "end") is None:
            return np.zeros(len(rows), np.int64)
        end_ns, has_end = self._time(rows, "end")
        lasted = end_ns - start_ns
        fits = ((end_ns ^ start_ns) & (end_ns ^ lasted)) >= 0
        return np.where(has_start & has_end & fits, lasted, 0)

    def _time(self, rows: CsvRows, time: str) -> tuple[Ints, Bools]:
        """Nanoseconds and whether they are there; the engine reads what is not plain digits."""
        unit = unit_of(self.table.columns, time)
        column, times = self.table.columns[f"{time}_{unit}"], self.table.times
        form = dict(times.forms)[f"{time}_{unit}"]
        starts = unit == unit_of(self.table.columns, "start")
        factor = UNITS_NS[times.unit if starts else str(unit)]
        told, what = whole_numbers(*rows.fields(column), factor)
        there = what != NONE
        odd = np.flatnonzero(there if form == MOMENT_TEXT else what == OTHER)
        if len(odd):
            texts = rows.taken(odd).texts(column)
            read = self._asked(f"cast({sql_of(form, column, factor)} as bigint)", column, texts)
            told[odd] = read.fill_null(0).to_numpy(zero_copy_only=False)
            there[odd] = read.is_valid().to_numpy(zero_copy_only=False)
        return told, there

    def _asked(self, sql: str, column: str, texts: pa.Array) -> pa.Array:
        """What SQL over a column makes of texts. By a stream, as another thread may be asking."""
        given = f"(select unnest($texts) as {named(column)})"
        read = self.engine.stream(f"select {sql} as told from {given}", texts=texts.to_pylist())
        return read.read_all()["told"].combine_chunks()


def side_by_side(table: TableColumns, columns: Sequence[str]) -> list[list[str]]:
    """Runs of columns of a file that say something: to tell them apart at once is quicker.

    Those that are needed alone are in none: of texts that mean something nearly all may differ.
    """
    alone = {*table.meant().values(), table.columns.get("scope")}
    told = set(table.named()) - alone
    runs: list[list[str]] = [[]]
    for column in columns:
        if column in told:
            runs[-1].append(column)
        else:
            runs.append([])
    return [run for run in runs if len(run) > 1]


def _texts(rows: CsvRows, column: str | None) -> pa.Array:
    return pa.nulls(len(rows), pa.string()) if column is None else rows.texts(column)
