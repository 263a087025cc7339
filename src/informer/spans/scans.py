"""CSV, Parquet and JSON tables: their columns, and the SQL that reads the last two."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from informer.core.errors import InformerError
from informer.spans.meanings import quoted
from informer.spans.unpack import BOM, Content

DELIMITERS = ",\t;|"
LONGEST_JSON_LINE = 16 << 20  # twice as much the engine holds for each of its threads


@dataclass(frozen=True, slots=True)
class TableFile:
    """One file that is a table."""

    path: Path
    container: str  # csv, json or parquet
    columns: tuple[str, ...]
    delimiter: str = ","


def parquet_file(path: Path) -> TableFile:
    """A Parquet file. Errors: InformerError when it is damaged."""
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowException, OSError) as error:
        raise InformerError(f"{path} must be a whole Parquet file: {error}") from error
    return TableFile(path, "parquet", tuple(schema.names))


def csv_file(path: Path, head: bytes) -> TableFile | None:
    """A CSV file by its first bytes; None when its first line is no header of two columns."""
    try:  # the first line alone: what comes after it may be cut off within a letter, or no text
        first = head.removeprefix(BOM).splitlines()[0].decode()
        delimiter = max(DELIMITERS, key=first.count)
        columns = tuple(next(csv.reader([first], delimiter=delimiter)))
    except (UnicodeDecodeError, IndexError, csv.Error):
        return None
    if len(columns) < 2 or len(set(columns)) < len(columns) or not all(columns):
        return None
    return TableFile(path, "csv", columns, delimiter)


def json_file(path: Path, objects: Iterable[Any]) -> TableFile | None:
    """A table of JSON objects by the first of them; None when they are no objects."""
    found: dict[str, None] = {}
    for value in objects:
        for row in value[:100] if isinstance(value, list) else [value]:
            if isinstance(row, dict):
                found.update(dict.fromkeys(row))
    return TableFile(path, "json", tuple(found)) if found else None


def scan_sql(files: Sequence[TableFile], used: Iterable[str]) -> str:
    """A table function over Parquet or JSON files of one kind, in which `used` can be named."""
    paths = [file.path for file in files]
    if files[0].container == "parquet":
        return _parquet(paths)
    columns = ", ".join(f"{quoted(c)}: 'VARCHAR'" for c in sorted(set(used)))
    return (
        f"read_json({_listed(paths)}, columns = {{{columns}}}, format = 'auto', "
        f"ignore_errors = true, maximum_object_size = {LONGEST_JSON_LINE})"
    )


def parquet_pieces(paths: Iterable[Path], most: int) -> Iterator[str]:
    """Table functions over Parquet files, of at most so many rows each: small files together."""
    together: list[Path] = []
    rows = 0
    for path in paths:
        held = pq.read_metadata(path).num_rows
        if together and rows + held > most:
            yield _parquet(together)
            together, rows = [], 0
        if held <= most:
            together, rows = [*together, path], rows + held
            continue
        for first in range(0, held, most):
            yield (
                f"(select * from read_parquet({quoted(str(path))}, file_row_number = true) "
                f"where file_row_number >= {first} and file_row_number < {first + most})"
            )
    if together:
        yield _parquet(together)


def _parquet(paths: Iterable[Path]) -> str:
    return f"read_parquet({_listed(paths)})"


def _listed(paths: Iterable[Path]) -> str:
    return "[" + ", ".join(quoted(str(path)) for path in paths) + "]"


def readable_part(content: Content, into: Path) -> None:
    """Write what a damaged packed file still holds, whole lines only."""
    with into.open("wb") as file:
        rest = b""
        for chunk in content.chunks():
            whole, end, rest = (rest + chunk).rpartition(b"\n")
            file.write(whole + end)


def first_objects(head: bytes) -> list[Any]:
    """The JSON values of the whole lines in the first bytes of a file."""
    found: list[Any] = []
    for line in head.removeprefix(BOM).split(b"\n", 1_000)[:1_000]:
        if len(found) == 100:
            break
        try:
            found.append(orjson.loads(line))
        except orjson.JSONDecodeError:
            continue
    return found
