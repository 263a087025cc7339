"""What the engine reads of table files, as pieces: ids and times are made by it, sayings not."""

from collections.abc import Iterable, Iterator

import pyarrow as pa

from informer.core.batches import together
from informer.core.ports import Engine
from informer.core.types import Ints
from informer.spans.meanings import named
from informer.spans.pieces import Piece, one
from informer.spans.table_lines import IDS, TableColumns

OWN = (*IDS, "start_ns", "duration_ns")
ATTRIBUTES = "informer attributes"
RECEIVED_AS = {"resource_attributes": "resource"}


def scanned_pieces(
    engine: Engine, scans: Iterable[tuple[TableColumns, str]], most: int
) -> Iterator[tuple[TableColumns, Piece]]:
    """Pieces of scans of files whose columns fit, in order."""
    for table, scan in scans:
        for rows in together(engine.stream(_sql(table, scan)), most):
            yield table, _piece(table, rows)


def _sql(table: TableColumns, scan: str) -> str:
    received = table.rows_of(scan).columns
    made = [f"{received[name]} as {named(f'informer {name}')}" for name in OWN]
    made += [f"{_text_or_number(table, column)} as {named(column)}" for column in table.named()]
    for name, column in table.meant().items():
        made.append(f"{received[RECEIVED_AS.get(name, name)]} as {named(column)}")
    if "attributes" not in table.columns:
        made.append(f"{received['attributes']} as {named(ATTRIBUTES)}")
    return f"select {', '.join(made)} from {scan}"


def _text_or_number(table: TableColumns, column: str) -> str:
    """In Arrow JSON would be a type of its own."""
    return f"{named(column)}::varchar" if table.types.get(column) == "JSON" else named(column)


def _piece(table: TableColumns, rows: pa.Table) -> Piece:
    start = one(rows["informer start_ns"])
    return Piece(
        rows.select(table.said()),
        [one(rows[f"informer {name}"]) for name in IDS],
        one(rows[table.columns.get("attributes", ATTRIBUTES)]),
        _numbers(start),
        _numbers(one(rows["informer duration_ns"])),
        [rows[table.columns["service"]], start],
    )


def _numbers(column: pa.Array) -> Ints:
    numbers: Ints = (column.fill_null(0) if column.null_count else column).to_numpy()
    return numbers
