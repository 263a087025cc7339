"""What every source owes: the columns of `spans`, counted rejects, the user's selection."""

from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from informer.core.errors import InformerError
from informer.core.lines import plain_rows
from informer.core.tables import SPANS
from informer.engines.duckdb import DuckDBEngine
from informer.spans.open import open_sources
from informer.spans.sayings import whole_spans
from span_reading import T0, Reading, read, span, traits, written
from span_reading import request as otlp_request

Write = Callable[[Path], Path]
US, MS = T0 // 1_000, T0 // 1_000_000


def otlp(folder: Path) -> Path:
    """Two spans of a request, one of another, and junk."""
    made = [
        span(
            str(n),
            "1" if n == 2 else "",
            name=name,
            trace_id=trace,
            start_ns=T0 + (n - 1) * 1_000_000,
            end_ns=T0 + n * 1_000_000,
            n=str(n),
        )
        for n, name, trace in ((1, "a", "r1"), (2, "b", "r1"), (3, "c", "r2"))
    ]
    made[0]["attributes"] += traits({"x-request-id": "q1"})
    lines = [otlp_request(one, service="shop", scope="sdk") for one in made]
    return written(folder / "a.jsonl", b"\n".join([*lines, b"junk"]))


def jaeger(folder: Path) -> Path:
    """The same as Jaeger exports it."""
    spans = [
        {
            "traceID": trace,
            "spanID": str(n),
            "operationName": name,
            "references": [{"refType": "CHILD_OF", "traceID": trace, "spanID": "1"}] * (n == 2),
            "startTime": US + (n - 1) * 1000,
            "duration": 1000,
            "process": {"serviceName": "shop"},
            "tags": [
                {"key": "span.kind", "value": "server"},
                {"key": "otel.scope.name", "value": "sdk"},
                {"key": "n", "value": n},
                *([{"key": "x-request-id", "value": "q1"}] if n == 1 else []),
            ],
        }
        for n, name, trace in ((1, "a", "r1"), (2, "b", "r1"), (3, "c", "r2"))
    ]
    return written(folder / "a.json", orjson.dumps({"data": [{"spans": [*spans, {}]}]}))


def zipkin(folder: Path) -> Path:
    """The same as Zipkin exports it."""
    spans = [
        {
            "traceId": trace,
            "id": str(n),
            "parentId": "1" if n == 2 else None,
            "name": name,
            "kind": "SERVER",
            "timestamp": US + (n - 1) * 1000,
            "duration": 1000,
            "localEndpoint": {"serviceName": "shop"},
            "tags": {"otel.scope.name": "sdk", "n": str(n)}
            | ({"x-request-id": "q1"} if n == 1 else {}),
        }
        for n, name, trace in ((1, "a", "r1"), (2, "b", "r1"), (3, "c", "r2"))
    ]
    return written(folder / "a.json", orjson.dumps([*spans, {}]))


def table(folder: Path) -> Path:
    """The same as a table."""
    header = "trace_id,span_id,parent_span_id,service,operation,kind,scope,start_us,duration_us"
    rows = [
        f"{trace},{n},{1 if n == 2 else ''},shop,{name},2,sdk,{US + (n - 1) * 1000},1000,"
        + orjson.dumps({"n": str(n)} | ({"x-request-id": "q1"} if n == 1 else {}))
        .decode()
        .replace('"', '""')
        .join('""')
        for n, name, trace in ((1, "a", "r1"), (2, "b", "r1"), (3, "c", "r2"))
    ]
    return written(folder / "a.csv", "\n".join([header + ",attributes", *rows, "too,few"]) + "\n")


def mesh(folder: Path) -> Path:
    """The same as NDJSON in the mesh layout."""
    rows = [
        {
            "trace_id": trace,
            "span_id": str(n),
            "parent_span_id": "1" if n == 2 else "",
            "service": "shop",
            "name": name,
            "kind": 2,
            "status_code": 0,
            "scope": "sdk",
            "start_ns": T0 + (n - 1) * 1_000_000,
            "end_ns": T0 + n * 1_000_000,
            "attributes": {"n": str(n)} | ({"x-request-id": "q1"} if n == 1 else {}),
            "resource_attributes": {},
        }
        for n, name, trace in ((1, "a", "r1"), (2, "b", "r1"), (3, "c", "r2"))
    ]
    return written(folder / "a.jsonl", b"\n".join([*map(orjson.dumps, rows), b"junk"]))


