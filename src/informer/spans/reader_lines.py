"""What Python readers read, as lines; another thread reads on meanwhile."""

from collections.abc import Iterator
from itertools import islice

import pyarrow as pa

from informer.core.lines import Lines
from informer.core.ports import Engine
from informer.core.types import Ints
from informer.spans.apart import SAID_BY, said_columns
from informer.spans.pieces import Piece, one
from informer.spans.received import RECEIVED, Selection, Tally
from informer.spans.received_rows import Received
from informer.spans.said_lines import FIRST_ROWS, SaidLines
from informer.spans.table_lines import IDS

MEANT = {"attributes": "meant", "resource_attributes": "resource", "trace_state": "trace_state"}
NEEDED = ("service", "start_ns")


def reader_lines(
    engine: Engine,
    tables: Iterator[pa.Table],
    skip: int,
    found: Tally,
    selection: Selection,
    tally: Tally,
    key: bytes,
) -> Iterator[Lines]:
    """Tables with the columns of IN_NANOSECONDS as lines, the first few left out; see Source.

    In `found` the tables' reader counts what is no row; it comes into `tally` with its piece.
    """
    received = Received(FIRST_ROWS, {n: n for n in RECEIVED.names} | {"attributes": "meant"})
    said = SaidLines(engine, received, SAID_BY, MEANT, selection, tally)
    pieces = (_piece(table, found.taken()) for table in tables)
    yield from said.lines(islice(pieces, skip, None), key)
    tally.merge(found.taken())


def _piece(table: pa.Table, found: Tally) -> Piece:
    return Piece(
        pa.table(said_columns(table), names=list(SAID_BY)),
        [one(table[name]) for name in IDS],
        one(table["attributes"]),
        _numbers(table["start_ns"]),
        _numbers(table["duration_ns"]),
        [table[name] for name in NEEDED],
        found,
    )


def _numbers(column: pa.ChunkedArray) -> Ints:
    numbers: Ints = one(column).fill_null(0).to_numpy()
    return numbers
