"""Fields of CSV as columns: texts, texts told apart, and whole numbers."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from informer.core.compiled import compiled
from informer.core.types import Ints
from informer.spans.buffers import ALL_THERE, Bytes, Offsets
from informer.spans.csv_walk import QUOTE, Fields
from informer.spans.indexed import Indexed
from informer.spans.texts import SECRET, offsets_of
from informer.spans.words import EIGHT, ONE, word_before

Small: TypeAlias = npt.NDArray[np.int32]

ZERO, NINE, TEN = np.uint8(ord("0")), np.uint8(ord("9")), np.uint64(10)
MOST_DIGITS = 19  # they fit 64 bits without a sign
NONE, IS_WHOLE, OTHER = range(3)  # what a field is: empty, digits alone, anything else


def texts(data: Bytes, starts: Fields, ends: Fields) -> pa.Array:
    """Fields as texts; what is empty is null. Errors: pa.ArrowInvalid where they are too much."""
    sizes = np.empty(len(starts), np.int64)
    empty = _measure(data, starts, ends, sizes)
    offsets = offsets_of(sizes)
    made = pa.py_buffer(_copied(data, starts, ends, offsets))
    there = pa.py_buffer(np.packbits(sizes > 0, bitorder="little")) if empty else None
    return pa.Array.from_buffers(
        pa.string(), len(starts), [there, pa.py_buffer(offsets), made], empty
    )


def told(data: Bytes, starts: Fields, ends: Fields) -> pa.DictionaryArray:
    """The same, told apart."""
    number, firsts = _told_apart(data, starts, ends, SECRET)
    empty = int(np.count_nonzero(number < 0))
    there = pa.py_buffer(np.packbits(number >= 0, bitorder="little")) if empty else None
    indices = pa.Array.from_buffers(pa.int32(), len(number), [there, pa.py_buffer(number)], empty)
    return pa.DictionaryArray.from_arrays(indices, texts(data, starts[firsts], ends[firsts]))


def told_together(data: Bytes, columns: Mapping[str, tuple[Fields, Fields]]) -> Indexed:
    """Columns that stand side by side, told apart by all bytes from the first to the last.

    Bytes that are alike are the same fields where both begin in quotes, or neither does.
    """
    sides = list(columns.values())
    number, firsts = _told_apart(data, sides[0][0], sides[-1][1], SECRET)
    held = {name: texts(data, s[firsts], e[firsts]) for name, (s, e) in columns.items()}
    return Indexed(held, number, ALL_THERE, 0)


def whole_numbers(
    data: Bytes, starts: Fields, ends: Fields, factor: int
) -> tuple[Ints, npt.NDArray[np.uint8]]:
    """Digits times a factor, 0 where a field is anything else; and what each field is."""
    return _whole_numbers(data, starts, ends, np.uint64(factor), np.uint64((2**63 - 1) // factor))


@compiled
def _measure(data: Bytes, starts: Fields, ends: Fields, sizes: Ints) -> int:
    """How long fields are; how many are empty."""
    empty = 0
    for n in range(len(starts)):
        end = np.int64(ends[n])
        if end >= 0:
            sizes[n] = end - starts[n]
        else:
            sizes[n] = ~end - starts[n]
            at, last = np.uint64(starts[n]), np.uint64(~end)
            while at < last:
                if data[at] == QUOTE:
                    sizes[n] -= 1
                    at += ONE
                at += ONE
        empty += sizes[n] == 0
    return empty


@compiled
def _copied(data: Bytes, starts: Fields, ends: Fields, offsets: Offsets) -> Bytes:
    made = np.empty(max(offsets[-1], 1), np.uint8)
    for n in range(len(starts)):
        at, place, until = np.uint64(starts[n]), np.uint64(offsets[n]), np.uint64(offsets[n + 1])
        if ends[n] >= 0:
            while place < until:
                made[place] = data[at]
                at += ONE
                place += ONE
        else:
            while place < until:
                byte = data[at]
                made[place] = byte
                at += ONE + ONE if byte == QUOTE else ONE
                place += ONE
    return made


@compiled
def _told_apart(data: Bytes, starts: Fields, ends: Fields, secret: np.uint64) -> tuple[Small, Ints]:
    """The number of each text, -1 = it is empty, and the first text of each number.

    What begins in quotes is told from what does not. `secret` is odd and nobody's guess: texts
    cannot be made that all have one slot.
    """
    bits, known = 10, 0
    slots = np.full(1 << bits, -1, np.int32)
    number, firsts = np.empty(len(starts), np.int32), np.empty(len(starts), np.int64)
    mixes = np.empty(len(starts), np.uint64)  # by number
    for n in range(len(starts)):
        start, end = np.uint64(starts[n]), np.uint64(ends[n] if ends[n] >= 0 else ~ends[n])
        if start == end:
            number[n] = -1
            continue
        quoted = start > 0 and data[start - ONE] == QUOTE
        mixed, at = np.uint64(end - start) + np.uint64(quoted), start
        while at < end:
            mixed = (mixed ^ word_before(data, at, end)) * secret
            mixed ^= mixed >> np.uint64(32)
            at += EIGHT
        mixed *= secret
        slot = np.int64(mixed >> np.uint64(64 - bits))
        while slots[slot] >= 0:
            other = firsts[slots[slot]]
            there = np.uint64(starts[other])
            if mixes[slots[slot]] == mixed and (
                (there > 0 and data[there - ONE] == QUOTE) == quoted
            ):
                until = np.uint64(ends[other] if ends[other] >= 0 else ~ends[other])
                same, at = until - there == end - start, start
                while same and at < end:
                    same = word_before(data, at, end) == word_before(
                        data, there, there + (end - at)
                    )
                    at += EIGHT
                    there += EIGHT
                if same:
                    break
            slot = (slot + 1) & (len(slots) - 1)
        if slots[slot] < 0:
            slots[slot], firsts[known], mixes[known] = known, n, mixed
            known += 1
        number[n] = slots[slot]
        if 2 * known > len(slots):
            bits += 1
            slots = np.full(1 << bits, -1, np.int32)
            for one in range(known):
                slot = np.int64(mixes[one] >> np.uint64(64 - bits))
                while slots[slot] >= 0:
                    slot = (slot + 1) & (len(slots) - 1)
                slots[slot] = one
    return number, firsts[:known].copy()


@compiled
def _whole_numbers(
    data: Bytes, starts: Fields, ends: Fields, factor: np.uint64, most: np.uint64
) -> tuple[Ints, Bytes]:
    found, what = np.empty(len(starts), np.int64), np.empty(len(starts), np.uint8)
    for n in range(len(starts)):
        at, end, number = np.uint64(starts[n]), np.uint64(max(ends[n], 0)), np.uint64(0)
        told = NONE if ends[n] == starts[n] else IS_WHOLE
        if ends[n] < 0 or end - at > MOST_DIGITS:
            told = OTHER
        else:
            while at < end:
                if data[at] < ZERO or data[at] > NINE:
                    told = OTHER
                    break
                number = number * TEN + np.uint64(data[at] - ZERO)
                at += ONE
        if number > most:
            told = OTHER
        found[n] = np.int64(number * factor) if told == IS_WHOLE else 0
        what[n] = told
    return found, what
