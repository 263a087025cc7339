"""Columns of tables, as they lie in Parquet or are scanned, give the lines that SQL makes."""

from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from test_sayings import ODD, ROW

from informer.core.lines import plain_rows
from informer.core.tables import SPANS
from informer.engines.duckdb import DuckDBEngine
from informer.spans.open import open_sources
from informer.spans.said_lines import SaidLines
from informer.spans.sayings import forget_sayings, whole_spans
from informer.spans.table_lines import TableColumns

KEY = b"a key of the workspace"
PODS = [
    {"resource": f'{{"k8s.pod.name":"shop-6f6cfc45b-d9pn{c}"}}', "version": None} for c in "vwx"
]
NAMES = {"resource": "resource_attributes"}
TYPES = {"start_ns": pa.int64(), "duration_ns": pa.int64(), "status_code": pa.int64()} | {
    "failed": pa.bool_(),
    "weight": pa.float64(),
}
COLUMNS = (*ROW, "parent_span_id", "peer", "status_code", "failed", "weight", "version", "scope")
COLUMNS += ("trace_state", "attributes", "resource")
FIRST_NS = 1_700_000_000_000_000_000


def rows(*odd: dict[str, Any]) -> pa.Table:
    """Rows with what is odd about each, at a time of today."""
    made = []
    for n, row in enumerate(odd):
        whole = dict.fromkeys(COLUMNS) | ROW | {"span_id": str(n)} | row
        if whole["start_ns"] is not None:
            whole["start_ns"] += FIRST_NS
        made.append({NAMES.get(name, name): whole[name] for name in COLUMNS})
    schema = [(NAMES.get(n, n), TYPES.get(n, pa.string())) for n in COLUMNS]
    return pa.Table.from_pylist(made, pa.schema(schema))


def told(
    monkeypatch: pytest.MonkeyPatch,
    path: Path,
    *,
    as_they_lie: bool,
    most: int = 1000,
    **asked: Any,
) -> tuple[list[dict[str, Any]], dict[str, int], list[str]]:
    """Spans that a file gives, the one way or the other, what was rejected and what is noted."""
    if not as_they_lie:
        monkeypatch.setattr(TableColumns, "fit", lambda table, selection: False)
    names = ", ".join(SPANS.names)
    with DuckDBEngine(threads=1) as engine, monkeypatch.context():
        (source,) = open_sources([str(path)], **asked)
        spans = []
        for piece in source.lines(engine, KEY, most=most):
            engine.write("told", plain_rows([piece.rows]))
            spans += engine.query(f"select {names} from ({whole_spans('told')})").to_pylist()
        return sorted(spans, key=repr), dict(source.rejected), source.notes


RANGES = {"all": {}, "a range": {"from_ns": FIRST_NS, "until_ns": FIRST_NS + 1_000}}


