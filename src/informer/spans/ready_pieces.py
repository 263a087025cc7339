"""Rows whose ids are texts and times whole numbers, as pieces: no SQL is needed."""

import numpy as np
import pyarrow as pa

from informer.core.types import Ints
from informer.spans.clock import UNITS_NS
from informer.spans.layouts import unit_of
from informer.spans.pieces import Piece, one
from informer.spans.table_lines import IDS, JSON_TEXTS, TEXTS, TableColumns
from informer.spans.times import WHOLE


def lie_ready(table: TableColumns) -> bool:
    """Whether ids are texts and times whole numbers."""
    columns, types = table.columns, table.types
    return all(types[columns[n]] in TEXTS for n in (*IDS, *JSON_TEXTS) if n in columns) and all(
        form == WHOLE and not n.startswith("end_") for n, form in table.times.forms
    )


def ready_piece(table: TableColumns, rows: pa.Table) -> Piece:
    """Rows of a table that fits and lies ready."""
    return Piece(
        rows.select(table.said()),
        [_column(table, rows, name) for name in IDS],
        _column(table, rows, "attributes"),
        _time(table, rows, "start"),
        _time(table, rows, "duration"),
        [rows[table.columns["service"]], rows[table.start()]],
    )


def _time(table: TableColumns, rows: pa.Table, time: str) -> Ints:
    """Nanoseconds, 0 where there are none or too many; [n]."""
    unit = unit_of(table.columns, time)
    if unit is None:
        return np.zeros(rows.num_rows, np.int64)
    column = one(rows[table.columns[f"{time}_{unit}"]]).cast(pa.int64())
    told: Ints = (column.fill_null(0) if column.null_count else column).to_numpy()
    starts = unit == unit_of(table.columns, "start")
    factor = UNITS_NS[table.times.unit if starts else unit]
    if factor == 1:
        return told
    fits = np.abs(told) <= (2**63 - 1) // factor
    return np.where(fits, told, 0) * factor


def _column(table: TableColumns, rows: pa.Table, name: str) -> pa.Array:
    if name not in table.columns:
        return pa.nulls(rows.num_rows, pa.string())
    return one(rows[table.columns[name]])
