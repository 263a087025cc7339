"""OTLP in all the forms that collectors and SDKs write."""

import base64
import struct
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from span_reading import T0, TRACE, read, request, span, traits, written

SPAN = "00f067aa0ba902b7"


def message(parent: bytes = b"") -> bytes:
    """One protobuf request with one span that has attributes of every type."""
    made = ExportTraceServiceRequest()
    group = made.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    part = group.scope_spans.add()
    part.scope.name = "sdk"
    one = part.spans.add(
        trace_id=bytes.fromhex(TRACE),
        span_id=bytes.fromhex(SPAN),
        parent_span_id=parent,
        name="GET",
        kind=2,  # type: ignore[arg-type]
        start_time_unix_nano=T0,
        end_time_unix_nano=T0 + 1_000_000,
    )
    one.status.code = 2  # type: ignore[assignment]
    one.attributes.add(key="text").value.string_value = "x"
    one.attributes.add(key="none")
    one.attributes.add(key="flag").value.bool_value = True
    one.attributes.add(key="http.status_code").value.int_value = 500
    one.attributes.add(key="half").value.double_value = 0.5
    one.attributes.add(key="bytes").value.bytes_value = b"\x00\xff"
    listed = one.attributes.add(key="list").value.array_value
    listed.values.add().string_value = "a"
    nested = one.attributes.add(key="map").value.kvlist_value
    nested.values.add(key="k").value.int_value = 1
    return made.SerializeToString()


def framed(*messages: bytes) -> bytes:
    """Messages after their lengths, as the collector's file exporter writes them."""
    return b"".join(struct.pack(">I", len(one)) + one for one in messages)


def zstd(content: bytes) -> bytes:
    """Content packed as one zstd frame."""
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    packed: bytes = sink.getvalue().to_pybytes()
    return packed


@pytest.mark.parametrize(
    "content",
    [
        message(),
        framed(message()),
        framed(zstd(message())),
        zstd(framed(message())),
    ],
    ids=["bare", "framed", "each packed", "packed"],
)
def test_protobuf_is_read_bare_framed_and_packed(tmp_path: Path, content: bytes) -> None:
    reading = read(written(tmp_path / "spans.pb", content))
    assert reading.formats == ["otlp"]
    row = reading.row
    assert (row["trace_id"], row["span_id"], row["parent_span_id"]) == (TRACE, SPAN, None)
    assert (row["service"], row["scope"], row["kind"]) == ("shop", "sdk", "server")
    assert (row["start_ns"], row["duration_ns"], row["failed"]) == (T0, 1_000_000, True)
    assert orjson.loads(row["attributes"]) == {
        "text": "x",
        "none": "",
        "flag": "true",
        "http.status_code": "500",
        "half": "0.5",
        "bytes": "AP8=",
        "list": '["a"]',
        "map": '{"k":1}',
    }


def test_packed_messages_may_be_json(tmp_path: Path) -> None:
    content = framed(zstd(request(span("a"))), zstd(request(span("b"))))
    assert len(read(written(tmp_path / "spans.json", content)).rows) == 2


def test_messages_that_are_damaged_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    content = framed(message(), b"\x0a\x05junk", zstd(b"x")[:9], message(b"12345678"))
    reading = read(written(tmp_path / "spans.pb", content + b"\0\0"))
    assert len(reading.rows) == 2
    assert reading.rejected == {"unreadable_message": 2, "damaged_file": 1}


def test_json_and_protobuf_say_the_same(tmp_path: Path) -> None:
    given = {"flag": True, "n": 500, "half": 0.5, "text": "x"}
    reported = span(SPAN, name="GET", failed=True)
    reported["attributes"] = [
        *traits(given),
        {"key": "list", "value": {"arrayValue": {"values": [{"stringValue": "a"}]}}},
        {
            "key": "map",
            "value": {"kvlistValue": {"values": [{"key": "k", "value": {"intValue": "1"}}]}},
        },
    ]
    row = read(written(tmp_path / "spans.jsonl", request(reported))).row
    assert orjson.loads(row["attributes"]) == {
        "flag": "true",
        "n": "500",
        "half": "0.5",
        "text": "x",
        "list": '["a"]',
        "map": '{"k":"1"}',
    }


