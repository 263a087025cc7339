"""Numbers of what rows say: the same for rows that hold the same, whatever piece they are in."""

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from informer.spans.buffers import ALL_THERE
from informer.spans.indexed import Indexed, indexed
from informer.spans.tuples import Column, Tuples

TYPES = {"text": pa.string(), "whole": pa.int16(), "yes": pa.bool_(), "real": pa.float64()}
VALUES = {
    "text": st.none() | st.text("aAé ", max_size=20),
    "whole": st.none() | st.integers(-(2**15), 2**15 - 1),
    "yes": st.none() | st.booleans(),
    "real": st.none() | st.floats(allow_nan=False).map(lambda value: value + 0.0),
}
ROWS = st.lists(st.fixed_dictionaries(VALUES), max_size=30)


def apart(rows: list[dict[str, Any]], name: str, *, encoded: bool) -> Indexed:
    """A column, told apart."""
    column = pa.array([row[name] for row in rows], TYPES[name])
    return indexed(name, column.dictionary_encode() if encoded else column)


def together(rows: list[dict[str, Any]], names: list[str]) -> Indexed:
    """Columns, told apart together; the first half of what they hold comes twice."""
    held = rows + rows[: len(rows) // 2]
    columns = {name: pa.array([row[name] for row in held], TYPES[name]) for name in names}
    places = np.arange(len(rows), dtype=np.int32)
    places[: len(rows) // 2 : 2] += len(rows)  # every other one of them is said by its double
    places[places >= len(held)] -= len(rows)
    return Indexed(columns, places, ALL_THERE, 0)


@given(pieces=st.lists(ROWS, max_size=4), encoded=st.booleans(), halves=st.booleans())
def test_rows_that_hold_the_same_have_the_same_number(
    pieces: list[list[dict[str, Any]]], encoded: bool, halves: bool
) -> None:
    tuples = Tuples({name: Column() for name in TYPES})
    known: dict[tuple[Any, ...], int] = {}
    for rows in pieces:
        said = [apart(rows, name, encoded=encoded) for name in TYPES]
        if halves:
            said = [*said[2:], together(rows, ["text", "whole"])]
        numbers, firsts = tuples.number(len(rows), said)
        before = len(known)
        for number, row in zip(numbers.tolist(), rows, strict=True):
            key = tuple(row[name] for name in TYPES)
            assert number == known.setdefault(key, len(known))
        assert [numbers[place] for place in firsts] == list(range(before, len(known)))
        held = {name: column for told in said for name, column in told.rows(firsts).items()}
        for place, first in enumerate(firsts):
            assert {name: held[name][place].as_py() for name in TYPES} == rows[first]


@given(st.lists(st.lists(st.text("ab", max_size=3), max_size=9), max_size=4))
def test_texts_that_mean_the_same_have_the_same_number(pieces: list[list[str]]) -> None:
    asked: list[str] = []

    def meanings(texts: pa.Array) -> list[str]:
        asked.extend(texts.to_pylist())
        return [text.lower().strip("b") for text in texts.to_pylist()]

    column = Column(meanings)
    known: dict[str, int] = {}
    for texts in pieces:
        codes = column.codes(pa.array(texts, pa.string())).tolist()
        for code, text in zip(codes, texts, strict=True):
            assert known.setdefault(text.strip("b"), code) == code > 0
        assert column.bits() == max(1, len(known).bit_length())
    assert len(set(known.values())) == len(known)
    assert len(asked) == len(set(asked))


def test_what_is_no_number_is_one_value_and_so_is_zero() -> None:
    column = Column()
    for same in ([float("nan")] * 2, [0.0, -0.0]):
        assert len({int(column.codes(pa.array([value]))[0]) for value in same}) == 1
