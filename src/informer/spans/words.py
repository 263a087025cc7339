"""Eight bytes at a time, for compiled loops. Places have no sign, so that none is looked at twice.

A word is little-endian: its lowest byte comes first.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from informer.core.compiled import compiled
from informer.spans.buffers import Bytes

Words: TypeAlias = npt.NDArray[np.uint64]

ONE, EIGHT = np.uint64(1), np.uint64(8)
LOWS, HIGHS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
SEVEN, TOP = np.uint64(7), np.uint64(56)
PLACES = np.uint64(0x0001020304050607)


@compiled
def whole_word(data: Bytes, at: np.uint64) -> np.uint64:
    """Eight bytes, written so that they are loaded as one."""
    return (
        np.uint64(data[at])
        | np.uint64(data[at + np.uint64(1)]) << np.uint64(8)
        | np.uint64(data[at + np.uint64(2)]) << np.uint64(16)
        | np.uint64(data[at + np.uint64(3)]) << np.uint64(24)
        | np.uint64(data[at + np.uint64(4)]) << np.uint64(32)
        | np.uint64(data[at + np.uint64(5)]) << np.uint64(40)
        | np.uint64(data[at + np.uint64(6)]) << np.uint64(48)
        | np.uint64(data[at + np.uint64(7)]) << np.uint64(56)
    )


@compiled
def last_word(data: Bytes, at: np.uint64, end: np.uint64) -> np.uint64:
    """Fewer than eight bytes; the rest is zero."""
    word, shift = np.uint64(0), np.uint64(0)
    for byte in range(at, end):
        word |= np.uint64(data[byte]) << shift
        shift += EIGHT
    return word


@compiled
def word_before(data: Bytes, at: np.uint64, end: np.uint64) -> np.uint64:
    """Up to eight bytes before the end; there are eight more behind it, and the rest is zero."""
    word = whole_word(data, at)
    if end - at < EIGHT:
        word &= (ONE << ((end - at) << np.uint64(3))) - ONE
    return word


@compiled
def zeros_in(word: np.uint64) -> np.uint64:
    """The high bit of the first byte that is zero, and maybe bits above it; 0 = there is none."""
    return np.uint64((word - LOWS) & ~word & HIGHS)


@compiled
def first_of(bits: np.uint64) -> np.uint64:
    """Which byte has the lowest of some high bits."""
    return np.uint64(((bits & -bits) >> SEVEN) * PLACES >> TOP)