@pytest.mark.parametrize("kind", [3, "3", "SPAN_KIND_CLIENT"])
def test_kinds_are_numbers_or_names(tmp_path: Path, kind: object) -> None:
    assert read(written(tmp_path / "a.jsonl", request(span(kind=kind)))).row["kind"] == "client"


def test_ids_in_base64_are_hex_all_the_same(tmp_path: Path) -> None:
    reported = span(base64.b64encode(bytes.fromhex(SPAN)).decode())
    reported["traceId"] = base64.b64encode(bytes.fromhex(TRACE)).decode()
    row = read(written(tmp_path / "a.jsonl", request(reported))).row
    assert (row["trace_id"], row["span_id"]) == (TRACE, SPAN)


def test_the_older_names_of_groups_are_known(tmp_path: Path) -> None:
    document = orjson.loads(request(span()))
    (group,) = document["resourceSpans"]
    (part,) = group.pop("scopeSpans")
    group["instrumentationLibrarySpans"] = [
        {"instrumentationLibrary": {"name": "old"}, "spans": part["spans"]}
    ]
    line = orjson.dumps({"batches": [group]})
    assert read(written(tmp_path / "a.json", line)).row["scope"] == "old"


def without(key: str) -> dict[str, Any]:
    """A span that lacks something."""
    reported = span()
    del reported[key]
    return reported


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (request(without("traceId")), "missing_trace_id"),
        (request(without("spanId")), "missing_span_id"),
        (request(without("startTimeUnixNano")), "missing_time"),
        (request(span(start_ns=2**70)), "missing_time"),
        (request(span(), service=""), "missing_service"),
        (request(span(start_ns="noon")), "malformed_span"),
        (request(span() | {"attributes": "none"}), "malformed_span"),
        (b'{"resourceSpans": [5]}', "malformed_request"),
        (b"[]", "malformed_request"),
    ],
)
def test_a_span_that_lacks_what_it_needs_is_counted_by_reason(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    reading = read(written(tmp_path / "a.jsonl", request(span()) + b"\n" + line))
    assert len(reading.rows) == 1
    assert reading.rejected == {reason: 1}


def test_a_name_that_is_an_object_says_nothing(tmp_path: Path) -> None:
    line = request(span() | {"traceState": {"a": 1}, "name": ["x"]})
    row = read(written(tmp_path / "a.jsonl", line)).row
    assert (row["operation"], row["weight"]) == ("*", 1.0)


def test_a_span_that_ends_before_it_starts_is_kept_and_told(tmp_path: Path) -> None:
    reading = read(written(tmp_path / "a.jsonl", request(span(end_ns=T0 - 5), span("b", end_ns=0))))
    assert [row["duration_ns"] for row in reading.rows] == [0, 0]
    assert reading.notes == ["1 spans end before they start: their duration is taken as 0"]
    assert not reading.rejected


@pytest.mark.parametrize(
    ("factor", "unit"), [(1_000_000_000, "seconds"), (1_000_000, "milliseconds")]
)
def test_times_that_are_no_nanoseconds_are_guessed_and_told(
    tmp_path: Path, factor: int, unit: str
) -> None:
    line = request(span(start_ns=T0 // factor, end_ns=T0 // factor + 3))
    other = written(tmp_path / "b.jsonl", request(span("b")))
    reading = read(written(tmp_path / "a.jsonl", line), other)
    assert [row["start_ns"] for row in reading.rows] == [T0, T0]
    assert {row["duration_ns"] for row in reading.rows} == {3 * factor, 1_000_000}
    assert any(f"times are {unit}, not nanoseconds" in note for note in reading.notes)


def test_a_clock_that_begins_at_zero_is_left_alone(tmp_path: Path) -> None:
    line = request(span(start_ns=1), span("b", start_ns=3_000_000_000, end_ns=3_000_000_001))
    reading = read(written(tmp_path / "a.jsonl", line))
    assert [row["start_ns"] for row in reading.rows] == [1, 3_000_000_000]
    assert not reading.notes


def test_a_span_that_is_its_own_parent_is_passed_on(tmp_path: Path) -> None:
    row = read(written(tmp_path / "a.jsonl", request(span("a", parent="a")))).row
    assert row["parent_span_id"] == "a"
