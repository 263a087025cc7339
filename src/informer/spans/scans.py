"""CSV, Parquet and JSON tables: their columns, and the SQL with which the engine reads them."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from informer.core.errors import InformerError
from informer.spans.meanings import quoted
from informer.spans.unpack import BOM, GZIP, ZSTD, Content

DELIMITERS = ",\t;|"
LONGEST_CSV_LINE = 4 << 20
LONGEST_JSON_LINE = 64 << 20


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
    try:
        first = head.removeprefix(BOM).decode().splitlines()[0]
    except (UnicodeDecodeError, IndexError):
        return None
    delimiter = max(DELIMITERS, key=first.count)
    columns = tuple(next(csv.reader([first], delimiter=delimiter)))
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


def scan_sql(files: Sequence[TableFile], paths: Sequence[Path], used: Iterable[str]) -> str:
    """A table function over files of one kind, in which the `used` columns can be named."""
    names = "[" + ", ".join(quoted(str(path)) for path in paths) + "]"
    kind = files[0]
    if kind.container == "parquet":
        return _parquet(paths)
    if kind.container == "json":
        return (
            f"read_json({names}, columns = {_texts(sorted(set(used)))}, format = 'auto', "
            f"ignore_errors = true, maximum_object_size = {LONGEST_JSON_LINE})"
        )
    return (
        f"read_csv({names}, columns = {_texts(kind.columns)}, auto_detect = false, header = true, "
        f"delim = {quoted(kind.delimiter)}, quote = '\"', escape = '\"', "
        f"ignore_errors = true, max_line_size = {LONGEST_CSV_LINE})"
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


def _parquet(paths: Sequence[Path]) -> str:
    return "read_parquet([" + ", ".join(quoted(str(path)) for path in paths) + "])"


def _texts(columns: Iterable[str]) -> str:
    return "{" + ", ".join(f"{quoted(c)}: 'VARCHAR'" for c in columns) + "}"


def is_packed(path: Path) -> bool:
    """Whether a file is gzip or zstd, whatever its name says."""
    with path.open("rb") as file:
        return file.read(4).startswith((GZIP, ZSTD))


def most_records(chunks: Iterable[bytes]) -> int:
    """At most so many CSV records are in the bytes: quicker than how many there are."""
    lines, last = 0, b"\n"
    for chunk in chunks:
        lines += chunk.count(b"\n")
        last = chunk[-1:] or last
    return lines + (last != b"\n")


def records(chunks: Iterable[bytes]) -> int:
    """How many CSV records the bytes hold: line ends outside quotes, blank lines left out.

    When a quote is never closed, all lines count: nothing behind it can be read.
    """
    outside, lines, is_open, last = 0, 0, False, 10
    for chunk in chunks:
        data = np.frombuffer(chunk.replace(b"\r", b""), dtype=np.uint8)
        if data.size == 0:
            continue
        ends = (data == 10) & (np.concatenate(([last], data[:-1])) != 10)
        quotes = data == 34
        if is_open or quotes.any():
            inside = (np.cumsum(quotes) + is_open) % 2 == 1
            outside += int(np.count_nonzero(ends & ~inside))
            is_open = bool(inside[-1])
        else:
            outside += int(np.count_nonzero(ends))
        lines += int(np.count_nonzero(ends))
        last = int(data[-1])
    return (lines if is_open else outside) + (last != 10)


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