def tellings(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the engine is asked from now on to say of first rows."""
    made: list[object] = []
    monkeypatch.setattr(
        SaidLines,
        "_tell",
        lambda s, *a, _tell=SaidLines._tell: (made.append(a), _tell(s, *a))[1],
    )
    return made


@pytest.mark.parametrize("asked", RANGES)
@pytest.mark.parametrize("group", [4, 1000])
def test_columns_as_they_lie_say_what_rows_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, group: int, asked: str
) -> None:
    path = tmp_path / "spans.parquet"
    soft = [{"parent_span_id": "?1"}, {"parent_span_id": ""}, {"parent_span_id": "-1"}]
    pq.write_table(rows(*ODD, *PODS, *soft, *ODD), path, row_group_size=group)
    made = tellings(monkeypatch)
    lying = told(monkeypatch, path, as_they_lie=True, most=10, **RANGES[asked])
    assert made
    assert lying == told(monkeypatch, path, as_they_lie=False, **RANGES[asked])


@pytest.mark.parametrize("asked", RANGES)
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_texts_that_are_scanned_say_what_rows_say(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, asked: str
) -> None:
    path = tmp_path / f"spans.{kind}"
    odd: list[dict[str, Any]] = [{"start_ns": None}, {"duration_ns": -5}, {"trace_id": "t" * 400}]
    table = rows(*ODD, *PODS, *odd, *ODD)
    if kind == "csv":
        csv.write_csv(table, path)
        path.write_bytes(path.read_bytes().replace(b"\0", b"") + b'one,"two\n\n,,,\n')
    else:
        lines = [orjson.dumps(row) for row in table.to_pylist()]
        path.write_bytes(b"\n".join([*lines[:5], b"{junk", *lines[5:]]))
    made = tellings(monkeypatch)
    scanned = told(monkeypatch, path, as_they_lie=True, most=10, **RANGES[asked])
    assert made
    made.clear()
    assert scanned == told(monkeypatch, path, as_they_lie=False, **RANGES[asked])
    assert not made


def test_times_of_parquet_that_are_moments_are_scanned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "spans.parquet"
    table = rows(*[{}] * 20)
    moments = table["start_ns"].cast(pa.timestamp("ns"))
    pq.write_table(
        table.set_column(table.column_names.index("start_ns"), "start_ns", moments), path
    )
    scanned = told(monkeypatch, path, as_they_lie=True)
    assert len(scanned[0]) == 20
    assert scanned == told(monkeypatch, path, as_they_lie=False)


VIEWS = {
    "views of texts": (pa.string_view(), ("trace_id", "span_id", "operation")),
    "JSON": (pa.json_(), ("attributes", "operation", "scope", "span_id")),
    "long texts": (pa.large_string(), ("trace_id", "parent_span_id", "service", "attributes")),
    "small floats": (pa.float16(), ("weight",)),
    "large decimals": (pa.decimal256(60, 4), ("status_code",)),
    "bytes": (pa.binary(), ("trace_state",)),
}


@pytest.mark.parametrize("kind", VIEWS)
@pytest.mark.parametrize("alike", [True, False])
def test_types_of_arrow_that_loops_do_not_know_are_scanned(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, alike: bool
) -> None:
    """DuckDB and Polars write them; a folder may have files of both."""
    type_, columns = VIEWS[kind]
    table = rows(*[{"attributes": "{}", "operation": "1", "scope": "2"}] * 5)
    other = table
    for name in columns:
        column = table[name].combine_chunks()
        of_type = (
            pa.ExtensionArray.from_storage(type_, column)
            if kind == "JSON"
            else column.cast(type_)
            if kind != "small floats"
            else pa.array(np.ones(len(column), np.float16), type_)
        )
        other = other.set_column(other.column_names.index(name), name, of_type)
    pq.write_table(other, tmp_path / "a.parquet")
    pq.write_table(other if alike else table, tmp_path / "b.parquet")
    read = told(monkeypatch, tmp_path, as_they_lie=True)
    assert len(read[0]) == 2 * len(table)
    assert read == told(monkeypatch, tmp_path, as_they_lie=False)


def test_of_columns_of_one_name_the_first_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    table = rows(*[{}] * 3)
    path = tmp_path / "spans.parquet"
    pq.write_table(table.append_column("service", pa.array(["other"] * 3)), path)
    read = told(monkeypatch, path, as_they_lie=True)
    assert [span["service"] for span in read[0]] == table["service"].to_pylist()


def test_pieces_of_texts_are_the_same_whenever_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "spans.csv"
    many: list[dict[str, Any]] = [
        {"span_id": str(n), "operation": f"GET /{n % 7}"} for n in range(1_000)
    ]
    csv.write_csv(pa.concat_tables([rows(*many)] * 300), path)

    def pieces(skip: int) -> list[list[str]]:
        with DuckDBEngine(threads=4) as engine:
            (source,) = open_sources([str(path)])
            found = list(source.lines(engine, KEY, skip=skip, most=100_000))
            assert not source.rejected
            return [plain_rows([piece.rows])["span_id"].to_pylist() for piece in found]

    whole = pieces(0)
    assert len(whole) == 3
    for _ in range(3):
        assert pieces(1) == whole[1:]


def test_a_row_group_that_is_too_large_comes_in_pieces(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "spans.parquet"
    pq.write_table(rows(*ODD, *ODD), path)
    lying = told(monkeypatch, path, as_they_lie=True, most=7)
    assert lying == told(monkeypatch, path, as_they_lie=False)


def test_pods_of_one_workload_make_no_sayings_of_their_own(tmp_path: Path) -> None:
    path = tmp_path / "spans.parquet"
    pq.write_table(rows(*PODS), path)
    with DuckDBEngine(threads=1) as engine:
        (source,) = open_sources([str(path)])
        assert sum(len(piece) for piece in source.lines(engine, KEY)) == len(PODS)
        assert engine.query("select version from sayings").to_pylist() == [{"version": "6f6cfc45b"}]


def test_sayings_that_were_forgotten_are_told_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "spans.parquet"
    pq.write_table(rows(*[{}, {"operation": "GET /"}] * 20), path, row_group_size=2)
    made = tellings(monkeypatch)
    with DuckDBEngine(threads=1) as engine:
        (source,) = open_sources([str(path)])
        pieces = source.lines(engine, KEY, most=2)
        next(pieces)
        forget_sayings(engine, np.empty(0, np.int64))
        for piece in pieces:
            engine.write("told", plain_rows([piece.rows]))
            spans = engine.query(f"select operation from ({whole_spans('told')})").to_pylist()
            assert sorted(span["operation"] for span in spans) == ["GET /", "GET /cart"]
    # Pieces that were on their way are told alone, and after these all that is met once more.
    assert 2 < len(made) < 10


def test_lines_that_cannot_be_read_are_counted_with_the_piece_behind_them(tmp_path: Path) -> None:
    path = tmp_path / "spans.csv"
    good = [f"t,{n},shop,{FIRST_NS + n}\n" for n in range(10)]
    junk = ["too,few\n", 't,"1"x,shop,1\n']
    made = ["trace_id,span_id,service,start_ns\n", *good[:5], *junk, *good[5:], *junk, *junk]
    path.write_text("".join(made))
    for skip, lines, unreadable in ((0, 10, 6), (1, 5, 6), (2, 0, 4)):
        with DuckDBEngine(threads=1) as engine:
            (source,) = open_sources([str(path)])
            assert sum(map(len, source.lines(engine, KEY, skip=skip, most=5))) == lines
            assert source.rejected == {"unreadable_line": unreadable}
