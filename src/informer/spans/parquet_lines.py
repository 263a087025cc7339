"""The columns of Parquet files as they lie there, without SQL."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from informer.spans.pieces import Piece
from informer.spans.ready_pieces import ready_piece
from informer.spans.row_groups import RowGroups
from informer.spans.table_lines import IDS, TEXTS, TableColumns


@dataclass(frozen=True, slots=True)
class ParquetPieces:
    """Parquet files of the same columns, which fit and lie ready."""

    paths: Sequence[Path]
    table: TableColumns

    def read(self, skip: int, most: int) -> Iterator[Piece]:
        """The pieces in order, the first of them left out."""
        table = self.table
        needed = tuple(dict.fromkeys(table.columns.values()))
        told = tuple(c for c in table.said() if table.types[c] in TEXTS)
        ids = tuple(table.columns[n] for n in IDS if n in table.columns and n != "trace_id")
        for rows in RowGroups(tuple(self.paths), needed, told, ids).tables(most, skip):
            yield ready_piece(table, rows)
