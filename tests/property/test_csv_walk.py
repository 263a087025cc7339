"""Records of CSV: whatever they hold, however the bytes come, they are what was written."""

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from informer.spans import csv_rows, unpack
from informer.spans.csv_rows import CsvReader
from informer.spans.scans import TableFile

COLUMNS = ("a", "b", "c")
LETTERS = 'ab1 ,;"\n\r\t\0üż€😀'
TEXTS = st.text(LETTERS, max_size=12)
# A line each that is no record, whatever stands around it.
JUNK = ["one,two", "1,2,3,4", 'x,"y"z,1', "1,\udcff,3"]
ROWS = st.lists(st.one_of(st.tuples(TEXTS, TEXTS, TEXTS), st.sampled_from(JUNK)), max_size=12)


@contextmanager
def small(chunk: int, longest: int) -> Iterator[None]:
    """Bytes come, and pieces end, at places that large files have a MiB apart."""
    with (
        patch.object(unpack, "CHUNK", chunk),
        patch.object(csv_rows, "CHUNK", chunk),
        patch.object(csv_rows, "LONGEST_RECORD", longest),
    ):
        yield


def read(
    content: bytes, delimiter: str, most: int, chunk: int, longest: int = 200
) -> tuple[list[tuple[str | None, ...]], int]:
    """All records, and how many lines were counted that are none."""
    rows, bad = [], 0
    with TemporaryDirectory() as folder, small(chunk, longest):
        path = Path(folder, "a.csv")
        path.write_bytes(content)
        reader = CsvReader([TableFile(path, "csv", COLUMNS, delimiter)], "cab")
        for piece in reader.read(most, 1):
            assert 0 < len(piece) <= most
            told = [piece.told(c).to_pylist() for c in "ca"]
            assert told == [column.to_pylist() for column in piece.table().columns[:2]]
            together = piece.told_together("abc")
            side_by_side = together.rows(np.arange(len(piece)))
            for column in COLUMNS:
                alone = piece.told(column)
                assert side_by_side[column].to_pylist() == alone.to_pylist()
                assert piece.are_empty(column).tolist() == [t is None for t in alone.to_pylist()]
            rows += list(zip(*told, strict=True))
            bad += piece.found.rejected["unreadable_line"]
    return rows, bad + reader.found.rejected["unreadable_line"]


def line(row: tuple[str, ...] | str, delimiter: str, quoting: int) -> str:
    """A record, or junk, without its end."""
    if isinstance(row, str):
        return row.replace(",", delimiter)
    made = io.StringIO(newline="")
    # Both letters of an end are quoted only by a writer that ends lines with both.
    csv.writer(made, delimiter=delimiter, quoting=quoting).writerow(row)
    return made.getvalue().removesuffix("\r\n")


@given(
    rows=ROWS,
    delimiter=st.sampled_from(",\t;|"),
    end=st.sampled_from(["\n", "\r\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    is_ended=st.booleans(),
    most=st.integers(1, 5),
    chunk=st.integers(1, 40),
)
def test_what_was_written_is_read(
    rows: list[tuple[str, ...] | str],
    delimiter: str,
    end: str,
    quoting: int,
    is_ended: bool,
    most: int,
    chunk: int,
) -> None:
    lines = [line(row, delimiter, quoting) for row in [COLUMNS, *rows]]
    text = end.join(lines) + end * is_ended
    content = text.encode("utf-8", "surrogateescape")
    expected = [(c or None, a or None) for a, _, c in (r for r in rows if isinstance(r, tuple))]
    bad = sum(isinstance(row, str) for row in rows)
    assert read(content, delimiter, most, chunk) == (expected, bad)


@given(content=st.text(LETTERS).map(str.encode), most=st.integers(1, 5), chunk=st.integers(1, 40))
def test_where_bytes_and_pieces_end_makes_no_difference(
    content: bytes, most: int, chunk: int
) -> None:
    content = b"a,b,c\n" + content
    assert read(content, ",", most, chunk, 9_999) == read(content, ",", 1_000, 1_000, 9_999)


@given(size=st.integers(100, 300), quoted=st.booleans(), chunk=st.integers(1, 40))
def test_a_record_that_is_too_long_is_passed_by(size: int, quoted: bool, chunk: int) -> None:
    field = '"' + 'x""\ny,' * (size // 6) + '"' if quoted else "x" * size
    content = f"a,b,c\n1,2,3\n4,{field},6\n7,8,9\n".encode()
    rows, bad = read(content, ",", 10, chunk, longest=50)
    assert rows == [("3", "1"), ("9", "7")]
    assert bad == 1 + (size // 6 if quoted else 0)


def test_bytes_that_are_alike_may_be_other_fields(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b'a,b,c\n"x",y,1\nx",y,2\n"p,q",r,3\np,"q,r",3\n')
    (piece,) = CsvReader([TableFile(path, "csv", COLUMNS, ",")], COLUMNS).read(10)
    told = piece.told_together("ab").rows(np.arange(4))
    assert told["a"].to_pylist() == ["x", 'x"', "p,q", "p"]
    assert told["b"].to_pylist() == ["y", "y", "r", "q,r"]


def test_records_are_good_while_two_more_pieces_are_read(tmp_path: Path) -> None:
    bad = b"one,two\n" * 60
    content = b"a,b,c\n" + b"".join(b"%d,x,y\n" % n + bad * (n % 3) for n in range(60))
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    with small(chunk=10, longest=40):
        read = CsvReader([TableFile(path, "csv", COLUMNS, ",")], "a").read(1_000, 1)
        pieces, told = [], []
        for piece in read:
            pieces = [*pieces[-2:], piece]
            if len(pieces) == 3:
                told += pieces[0].texts("a").to_pylist()
        told += [text for piece in pieces[-2:] for text in piece.texts("a").to_pylist()]
    assert told == [str(n) for n in range(60)]