TRACES: dict[str, Write] = {
    "otlp": otlp,
    "jaeger": jaeger,
    "zipkin": zipkin,
    "table": table,
    "mesh": mesh,
}


def istio(folder: Path) -> Path:
    """Two lines of one request, one of another, and junk."""
    rest = '"-" 0 1 1 1 "-" "ua" "{}" "shop" "10.0.0.1:80" inbound|80|| - 10.0.0.1:80 - - default'
    lines = [
        f'[2026-06-01T00:00:00.00{n}Z] "GET /{name} HTTP/1.1" 200 - - - ' + rest.format(trace)
        for n, name, trace in ((0, "a", "r1"), (1, "b", "r1"), (2, "c", "r2"))
    ]
    return written(folder / "shop-v1.log", "\n".join([*lines, "junk"]))


def envoy(folder: Path) -> Path:
    """The same as JSON."""
    lines = [
        orjson.dumps(
            {
                "start_time": f"2026-06-01T00:00:00.00{n}Z",
                "method": "GET",
                "path": f"/{name}",
                "response_code": 200,
                "request_id": trace,
                "upstream_cluster": "inbound|80||",
                "duration": 1,
            }
        )
        for n, name, trace in ((0, "a", "r1"), (1, "b", "r1"), (2, "c", "r2"))
    ]
    return written(folder / "shop-v1.log", b"\n".join([*lines, b"junk"]))


def skywalking(folder: Path) -> Path:
    """The same as SkyWalking's CSV."""
    header = (
        "StartTime,EndTime,URL,SpanType,Service,SpanId,TraceId,Peer,ParentSpan,Component,IsError"
    )
    rows = [
        f"{MS + n - 1},{MS + n},{name},Entry,shop,{n},{trace},shop,{1 if n == 2 else -1},sdk,False"
        for n, name, trace in ((1, "a", "r1"), (2, "b", "r1"), (3, "c", "r2"))
    ]
    return written(folder / "a.csv", "\n".join([header, *rows, "too,few"]) + "\n")


ALL: dict[str, Write] = {**TRACES, "istio": istio, "envoy": envoy, "skywalking": skywalking}


@pytest.fixture(params=ALL)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of every format, with three spans and one piece of junk."""
    return ALL[request.param](tmp_path)


@pytest.fixture(params=TRACES)
def traces(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file of every format that has attributes of its own."""
    return TRACES[request.param](tmp_path)


def ids(reading: Reading, column: str = "trace_id") -> list[str]:
    """One column in the order of time."""
    return [row[column] for row in reading.rows]


def test_three_spans_come_out_and_the_junk_is_counted(source: Path) -> None:
    reading = read(source)
    assert ids(reading) == ["r1", "r1", "r2"]
    assert {row["service"] for row in reading.rows} == {"shop"}
    assert {row["kind"] for row in reading.rows} == {"server"}
    assert [row["start_ns"] for row in reading.rows] == [T0, T0 + 1_000_000, T0 + 2_000_000]
    assert {row["duration_ns"] for row in reading.rows} == {1_000_000}
    assert sum(reading.rejected.values()) == 1


def test_what_may_not_be_null_is_not(source: Path) -> None:
    needed = [column.name for column in SPANS.columns if not column.nullable]
    assert all(row[name] is not None for row in read(source).rows for name in needed)
    assert all(isinstance(orjson.loads(row["attributes"]), dict) for row in read(source).rows)


def test_two_readings_are_equal(source: Path) -> None:
    assert read(source).rows == read(source).rows


def test_a_source_names_its_format_and_files(source: Path) -> None:
    (opened,) = open_sources([str(source)])
    assert opened.names == [str(source)]
    assert opened.format in ("otlp", "jaeger", "zipkin", "skywalking", "istio", "envoy", "table")


def test_spans_are_chosen_by_a_condition(source: Path) -> None:
    assert ids(read(source, where="trace_id = 'r2' and kind in ('server')")) == ["r2"]
    assert ids(read(source, where="operation like '%b' or duration_ns > 5000000")) == ["r1"]


