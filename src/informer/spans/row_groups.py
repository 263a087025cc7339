"""Parquet files as tables of bounded size; texts that come again and again stay dictionaries."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from informer.core.errors import InformerError
from informer.core.utf8 import valid_texts

SHORT = 4  # bytes a value: a column that takes fewer is a dictionary in the file

Part = tuple[Path, tuple[int, ...]]  # a file and some of its row groups


@dataclass(frozen=True, slots=True)
class RowGroups:
    """Parquet files of the same columns: `told` are read as dictionaries, `ids` where they are."""

    paths: tuple[Path, ...]
    columns: tuple[str, ...]
    told: tuple[str, ...]
    ids: tuple[str, ...]

    def tables(self, most: int, skip: int) -> Iterator[pa.Table]:
        """All rows in order, at most so many in a table; the first `skip` tables are left out.

        Errors: InformerError for a file that is damaged where it was not looked at.
        """
        number = 0
        for parts, rows in _pieces(self.paths, most):
            for table in (
                self._large(parts[0], most) if rows > most else self._small(parts, skip > number)
            ):
                if number >= skip and table is not None:
                    yield valid_texts(table)
                number += 1

    def _small(self, parts: Sequence[Part], skipped: bool) -> Iterator[pa.Table | None]:
        """One table of some whole row groups."""
        if skipped:
            yield None
            return
        tables = []
        for path, groups in parts:
            with self._opened(path, groups) as file, _told_plainly(path):
                table = file.read_row_groups(
                    list(groups), columns=list(self.columns), use_threads=False
                )
            tables.append(table)
        plain = {f.name for t in tables for f in t.schema if not pa.types.is_dictionary(f.type)}
        tables = [_undone(table, plain) for table in tables]
        yield pa.concat_tables(tables).unify_dictionaries().combine_chunks()

    def _large(self, part: Part, most: int) -> Iterator[pa.Table]:
        """A row group that is too large, in tables."""
        path, groups = part
        with self._opened(path, groups) as file, _told_plainly(path):
            batches = file.iter_batches(
                most, row_groups=list(groups), columns=list(self.columns), use_threads=False
            )
            for batch in batches:
                yield pa.Table.from_batches([batch])

    def _opened(self, path: Path, groups: Sequence[int]) -> pq.ParquetFile:
        with _told_plainly(path):
            metadata = pq.read_metadata(path)
            short = [c for c in self.ids if _is_short(metadata, groups, c)]
            return pq.ParquetFile(path, read_dictionary=[*self.told, *short])


@contextmanager
def _told_plainly(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise InformerError(f"cannot read on: {path}: {error}") from error


def _pieces(paths: Sequence[Path], most: int) -> Iterator[tuple[list[Part], int]]:
    """Row groups in order, together at most so many rows, or a single one that has more."""
    piece: list[Part] = []
    held = 0
    for path in paths:
        metadata = pq.read_metadata(path)
        for group in range(metadata.num_row_groups):
            rows = metadata.row_group(group).num_rows
            if piece and held + rows > most:
                yield piece, held
                piece, held = [], 0
            if piece and piece[-1][0] == path:
                piece[-1] = (path, (*piece[-1][1], group))
            else:
                piece.append((path, (group,)))
            held += rows
    if piece:
        yield piece, held


def _is_short(metadata: pq.FileMetaData, groups: Sequence[int], column: str) -> bool:
    for group in groups:
        held = metadata.row_group(group)
        for place in range(held.num_columns):
            chunk = held.column(place)
            if (
                chunk.path_in_schema == column
                and chunk.total_uncompressed_size > SHORT * held.num_rows
            ):
                return False
    return True


def _undone(table: pa.Table, plain: set[str]) -> pa.Table:
    """Without the dictionaries of columns that are none in another part."""
    for place, field in enumerate(table.schema):
        if field.name in plain and pa.types.is_dictionary(field.type):
            table = table.set_column(place, field.name, table[field.name].cast(pa.string()))
    return table
