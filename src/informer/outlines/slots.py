"""Tables of slots: where each of some keys is."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from informer.core.compiled import compiled
from informer.core.types import Ints

Small: TypeAlias = npt.NDArray[np.int32]
Slots: TypeAlias = npt.NDArray[np.int32]

SPREAD = np.uint64(0x9E3779B97F4A7C15)


@compiled
def slot_of(key: int, shift: int) -> np.int64:
    """Where to begin to look for a key in a table of 2 ** (64 - shift) slots."""
    return np.int64((np.uint64(key) * SPREAD) >> np.uint64(shift))


@compiled
def find(key: int, keys: Ints, slots: Slots, shift: int) -> np.int64:
    """The slot in which the place of a key is, or would be: -1 is in a slot that is free."""
    slot = slot_of(key, shift)
    while slots[slot] >= 0 and keys[slots[slot]] != key:
        slot += 1
        if slot == len(slots):
            slot = np.int64(0)
    return slot


@compiled
def place(keys: Ints, known: int, slots: Slots, bits: int) -> None:
    """Fill a table of 2 ** bits free slots with where each of the first keys is."""
    for p in range(known):
        slots[find(keys[p], keys, slots, 64 - bits)] = p


def placed(keys: Ints, bits: int) -> Slots:
    """A table of 2 ** bits slots that holds where each key is."""
    slots = np.full(1 << bits, -1, np.int32)
    place(keys, len(keys), slots, bits)
    return slots
