"""The columns of Parquet files as they lie there, without SQL."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from informer.spans.pieces import Piece
from informer.spans.ready_pieces import lie_ready, ready_piece
from informer.spans.row_groups import RowGroups
from informer.spans.table_lines import IDS, TEXTS, TableColumns


@dataclass(frozen=True, slots=True)
class ParquetPieces:
    """Parquet files of the same columns, which fit and lie ready."""

    paths: Sequence[Path]
    table: TableColumns

    def lie_ready(self) -> bool:
        """Whether all files have them in the same types of Arrow, which loops read as they are.

        The engine's types are not enough to know it by: its text may be JSON or a view of texts.
        """
        if not lie_ready(self.table):
            return False
        needed = dict.fromkeys(self.table.columns.values())
        schemas = [pq.read_schema(path) for path in self.paths]
        places = [[schema.get_all_field_indices(name) for name in needed] for schema in schemas]
        if any(len(found) != 1 for schema in places for found in schema):
            return False
        types = {
            tuple(schema.types[found[0]] for found in place)
            for schema, place in zip(schemas, places, strict=True)
        }
        return len(types) == 1 and all(map(_is_plain, *types))

    def read(self, skip: int, most: int) -> Iterator[Piece]:
        """The pieces in order, the first of them left out."""
        table = self.table
        needed = tuple(dict.fromkeys(table.columns.values()))
        told = tuple(c for c in table.said() if table.types[c] in TEXTS)
        ids = tuple(table.columns[n] for n in IDS if n in table.columns and n != "trace_id")
        for rows in RowGroups(tuple(self.paths), needed, told, ids).tables(most, skip):
            yield ready_piece(table, rows)


def _is_plain(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    is_number = pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind)
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return bool(is_text or is_number or pa.types.is_boolean(kind))
