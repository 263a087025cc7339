"""Texts in bytes: whether they are UTF-8, which are the same, and columns cut out of them."""

import secrets
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from informer.core.compiled import compiled
from informer.core.types import Ints
from informer.spans.buffers import Bytes, Offsets

Places: TypeAlias = npt.NDArray[np.int64]
LETTERS = np.frombuffer(b"0123456789abcdef", np.uint8)
LARGEST_COLUMN = 2**31 - 1  # bytes of texts
SPARE = 16  # bytes behind the last message, so that words can be read at its end
SECRET = np.uint64(secrets.randbits(64) | 1)


class Text:
    """Bytes in which messages lie one after another."""

    def __init__(self, messages: Sequence[bytes]) -> None:
        # Not read-only: who walks JSON writes out escapes where they stand.
        self.bytes: Bytes = np.frombuffer(bytearray().join([*messages, bytes(SPARE)]), np.uint8)
        self.ends: Places = np.cumsum(np.fromiter(map(len, messages), np.int64, len(messages)))
        self.starts: Places = np.concatenate([np.zeros(1, np.int64), self.ends[:-1]])
        size = len(self.bytes) - 7
        # The eight bytes from each place on, little-endian, wherever it is.
        self.words: Places = np.ndarray(size, "<i8", self.bytes.data, strides=(1,))


@compiled
def is_text(data: Bytes, at: np.int64, end: np.int64) -> bool:
    """Whether bytes are UTF-8. Source: table 3-7 of the Unicode standard."""
    every = np.uint8(0)
    for byte in data[at:end]:
        every |= byte
    if every < 0x80:  # nearly always
        return True
    while at < end:
        first = data[at]
        at += np.int64(1)
        if first < 0x80:
            continue
        low, high = 0x80, 0xBF
        if first < 0xC2 or first > 0xF4:
            return False
        more = 1 if first < 0xE0 else 2 if first < 0xF0 else 3
        if first == 0xE0:
            low = 0xA0
        elif first == 0xED:
            high = 0x9F
        elif first == 0xF0:
            low = 0x90
        elif first == 0xF4:
            high = 0x8F
        if at + more > end:
            return False
        for _ in range(more):
            if data[at] < low or data[at] > high:
                return False
            low, high = 0x80, 0xBF
            at += np.int64(1)
    return True


def column(offsets: Offsets, data: Bytes) -> pa.Array:
    """Texts as a column; they are UTF-8."""
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), len(offsets) - 1, buffers)


def offsets_of(sizes: Ints) -> Offsets:
    """Where texts of these sizes begin and end.

    Errors: pa.ArrowInvalid where they are more than a column holds.
    """
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    if ends[-1] > LARGEST_COLUMN:
        raise pa.ArrowInvalid(f"texts of {ends[-1]} bytes do not fit a column")
    return ends.astype(np.int32)


def cut_out(data: Bytes, starts: Places, ends: Places) -> pa.Array:
    """The texts at [start, end); a start of -1 is an empty one. They are UTF-8."""
    offsets = offsets_of(np.where(starts < 0, 0, ends - starts))
    return column(offsets, _copied(data, starts, offsets))


def hexes(data: Bytes, starts: Places, size: int) -> pa.Array:
    """`size` bytes from each start on, as hex; a start of -1 is an empty text."""
    offsets = offsets_of((starts >= 0) * 2 * size)
    return column(offsets, _in_hex(data, starts, size, LETTERS, int(offsets[-1])))


@compiled
def _copied(data: Bytes, starts: Places, offsets: Offsets) -> Bytes:
    made = np.empty(offsets[-1], np.uint8)
    for n in range(len(starts)):
        at = starts[n]
        for place in range(offsets[n], offsets[n + 1]):
            made[place] = data[at]
            at += 1
    return made


@compiled
def _in_hex(data: Bytes, starts: Places, size: int, letters: Bytes, total: int) -> Bytes:
    made, place = np.empty(total, np.uint8), 0
    for start in starts:
        if start < 0:
            continue
        for at in range(start, start + size):
            made[place], made[place + 1] = letters[data[at] >> 4], letters[data[at] & 15]
            place += 2
    return made


def distinct(data: Bytes, starts: Places, ends: Places) -> tuple[Ints, Ints]:
    """The number of each text, alike ones have the same; and which is the first of each number."""
    bits = max(int(2 * len(starts)).bit_length(), 4)
    slots = np.full(1 << bits, -1, np.int64)
    number, firsts = np.empty(len(starts), np.int64), np.empty(len(starts), np.int64)
    known = _distinct(data, starts, ends, SECRET, slots, bits, number, firsts)
    return number, firsts[:known]


@compiled
def _distinct(
    data: Bytes,
    starts: Places,
    ends: Places,
    secret: np.uint64,
    slots: Ints,
    bits: int,
    number: Ints,
    firsts: Ints,
) -> int:
    """`secret` is odd and nobody's guess: texts cannot be made that all have one slot."""
    known = 0
    for n in range(len(starts)):
        start, size = starts[n], ends[n] - starts[n]
        mixed = np.uint64(size) + secret
        for at in range(start, start + size):
            mixed = (mixed ^ np.uint64(data[at])) * secret
            mixed ^= mixed >> np.uint64(32)
        slot = np.int64((mixed * secret) >> np.uint64(64 - bits))
        while True:
            other = slots[slot]
            if other < 0:
                slots[slot], firsts[known], number[n] = known, n, known
                known += 1
                break
            first, same = firsts[other], False
            if ends[first] - starts[first] == size:
                same = True
                for place in range(size):
                    if data[starts[first] + place] != data[start + place]:
                        same = False
                        break
            if same:
                number[n] = other
                break
            slot = (slot + 1) & (len(slots) - 1)
    return known
