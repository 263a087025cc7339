"""Bytes that are no UTF-8 are mended where texts of others come in."""

from typing import Any

import pyarrow as pa
import pytest

from informer.core.errors import InformerError
from informer.core.utf8 import valid_batches, valid_texts

BAD = [b"plain", b"caf\xc3\xa9", b"\xff\xfe{", None, b"", b"eight by\xc3", b"a" * 99 + b"\x80"]
MENDED = ["plain", "café", "\ufffd\ufffd{", None, "", "eight by\ufffd", "a" * 99 + "\ufffd"]


def texts(given: list[bytes | None], kind: pa.DataType) -> pa.Array:
    """Texts whose bytes nobody looked at."""
    held = pa.array(given, pa.binary() if kind == pa.string() else pa.large_binary())
    return pa.Array.from_buffers(kind, len(held), held.buffers(), held.null_count)


def dictionary(given: list[bytes | None]) -> pa.Array:
    there = [one for one in given if one is not None]
    indices = [None if one is None else there.index(one) for one in given]
    return pa.DictionaryArray.from_arrays(
        pa.array(indices, pa.int32()), texts(list(there), pa.string())
    )


COLUMNS = {
    "texts": texts(BAD, pa.string()),
    "large": texts(BAD, pa.large_string()),
    "told": dictionary(BAD),
}


@pytest.mark.parametrize("name", COLUMNS)
@pytest.mark.parametrize("begin", [0, 2])
def test_bytes_that_are_no_text_are_told_by_a_sign_of_their_own(name: str, begin: int) -> None:
    rows = pa.table({"n": pa.array(range(7)), name: COLUMNS[name]}).slice(begin)
    mended = valid_texts(rows)
    assert mended.schema == rows.schema
    assert mended[name].to_pylist() == MENDED[begin:]
    mended.validate(full=True)
    reader = valid_batches(rows.to_reader(max_chunksize=2))
    assert reader.read_all().to_pylist() == mended.to_pylist()


@pytest.mark.parametrize(
    "values",
    [["plain", None, "", "seven by"], ["é", None], [], [1, 2], [["é"]], [{"a": "b"}]],
    ids=str,
)
def test_what_is_as_it_should_be_is_left_as_it_is(values: list[Any]) -> None:
    rows = pa.table({"c": values})
    assert valid_texts(rows) is rows


def test_what_cannot_be_mended_is_told_in_one_line() -> None:
    lists = pa.ListArray.from_arrays([0, 7], texts(BAD, pa.string()))
    with pytest.raises(InformerError, match="in column attributes are texts that are no UTF-8"):
        valid_texts(pa.table({"attributes": lists}))
