"""Rows put together and cut apart."""

import pyarrow as pa
import pytest

from informer.core import batches
from informer.core.batches import apart, together


def test_batches_are_put_together_until_there_are_enough() -> None:
    rows = pa.table({"n": range(10)})
    tables = list(together(rows.to_batches(max_chunksize=2), 3))
    assert [t.num_rows for t in tables] == [4, 4, 2]
    assert pa.concat_tables(tables).equals(rows)


def test_long_texts_are_cut_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "JSON_BYTES", 10)
    rows = pa.table({"text": ["12345", None, "6789", "x" * 25, "a", "b"]})
    pieces = list(apart(rows, "text"))
    assert pa.concat_tables(pieces).equals(rows)
    assert [p.num_rows for p in pieces] == [3, 3]


def test_no_rows_are_one_piece_without_rows() -> None:
    rows = pa.table({"text": pa.array([], pa.string())})
    assert [p.num_rows for p in apart(rows, "text")] == [0]
