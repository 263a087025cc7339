"""What executors do of a reading: rows are told, parts of the traces folded, some given back whole.

All of it is done by the code that does so on one machine, for every part in a DuckDB of its own.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from informer.core.batches import together
from informer.core.lines import Lines
from informer.core.utf8 import valid_texts
from informer.engines.duckdb import DuckDBEngine
from informer.outlines.parts import fold_part, wanted_of
from informer.spans.parcels import Parcels, arrived, parceled, table_of
from informer.spans.ready_pieces import lie_ready, ready_piece
from informer.spans.received import Tally, lines_apart
from informer.spans.sayings import NO_SAYINGS, whole_spans
from informer.spans.stored import ROWS, Telling
from informer.spans.table_lines import TableColumns

Batches: TypeAlias = Iterator[pa.RecordBatch]

# Rows that hold tables in parcels, so that Spark need not look into them: the part they are of,
# what they hold, and the parcel.
PARCELS = pa.schema([("part", pa.int32()), ("holds", pa.string()), ("packed", pa.binary())])
LINES, SAID, FATES = "lines", "said", "fates"
NO_PART = -1
WHOLE = whole_spans("example_lines")


def tell(
    telling: Telling,
    key: bytes,
    parts: int,
    piece_rows: int,
    partition: int,
    rows: Iterable[pa.RecordBatch],
) -> Batches:
    """Rows as LINES for each part, what they SAID, and the FATES of rows."""
    tally = Tally()
    with DuckDBEngine(threads=1) as engine:
        engine.run(NO_SAYINGS)
        parcels = Parcels(engine, key, parts)
        pieces = map(valid_texts, together(rows, piece_rows))
        for lines in _lines(engine, telling, pieces, f"{partition}-", tally, key):
            for part, parcel in parcels.packed(lines):
                yield _held(part, LINES, parcel)
        yield from _parceled(NO_PART, SAID, parcels.said())
    yield from _parceled(NO_PART, FATES, tally.told())


def fold(
    said: bytes, key: bytes, step_s: int, partition: int, parcels: Iterable[pa.RecordBatch]
) -> Batches:
    """The lines of a part, folded: tables of each kind that `fold_part` gives.

    `said` is a table of all that is said anywhere; see `arrived`.
    """
    # In one order, whichever parcels came first: a part that is folded anew has the same numbers.
    given = sorted(table for batch in parcels for table in batch.column("packed").to_pylist())
    if not given:
        return
    with DuckDBEngine(threads=1) as engine:
        engine.run(NO_SAYINGS)
        lines = arrived(engine, given, table_of(said), key)
        given.clear()
        made = fold_part(engine, lines, key=key, step_s=step_s, whole=WHOLE)
    for holds, table in made.items():
        yield from _parceled(partition, holds, table)


def give(traces: bytes, partition: int, kept: Iterable[pa.RecordBatch]) -> Batches:
    """Of what is kept of parts, that of some traces: numbers of 64 bits, in order."""
    wanted = np.frombuffer(traces, np.int64)
    for batch in kept:
        for row in batch.to_pylist():
            table = wanted_of(table_of(row["packed"]), wanted)
            yield from _parceled(row["part"], row["holds"], table)


def _lines(
    engine: DuckDBEngine,
    telling: Telling,
    pieces: Iterator[pa.Table],
    named: str,
    tally: Tally,
    key: bytes,
) -> Iterator[Lines]:
    """Pieces as lines: without SQL for every row where columns lie ready for that, as in files."""
    table = TableColumns(dict(telling.columns), dict(telling.types), telling.times, telling.format)
    if table.fit(telling.selection) and lie_ready(table):
        ready = (ready_piece(table, rows) for rows in pieces)
        yield from table.lines(engine, ready, telling.selection, tally, key)
        return
    correlate, wanted = telling.selection.correlate, telling.wanted
    for number, rows in enumerate(pieces):
        engine.append(ROWS, rows, passing=True)
        received = telling.received(f"{named}{number}")
        yield lines_apart(engine, received, correlate, wanted, tally, key)
        engine.run(f"drop table {ROWS}")


def _parceled(part: int, holds: str, table: pa.Table) -> Batches:
    return (_held(part, holds, parcel) for parcel in parceled(table))


def _held(part: int, holds: str, parcel: bytes) -> pa.RecordBatch:
    """A batch for each parcel: Spark takes in a whole batch at a time."""
    return pa.RecordBatch.from_arrays([[part], [holds], [parcel]], schema=PARCELS)
