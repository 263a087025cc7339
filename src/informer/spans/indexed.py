"""What columns hold, told apart: each row by its place among what is different."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.compiled import compiled
from informer.core.types import Ints
from informer.spans.buffers import ALL_THERE, Bytes, numbers_in, there_in

Small: TypeAlias = npt.NDArray[np.int32]

NARROW = 4096  # whole numbers that lie so near each other are told apart by a table of all


@dataclass(frozen=True, slots=True)
class Indexed:
    """What columns hold, by its place among all that they hold together; it may come twice."""

    held: Mapping[str, pa.Array]  # of each column, [d]
    indices: Small | None  # [n], None = all are the first
    there: Bytes  # a bit for each row in which anything is, empty = all
    begin: int  # the first of the bits

    def rows(self, places: Ints) -> dict[str, pa.Array]:
        """What columns hold in some rows; [places]."""
        taken: Ints = np.zeros(len(places), np.int64)
        if self.indices is not None:
            taken = self.indices[places].astype(np.int64)
        absent = np.zeros(len(places), bool)
        if len(self.there):
            bits = self.begin + places
            absent = (self.there[bits >> 3] >> (bits & 7)) & 1 == 0
        chosen = pa.array(taken, mask=absent)
        return {name: held.take(chosen) for name, held in self.held.items()}


def indexed(name: str, values: pa.Array) -> Indexed:
    """A column, told apart. Most columns of numbers hold one and the same, or few."""
    kind = values.type
    if not pa.types.is_dictionary(kind):
        number = pa.types.is_integer(kind) or pa.types.is_boolean(kind)
        if number or pa.types.is_floating(kind):
            ends = pc.min_max(values)
            if not values.null_count and ends["min"] == ends["max"]:
                return Indexed({name: values.slice(0, 1)}, None, ALL_THERE, 0)
            low, high = (ends[n].as_py() for n in ("min", "max"))
            if number and low is not None and int(high) - int(low) < NARROW:
                told = values.cast(pa.int64())
                indices, held = _narrow(
                    numbers_in(told, np.int64), *there_in(told), int(low), int(high)
                )
                return Indexed({name: pa.array(held).cast(kind)}, indices, *there_in(told))
        values = values.dictionary_encode()
    indices = values.indices.cast(pa.int32())
    return Indexed({name: values.dictionary}, numbers_in(indices, np.int32), *there_in(indices))


@compiled
def _narrow(values: Ints, there: Bytes, begin: int, low: int, high: int) -> tuple[Small, Ints]:
    """The place of each number among those that come, and these; what is null has any place."""
    places = np.full(high - low + 1, -1, np.int32)
    held, known = np.empty(high - low + 1, np.int64), 0
    indices = np.empty(len(values), np.int32)
    for n in range(len(values)):
        if len(there) and not (there[(begin + n) >> 3] >> ((begin + n) & 7)) & 1:
            indices[n] = 0
            continue
        place = values[n] - low
        if places[place] < 0:
            places[place], held[known] = known, values[n]
            known += 1
        indices[n] = places[place]
    return indices, held[:known].copy()
