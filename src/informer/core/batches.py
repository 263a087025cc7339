"""Batches of rows put together until they are as many as somebody wants at a time."""

from collections.abc import Iterable, Iterator

import pyarrow as pa


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
