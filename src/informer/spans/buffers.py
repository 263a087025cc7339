"""Arrow's arrays as they lie in memory, for compiled loops."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Bytes: TypeAlias = npt.NDArray[np.uint8]
Offsets: TypeAlias = npt.NDArray[np.int32]

ALL_THERE = np.empty(0, np.uint8)


def numbers_in(values: pa.Array, kind: npt.DTypeLike) -> npt.NDArray[Any]:
    """Numbers, and whatever lies where they are null; [n]."""
    if not len(values):
        return np.empty(0, kind)
    return np.frombuffer(values.buffers()[1], kind)[values.offset : values.offset + len(values)]


def there_in(values: pa.Array) -> tuple[Bytes, int]:
    """A bit for each value that is not null, no bits where all are there; and where they begin."""
    if not values.null_count:
        return ALL_THERE, 0
    return np.frombuffer(values.buffers()[0], np.uint8), values.offset


def bytes_in(texts: pa.Array) -> tuple[Offsets, Bytes]:
    """Where texts begin and end, and their bytes."""
    texts = texts.cast(pa.string())
    _, offsets, data = texts.buffers()
    if offsets is None or not len(texts):
        offsets = pa.py_buffer(bytes(4 * (texts.offset + len(texts) + 1)))
    bounds = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    return bounds, np.frombuffer(data if data is not None and data.size else b"\0", np.uint8)
