"""Numbers from zero on for keys, those that come again and those that are new."""

import numpy as np

from informer.core.types import Ints
from informer.outlines.loops import Slots, Small, number_keys, placed


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
        before, done = self._known, 0
        numbers = np.empty(len(asked), np.int32)
        while True:
            table = self._keys, self._known, self._slots, self._bits
            done, self._known = number_keys(asked, done, *table, numbers)
            if done == len(asked):
                return numbers, self._keys[before : self._known]
            self._keys = np.append(self._keys, np.empty_like(self._keys))
            self._bits += 1
            self._slots = placed(self._keys[: self._known], self._bits)
