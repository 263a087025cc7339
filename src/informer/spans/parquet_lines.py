"""The columns of Parquet files as they lie there, without SQL."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from informer.core.types import Ints
from informer.spans.clock import UNITS_NS
from informer.spans.layouts import unit_of
from informer.spans.pieces import Piece, one
from informer.spans.row_groups import RowGroups
from informer.spans.table_lines import IDS, JSON_TEXTS, TEXTS, TableColumns
from informer.spans.times import WHOLE


@dataclass(frozen=True, slots=True)
class ParquetPieces:
    """Parquet files of the same columns, which fit."""

    paths: Sequence[Path]
    table: TableColumns

    def lie_ready(self) -> bool:
        """Whether ids are texts and times whole numbers."""
        columns, types = self.table.columns, self.table.types
        return all(types[columns[n]] in TEXTS for n in (*IDS, *JSON_TEXTS) if n in columns) and all(
            form == WHOLE and not n.startswith("end_") for n, form in self.table.times.forms
        )

    def read(self, skip: int, most: int) -> Iterator[Piece]:
        """The pieces in order, the first of them left out."""
        table = self.table
        said = table.said()
        needed = tuple(dict.fromkeys(table.columns.values()))
        told = tuple(c for c in said if table.types[c] in TEXTS)
        ids = tuple(table.columns[n] for n in IDS if n in table.columns and n != "trace_id")
        for rows in RowGroups(tuple(self.paths), needed, told, ids).tables(most, skip):
            yield Piece(
                rows.select(said),
                [self._column(rows, name) for name in IDS],
                self._column(rows, "attributes"),
                self._time(rows, "start"),
                self._time(rows, "duration"),
                [rows[table.columns["service"]], rows[table.start()]],
            )

    def _time(self, rows: pa.Table, time: str) -> Ints:
        """Nanoseconds, 0 where there are none or too many; [n]."""
        columns = self.table.columns
        unit = unit_of(columns, time)
        if unit is None:
            return np.zeros(rows.num_rows, np.int64)
        column = one(rows[columns[f"{time}_{unit}"]]).cast(pa.int64())
        told: Ints = (column.fill_null(0) if column.null_count else column).to_numpy()
        starts = unit == unit_of(columns, "start")
        factor = UNITS_NS[self.table.times.unit if starts else unit]
        if factor == 1:
            return told
        fits = np.abs(told) <= (2**63 - 1) // factor
        return np.where(fits, told, 0) * factor

    def _column(self, rows: pa.Table, name: str) -> pa.Array:
        if name not in self.table.columns:
            return pa.nulls(rows.num_rows, pa.string())
        return one(rows[self.table.columns[name]])