def test_spans_are_chosen_by_time_the_end_left_out(source: Path) -> None:
    reading = read(source, from_ns=T0 + 1_000_000, until_ns=T0 + 2_000_000)
    assert [row["start_ns"] for row in reading.rows] == [T0 + 1_000_000]


def test_a_source_goes_on_after_the_pieces_that_were_read(source: Path) -> None:
    with DuckDBEngine(threads=1) as engine:
        (opened,) = open_sources([str(source)])
        pieces = list(opened.stage(engine, "spans"))
        assert sum(pieces) == 3
        (again,) = open_sources([str(source)])
        assert list(again.stage(engine, "spans", skip=len(pieces))) == []


def test_lines_apart_are_the_same_spans(source: Path) -> None:
    expected = read(source)
    names = ", ".join(SPANS.names)
    with DuckDBEngine(threads=1) as engine:
        (opened,) = open_sources([str(source)])
        pieces = list(opened.lines(engine, b"a key of the workspace"))
        engine.write("told", plain_rows([piece.rows for piece in pieces]))
        rows = engine.query(f"select {names} from ({whole_spans('told')})").to_pylist()
        assert sorted(rows, key=repr) == sorted(expected.rows, key=repr)
        assert opened.rejected == expected.rejected
        (again,) = open_sources([str(source)])
        assert list(again.lines(engine, b"another key", skip=len(pieces))) == []
    traces = {row["trace_id"] for row in expected.rows}
    assert len({t for piece in pieces for t in piece.trace.tolist()}) == len(traces)


def test_a_wrong_condition_is_one_clear_line(source: Path) -> None:
    with pytest.raises(InformerError, match="--where must be one condition"):
        read(source, where="nothing = 1")


def test_spans_are_chosen_by_an_attribute(traces: Path) -> None:
    assert ids(read(traces, where="attribute('n') = '3'")) == ["r2"]
    assert ids(read(traces, where="attribute('n')::int < 3"), "operation") == ["a", "b"]


def test_an_attribute_may_join_spans_instead_of_the_trace_id(traces: Path) -> None:
    reading = read(traces, correlate="attribute:n")
    assert ids(reading) == ["1", "2", "3"]
    assert sum(reading.rejected.values()) == 1


def test_a_span_without_the_attribute_that_joins_is_counted(traces: Path) -> None:
    reading = read(traces, correlate="attribute:x-request-id")
    assert ids(reading) == ["q1"]
    assert reading.rejected["missing_x-request-id"] == 2


def test_only_spans_that_are_wanted_are_missed(traces: Path) -> None:
    reading = read(traces, correlate="attribute:x-request-id", where="operation in ('a', 'b')")
    assert ids(reading) == ["q1"]
    assert reading.rejected["missing_x-request-id"] == 1


@pytest.mark.parametrize("write", [istio, envoy])
def test_an_access_log_is_joined_by_its_request_id_anyway(tmp_path: Path, write: Write) -> None:
    path = write(tmp_path)
    assert read(path, correlate="attribute:x-request-id").rows == read(path).rows


@pytest.mark.parametrize("correlate", ["x-request-id", "attribute:", 'attribute:a"b'])
def test_a_wrong_key_is_one_clear_line(tmp_path: Path, correlate: str) -> None:
    with pytest.raises(InformerError, match="must"):
        read(otlp(tmp_path), correlate=correlate)


def edges(reading: Reading) -> dict[str, set[tuple[str, str, str]]]:
    """Per request: caller, callee and operation of every link."""
    at = {(row["trace_id"], row["span_id"]): row for row in reading.rows}
    found: dict[str, set[tuple[str, str, str]]] = {}
    for row in reading.rows:
        parent = at.get((row["trace_id"], (row["parent_span_id"] or "").removeprefix("?")))
        link = (parent["service"] if parent else "", row["service"], row["operation"])
        found.setdefault(row["trace_id"], set()).add(link)
    return found


def test_access_logs_hang_together_as_the_spans_of_the_same_requests_do(data: Path) -> None:
    mesh = data / "bookinfo-mesh"
    spans = read(
        mesh / "spans_segment_a.parquet",
        where="scope = 'envoy'",
        correlate="attribute:x-request-id",
    )
    logs = read(mesh / "access_logs" / "segment_a")
    assert edges(logs) == edges(spans)
