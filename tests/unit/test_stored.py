"""Spans in tables of other engines: layouts, the wanted range, and pieces in order of time."""

from collections.abc import Iterator

import pyarrow as pa
import pytest

from informer.core.errors import InformerError
from informer.engines.duckdb import DuckDBEngine
from informer.spans.received import Selection
from informer.spans.stored import Bounds, StoredSource
from three_engines import needed

NS = 1_000_000_000
MONDAY_S = 1_780_272_000


def rows(count: int, **changed: object) -> pa.Table:
    """Spans of one service, a second apart, starts in microseconds."""
    made = {
        "trace_id": [f"t{n}" for n in range(count)],
        "span_id": ["1"] * count,
        "service": ["a"] * count,
        "operation": ["GET /"] * count,
        "start_us": [(MONDAY_S + n) * 1_000_000 for n in range(count)],
        "duration_us": [5] * count,
    }
    return pa.table({**made, **changed})


def source(
    table: pa.Table, selection: Selection | None = None
) -> tuple[StoredSource, list[Bounds | None]]:
    """A source that gives three rows at a time, and the bounds that it was asked for."""
    asked: list[Bounds | None] = []

    def pieces(most: int, bounds: Bounds | None) -> Iterator[pa.RecordBatchReader]:
        asked.append(bounds)
        for first in range(0, table.num_rows, 3):
            yield table.slice(first, 3).to_reader()

    return StoredSource("table:t", "t", table, pieces, selection or Selection()), asked


def test_all_rows_become_spans_piece_by_piece() -> None:
    stored, _ = source(rows(7))
    with DuckDBEngine() as engine:
        assert list(stored.stage(engine, "spans")) == [3, 3, 1]
        found = engine.query("select trace_id, start_ns, duration_ns from spans order by 2")
    assert found.slice(6).to_pylist() == [
        {"trace_id": "t6", "start_ns": (MONDAY_S + 6) * NS, "duration_ns": 5_000}
    ]


def test_pieces_that_were_read_before_are_left_out() -> None:
    stored, _ = source(rows(7))
    with DuckDBEngine() as engine:
        assert list(stored.stage(engine, "spans", skip=2)) == [1]


def test_the_wanted_range_is_asked_for_in_the_unit_of_the_table() -> None:
    low, high = MONDAY_S * NS + 1, (MONDAY_S + 2) * NS + 1
    stored, asked = source(rows(4), Selection(from_ns=low, until_ns=high))
    with DuckDBEngine() as engine:
        spans = sum(stored.stage(engine, "spans"))
    assert asked == [
        Bounds("start_us", MONDAY_S * 1_000_000, (MONDAY_S + 2) * 1_000_000 + 1, 1_000_000)
    ]
    assert spans == 2


def test_bad_rows_are_counted_and_left_out() -> None:
    stored, _ = source(rows(3, service=["a", None, "a"]))
    with DuckDBEngine() as engine:
        assert sum(stored.stage(engine, "spans")) == 2
    assert stored.rejected == {"missing_service": 1}


def test_unknown_columns_are_named() -> None:
    with pytest.raises(InformerError, match=r"table:t must have known columns.* it has a, b"):
        source(pa.table({"a": [1], "b": [2]}))


def test_clickhouse_gives_whole_seconds_in_order_and_only_the_range() -> None:
    needed("clickhouse")
    from informer.engines.clickhouse import ClickHouseEngine
    from informer.engines.clickhouse_embedded import EmbeddedClickHouse
    from informer.engines.clickhouse_rows import Rows

    server = EmbeddedClickHouse()
    with ClickHouseEngine(server) as engine:
        server.tell("create database theirs", {})
        server.tell(
            "create table theirs.t (at DateTime64(6), n Int64, said Map(String, String)) "
            "order by n as select toDateTime64(1780272000 + intDiv(number, 4), 6, 'UTC'), number, "
            "map('k', toString(number)) from numbers(20)",
            {},
        )
        table = Rows(engine, "theirs.t", {})
        second = MONDAY_S * NS
        found = [
            piece.read_all()["n"].to_pylist()
            for piece in table.pieces(8, "at", second, second + 4 * NS, NS)
        ]
        assert [sorted(piece) for piece in found] == [list(range(8)), list(range(8, 16))]
        (row,) = table.sample(1).to_pylist()
        assert row["said"] == f'{{"k":"{row["n"]}"}}'
        with pytest.raises(InformerError, match=r"no table theirs\.nix"):
            Rows(engine, "theirs.nix", {})
        server.tell("drop database theirs", {})
