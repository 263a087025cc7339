"""Numbers from zero on for keys, those that come again and those that are new."""

import numpy as np

from informer.core.compiled import compiled
from informer.core.types import Ints
from informer.outlines.shares import evenly, in_shares
from informer.outlines.slots import Slots, Small, find, placed


class Keys:
    """The keys that were met, by number."""

    def __init__(self, known: Ints | None = None) -> None:
        held = np.empty(0, np.int64) if known is None else known
        self._known = len(held)
        self._bits = max(13, (4 * len(held)).bit_length())
        self._keys = np.empty(1 << (self._bits - 1), np.int64)
        self._keys[: len(held)] = held
        self._slots: Slots = placed(held, self._bits)

    def number(self, asked: Ints) -> tuple[Small, Ints]:
        """The number of each key; [n], and the keys that are new. A key < 0 has number 0."""
        numbers = np.empty(len(asked), np.int32)

        def look_up(share: tuple[int, int]) -> Ints:
            low, high = share
            here = asked[low:high], self._keys, self._slots, self._bits, numbers[low:high]
            return low + looked_up(*here)

        unknown = np.concatenate(in_shares(look_up, evenly(len(asked)), len(asked)))
        before, done = self._known, 0
        while True:
            table = self._keys, self._known, self._slots, self._bits
            done, self._known = number_keys(asked, unknown, done, *table, numbers)
            if done == len(unknown):
                return numbers, self._keys[before : self._known]
            self._keys = np.append(self._keys, np.empty_like(self._keys))
            self._bits += 1
            self._slots = placed(self._keys[: self._known], self._bits)


@compiled
def looked_up(asked: Ints, keys: Ints, slots: Slots, bits: int, numbers: Small) -> Ints:
    """The numbers of keys that are known, 0 for what is no key; and the places of the others."""
    places, unknown = np.empty(len(asked), np.int64), 0
    for n in range(len(asked)):
        if asked[n] < 0:
            numbers[n] = 0
            continue
        slot = slots[find(asked[n], keys, slots, 64 - bits)]
        numbers[n] = slot
        if slot < 0:
            places[unknown] = n
            unknown += 1
    return places[:unknown].copy()


@compiled
def number_keys(
    asked: Ints,
    places: Ints,
    begin: int,
    keys: Ints,
    known: int,
    slots: Slots,
    bits: int,
    numbers: Small,
) -> tuple[int, int]:
    """Number the keys at some places; those that are new get the next numbers.

    Gives how far it came until there was no room for a new key, and how many are known then.
    """
    for place in range(begin, len(places)):
        n = places[place]
        slot = find(asked[n], keys, slots, 64 - bits)
        if slots[slot] < 0:
            if known == len(keys):
                return place, known
            slots[slot], keys[known] = known, asked[n]
            known += 1
        numbers[n] = slots[slot]
    return len(places), known
