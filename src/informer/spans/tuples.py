"""Numbers for what rows say: rows whose columns hold the same have the same number."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from informer.core.compiled import compiled
from informer.core.types import Ints
from informer.spans.buffers import Bytes
from informer.spans.indexed import Indexed, Small
from informer.spans.numbers import numbers_of

Words: TypeAlias = npt.NDArray[np.uint64]
# What each of some values means; those that mean the same are equal.
Meanings: TypeAlias = Callable[[pa.Array], Sequence[Any]]

# Of a column that are remembered; with more it begins anew.
MOST_VALUES, MOST_BYTES = 500_000, 128 << 20
KEY = secrets.token_bytes(32)
WORD_BITS = 64
ODD = np.uint64(0x9E3779B97F4A7C15)


class Column:
    """The values of one column that were met, by number; 0 = null.

    Texts are known by numbers of 63 bits that are nobody's guess, as ids of spans are.
    """

    def __init__(self, meanings: Meanings | None = None) -> None:
        self._meanings = meanings
        self._keys: Ints = np.empty(0, np.int64)  # of values that were met, sorted
        self._codes: Small = np.empty(0, np.int32)  # in the same order
        self._meant: dict[Any, int] = {}
        self._known = 0  # different codes
        self._bytes = 0  # of texts whose meanings are remembered

    def full(self) -> bool:
        """Whether it remembers too much."""
        return len(self._keys) > MOST_VALUES or self._bytes > MOST_BYTES

    def bits(self) -> int:
        """What the largest number needs."""
        return max(1, self._known.bit_length())

    def codes(self, values: pa.Array) -> Small:
        """The number of each of some values, none of which is null."""
        asked = _keys_of(values)
        self._learn(values, asked)
        found: Small = self._codes[np.searchsorted(self._keys, asked)]
        return found

    def _learn(self, values: pa.Array, asked: Ints) -> None:
        places = np.searchsorted(self._keys, asked)
        is_new = np.ones(len(asked), bool)
        inside = places < len(self._keys)
        is_new[inside] = self._keys[places[inside]] != asked[inside]
        new = np.flatnonzero(is_new)
        if not len(new):
            return
        keys, firsts = np.unique(asked[new], return_index=True)
        codes = self._new_codes(values, new[firsts])
        at = np.searchsorted(self._keys, keys)
        self._keys = np.insert(self._keys, at, keys)
        self._codes = np.insert(self._codes, at, codes)

    def _new_codes(self, values: pa.Array, places: Ints) -> Small:
        """Of values that were not met: those that mean the same have the same."""
        if self._meanings is None:
            before = self._known
            self._known += len(places)
            return np.arange(before + 1, self._known + 1, dtype=np.int32)
        self._bytes += values.nbytes * len(places) // len(values)
        meant = self._meanings(values.take(pa.array(places)))
        codes = [self._meant.setdefault(meaning, len(self._meant) + 1) for meaning in meant]
        self._known = len(self._meant)
        return np.array(codes, np.int32)


def _keys_of(values: pa.Array) -> Ints:
    """A number for each value; equal ones have the same. Texts, or numbers of 64 bits at most."""
    kind = values.type
    if pa.types.is_floating(kind):
        told = np.asarray(values.to_numpy(zero_copy_only=False), np.float64)
        return (told + 0.0).view(np.int64)  # there is but one zero
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return np.asarray(values.to_numpy(zero_copy_only=False)).astype(np.int64)
    return numbers_of(values, KEY)


class Tuples:
    """What rows said so far, as numbers from zero on.

    The numbers of a row's columns stand side by side in few words of 64 bits: axes w word, t tuple.
    """

    def __init__(self, columns: Mapping[str, Column]) -> None:
        self._columns = dict(columns)
        self.known = 0
        self._widths = dict.fromkeys(columns, 0)  # bits of each column
        self._places = dict.fromkeys(columns, (0, 0))  # its word, and the bit in it
        self._told: Words = np.empty((1, 1 << 12), np.uint64)  # [w, t]
        self._words: Words = np.empty((1, 0), np.uint64)  # [w, n]
        self._bits = 13
        self._slots: Small = np.full(1 << self._bits, -1, np.int32)

    def full(self) -> bool:
        """Whether it is time to begin anew, so that memory stays bounded."""
        return self.known > MOST_VALUES or any(column.full() for column in self._columns.values())

    def number(self, rows: int, told: Sequence[Indexed]) -> tuple[Small, Ints]:
        """The number of every row; [n], and where the first row is of each that is new."""
        words = self._said(rows, told)
        numbers, firsts = np.empty(rows, np.int32), np.empty(rows, np.int64)
        before, done = self.known, 0
        while True:
            new = firsts[self.known - before :]
            done, self.known = _number(
                words, done, self._told, self.known, self._slots, self._bits, numbers, new
            )
            if done == rows:
                return numbers, firsts[: self.known - before]
            self._told = np.concatenate([self._told, np.empty_like(self._told)], axis=1)
            self._bits += 1
            self._place()

    def _said(self, rows: int, given: Sequence[Indexed]) -> Words:
        """The words of every row; [w, n]."""
        codes = [
            {name: _codes(self._columns[name], held) for name, held in told.held.items()}
            for told in given
        ]
        if any(c.bits() > self._widths[name] for name, c in self._columns.items()):
            self._make_room()
        if self._words.shape[1] < rows or len(self._words) != len(self._told):
            self._words = np.empty((len(self._told), rows), np.uint64)
        words = self._words[:, :rows]
        words.fill(0)
        for told, by_name in zip(given, codes, strict=True):
            for word, parts in self._by_word(by_name).items():
                if told.indices is None:
                    words[word] |= parts[0]
                else:
                    _add(told.indices, told.there, told.begin, parts, words[word])
        return words

    def _by_word(self, codes: Mapping[str, Small]) -> dict[int, Words]:
        """What columns put into each word; [d]."""
        made: dict[int, Words] = {}
        for name, numbers in codes.items():
            if len(numbers):  # else there are no rows, or nothing in them
                word, bit = self._places[name]
                part = numbers.astype(np.uint64) << np.uint64(bit)
                made[word] = made[word] | part if word in made else part
        return made

    def _make_room(self) -> None:
        """Set all words anew, with more bits for the columns that have more values now."""
        known = self._told[:, : self.known]
        told = {
            name: (known[word] >> np.uint64(bit)) & np.uint64((1 << self._widths[name]) - 1)
            for name, (word, bit) in self._places.items()
        }
        self._widths = {name: column.bits() + 1 for name, column in self._columns.items()}
        word = bit = 0
        for name, width in self._widths.items():
            if bit + width > WORD_BITS:
                word, bit = word + 1, 0
            self._places[name] = word, bit
            bit += width
        self._told = np.zeros((word + 1, self._told.shape[1]), np.uint64)
        for name, (word, bit) in self._places.items():
            self._told[word, : self.known] |= told[name] << np.uint64(bit)
        self._place()

    def _place(self) -> None:
        """Fill a new table of slots: tuples that are numbered again keep their numbers."""
        self._slots = np.full(1 << self._bits, -1, np.int32)
        known, numbers = self._told[:, : self.known].copy(), np.empty(self.known, np.int32)
        firsts = np.empty(self.known, np.int64)
        _number(known, 0, self._told, 0, self._slots, self._bits, numbers, firsts)


def _codes(column: Column, values: pa.Array) -> Small:
    """The numbers of values of a column; [n]."""
    if not values.null_count:
        return column.codes(values)
    there = values.is_valid().to_numpy(zero_copy_only=False)
    codes = np.zeros(len(values), np.int32)
    codes[there] = column.codes(values.drop_null())
    return codes


@compiled
def _add(indices: Small, there: Bytes, begin: int, parts: Words, words: Words) -> None:
    """Set what columns say into a word of every row."""
    if len(there):
        for n in range(len(words)):
            if (there[(begin + n) >> 3] >> ((begin + n) & 7)) & 1:
                words[n] |= parts[indices[n]]
    else:
        for n in range(len(words)):
            words[n] |= parts[indices[n]]


@compiled
def _number(
    words: Words,
    begin: int,
    told: Words,
    known: int,
    slots: Small,
    bits: int,
    numbers: Small,
    firsts: Ints,
) -> tuple[int, int]:
    """Number rows from one on, until there is no room for a new tuple; how far it came."""
    new, mask = 0, len(slots) - 1
    one, one_told = words[0], told[0]  # mostly there is but one word
    for n in range(begin, len(numbers)):
        mixed = one[n] * ODD
        for w in range(1, len(words)):
            mixed = (mixed ^ (mixed >> np.uint64(32)) ^ words[w, n]) * ODD
        mixed ^= mixed >> np.uint64(32)
        slot = np.int64((mixed * ODD) >> np.uint64(64 - bits))
        while slots[slot] >= 0:
            same = one_told[slots[slot]] == one[n]
            if same:
                for w in range(1, len(words)):
                    same &= told[w, slots[slot]] == words[w, n]
            if same:
                break
            slot = (slot + 1) & mask
        if slots[slot] < 0:
            if known == told.shape[1]:
                return n, known
            for w in range(len(words)):
                told[w, known] = words[w, n]
            firsts[new], slots[slot] = n, known
            known += 1
            new += 1
        numbers[n] = slots[slot]
    return len(numbers), known
