"""Rows put together, or cut apart, until they are as many as somebody wants at a time."""

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Texts of JSON that an engine reads at a time: it takes some thirty times as much memory.
JSON_BYTES = 4_000_000


def together(batches: Iterable[pa.RecordBatch], most: int) -> Iterator[pa.Table]:
    """Tables of `most` rows or a batch more; the last one has what is left, if anything."""
    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in batches:
        waiting.append(batch)
        held += batch.num_rows
        if held >= most:
            yield pa.Table.from_batches(waiting)
            waiting, held = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting)


def apart(rows: pa.Table, column: str) -> Iterator[pa.Table]:
    """The rows, so many at a time that the texts of a column have JSON_BYTES, or one row more."""
    sizes = pc.fill_null(pc.binary_length(rows[column]), 0).to_numpy()
    piece = np.cumsum(sizes, dtype=np.int64) // JSON_BYTES
    begins = [0, *(np.flatnonzero(np.diff(piece)) + 1).tolist(), len(rows)]
    return (rows.slice(low, high - low) for low, high in pairwise(begins))
