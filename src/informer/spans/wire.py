"""The fields of many protobuf messages at once: each round reads one field of every message.

Protobuf is read field by field, as where one ends says where the next begins. NumPy cannot hurry
that along one message, but it can along thousands of them side by side.
Source: the encoding of protocol buffers, https://protobuf.dev/programming-guides/encoding/
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
SPARE = 16  # bytes behind the last message, so that words can be read at its end
LONGEST_VARINT = 5  # bytes that are read here; longer ones are somebody else's
# Bytes that a value with this wire type takes behind its varint; -1: there is no such thing.
FIXED = np.array([0, 8, 0, -1, -1, 4, -1, -1])

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Text:
    """Bytes in which messages lie one after another."""

    def __init__(self, messages: Sequence[bytes]) -> None:
        self.bytes: Bytes = np.frombuffer(b"".join([*messages, bytes(SPARE)]), np.uint8)
        self.ends: Places = np.cumsum(np.fromiter(map(len, messages), np.int64, len(messages)))
        self.starts: Places = np.concatenate([np.zeros(1, np.int64), self.ends[:-1]])
        size = len(self.bytes) - 7
        # The eight bytes from each place on, little-endian, wherever it is.
        self.words: Places = np.ndarray(size, "<i8", self.bytes.data, strides=(1,))


@dataclass(frozen=True, slots=True)
class Fields:
    """Fields in the order of their rounds, so that of two alike of a message the later is last."""

    owner: Places  # which message
    tag: Places  # number * 8 + wire type
    start: Places  # of the value in the text
    end: Places
    value: Places  # of a varint; the length of bytes

    def of(self, number: int, wire: int) -> "Fields":
        """Those with a number and a wire type."""
        chosen = np.flatnonzero(self.tag == number * 8 + wire)
        return Fields(*(getattr(self, name)[chosen] for name in self.__slots__))


def fields_of(text: Text, starts: Places, ends: Places, *, rounds: int) -> tuple[Fields, Flags]:
    """All fields of messages that lie at [start, end), and which messages could not be read.

    Those are no protobuf, or they have more than `rounds` fields, field numbers beyond 2,047,
    varints of more than LONGEST_VARINT bytes or groups: all rare, and for a reader that takes its
    time. What is given of them is of no use.
    """
    odd = np.zeros(len(starts), bool)
    owner = np.flatnonzero(starts < ends)
    place, end = starts[owner], ends[owner]
    found: list[tuple[Places, ...]] = []
    for _ in range(rounds):
        if not len(owner):
            break
        word = text.words[place]
        tag, behind, rest = word & 0x7F, place + 1, word >> 8
        long = np.flatnonzero(word & 0x80)  # tags: those of fields from 16 on
        if len(long):
            tag[long] |= (word[long] >> 1) & 0x3F80
            behind[long] += 1
            rest[long] >>= 8
        value, size = _varints(rest)
        wire = tag & 7
        if (wire == BYTES).all():  # nearly always
            start = behind + size
            until = start + value
            bad = size == 0
        else:
            in_bytes = wire == BYTES
            start = behind + size * in_bytes
            until = start + np.where(in_bytes, value, np.where(wire == VARINT, size, FIXED[wire]))
            bad = (FIXED[wire] < 0) | ((size == 0) & (in_bytes | (wire == VARINT)))
        bad |= (until > end) | (tag < 8)
        bad[long] |= (word[long] & 0x8000) != 0
        columns = (owner, tag, start, until, value)
        if bad.any():
            odd[owner[bad]] = True
            good = ~bad
            columns = tuple(column[good] for column in columns)
            owner, end = owner[good], end[good]
        found.append(columns)
        on = np.flatnonzero(columns[3] < end)
        owner, place, end = owner[on], columns[3][on], end[on]
    odd[owner] = True
    if not found:
        return Fields(*(np.zeros(0, np.int64) for _ in range(5))), odd
    return Fields(*(np.concatenate(column) for column in zip(*found, strict=True))), odd


def _varints(word: Places) -> tuple[Places, Places]:
    """The varint at the low end of each word and its bytes; 0 bytes where it is too long."""
    value, size = word & 0x7F, np.ones(len(word), np.int64)
    on = np.flatnonzero(word & 0x80)  # those that go on
    for byte in range(1, LONGEST_VARINT):
        part = word[on] >> (8 * byte)
        value[on] |= (part & 0x7F) << (7 * byte)
        size[on] += 1
        on = on[(part & 0x80) != 0]
    size[on] = 0
    return value, size
