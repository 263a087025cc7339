"""Numbers for what rows say: rows whose columns hold the same have the same number."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.compiled import compiled
from informer.core.types import Ints

Small: TypeAlias = npt.NDArray[np.int32]
# What each of some values means; those that mean the same are equal.
Meanings: TypeAlias = Callable[[pa.Array], Sequence[Any]]

MOST_VALUES = 500_000  # of a column that are remembered; with more it begins anew
ODD = np.uint64(0x9E3779B97F4A7C15)


class Column:
    """The values of one column that were met, by number; 0 = null."""

    def __init__(self, meanings: Meanings | None = None) -> None:
        self._meanings = meanings
        self._codes: dict[Any, int] = {}
        self._meant: dict[Any, int] = {}

    def __len__(self) -> int:
        return len(self._codes)

    def codes(self, values: pa.Array, into: Small) -> None:
        """Write the number of what each row holds; [n]."""
        if not pa.types.is_dictionary(values.type):
            values = _encoded(values)
        held = values.dictionary
        told = held.to_pylist()
        new = [place for place, value in enumerate(told) if value not in self._codes]
        meant = [told[place] for place in new]
        if new and self._meanings is not None:
            meant = list(self._meanings(held.take(pa.array(new))))
        for place, meaning in zip(new, meant, strict=True):
            code = self._meant.setdefault(meaning, len(self._meant) + 1)
            self._codes[told[place]] = code
        codes = np.array([*(self._codes[value] for value in told), 0], np.int32)
        indices = values.indices.cast(pa.int32())
        if indices.null_count:
            indices = indices.fill_null(len(told))
        if len(told) == 1 and not values.indices.null_count:
            into.fill(codes[0])
        else:
            np.take(codes, indices.to_numpy(), out=into, mode="clip")


class Tuples:
    """What rows said so far, as numbers from zero on."""

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = list(columns)
        self._tuples = np.empty((1 << 12, len(columns)), np.int32)
        self._codes = np.empty((len(columns), 0), np.int32)
        self.known = 0
        self._bits = 13
        self._slots: Small = np.full(1 << self._bits, -1, np.int32)

    def full(self) -> bool:
        """Whether it is time to begin anew, so that memory stays bounded."""
        return max(self.known, *(len(column) for column in self.columns)) > MOST_VALUES

    def number(self, values: Sequence[pa.Array]) -> tuple[Small, Ints]:
        """The number of every row; [n], and where the first row is of each that is new."""
        rows = len(values[0])
        if self._codes.shape[1] < rows:
            self._codes = np.empty((len(self.columns), rows), np.int32)
        codes = self._codes
        for column, told, into in zip(self.columns, values, codes, strict=True):
            column.codes(told, into[:rows])
        numbers, firsts = np.empty(rows, np.int32), np.empty(rows, np.int64)
        before, done = self.known, 0
        while True:
            new = firsts[self.known - before :]
            done, self.known = _number(
                codes, done, self._tuples, self.known, self._slots, self._bits, numbers, new
            )
            if done == rows:
                return numbers, firsts[: self.known - before]
            self._grow()

    def _grow(self) -> None:
        self._tuples = np.concatenate([self._tuples, np.empty_like(self._tuples)])
        self._bits += 1
        self._slots = np.full(1 << self._bits, -1, np.int32)
        _place(self._tuples, self.known, self._slots, self._bits)


def _encoded(values: pa.Array) -> pa.Array:
    """Values as a dictionary; most columns of numbers hold one and the same."""
    if len(values) and not values.null_count and not pa.types.is_string(values.type):
        ends = pc.min_max(values)
        if ends["min"] == ends["max"]:
            indices = pa.array(np.zeros(len(values), np.int32))
            return pa.DictionaryArray.from_arrays(indices, values.slice(0, 1))
    return values.dictionary_encode()


@compiled
def _number(
    codes: Small,
    begin: int,
    tuples: Small,
    known: int,
    slots: Small,
    bits: int,
    numbers: Small,
    firsts: Ints,
) -> tuple[int, int]:
    """Number rows from one on, until there is no room for a new tuple; how far it came."""
    columns, rows = len(codes), len(numbers)
    row, new = np.empty(columns, np.int32), 0
    for n in range(begin, rows):
        for c in range(columns):
            row[c] = codes[c, n]
        slot = _find(row, tuples, slots, bits)
        if slots[slot] < 0:
            if known == len(tuples):
                return n, known
            for c in range(columns):
                tuples[known, c] = row[c]
            firsts[new], slots[slot] = n, known
            known += 1
            new += 1
        numbers[n] = slots[slot]
    return rows, known


@compiled
def _place(tuples: Small, known: int, slots: Small, bits: int) -> None:
    for place in range(known):
        slots[_find(tuples[place], tuples, slots, bits)] = place


@compiled
def _find(row: Small, tuples: Small, slots: Small, bits: int) -> np.int64:
    """The slot in which the place of a row is, or would be."""
    mixed, spread = np.uint64(0), ODD
    for c in range(len(row)):
        mixed += np.uint64(row[c]) * spread
        spread *= ODD
    mixed ^= mixed >> np.uint64(32)
    slot = np.int64((mixed * ODD) >> np.uint64(64 - bits))
    while slots[slot] >= 0:
        same, place = True, slots[slot]
        for c in range(len(row)):
            if tuples[place, c] != row[c]:
                same = False
                break
        if same:
            break
        slot = (slot + 1) & (len(slots) - 1)
    return slot
