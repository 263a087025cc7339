"""Spans read thousands at a time are what the protobuf library reads one by one."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from google.protobuf.message import DecodeError
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from informer.spans import texts
from informer.spans.envelopes import Envelopes
from informer.spans.meanings import MEANT
from informer.spans.otlp import read_frames
from informer.spans.otlp_spans import PROTOBUF, row_of
from informer.spans.received import Tally
from informer.spans.rows import table_of
from informer.spans.span_batch import Origin, SpanBatch
from informer.spans.unpack import Content
from otlp_strategies import EXTRAS, SPANS

ORIGIN = Origin("shop", "{}", "sdk")


def rows_of(table: pa.Table) -> list[dict[str, Any]]:
    return sorted(table.drop_columns(["meant", "in_bounds"]).to_pylist(), key=repr)


def batched(spans: list[bytes], tally: Tally) -> pa.Table:
    batch = SpanBatch(PROTOBUF)
    tables = [*batch.add([(ORIGIN, spans)], tally), *batch.rest(tally)]
    return pa.concat_tables(tables) if tables else table_of([]).slice(0)


def by_library(spans: list[bytes]) -> tuple[list[dict[str, Any]], int]:
    rows, malformed = [], 0
    for span in spans:
        try:
            rows.append(row_of(span, ORIGIN))
        except DecodeError:
            malformed += 1
    return (rows_of(table_of(rows)) if rows else []), malformed


@given(st.lists(st.tuples(SPANS, EXTRAS), min_size=1, max_size=12))
def test_they_are_what_the_library_reads(made: list[tuple[Span, bytes]]) -> None:
    spans = [span.SerializeToString() + extra for span, extra in made]
    tally = Tally()
    expected, malformed = by_library(spans)
    if expected:
        assert rows_of(batched(spans, tally)) == expected
        assert tally.rejected["malformed_span"] == malformed


@given(st.lists(SPANS, min_size=2, max_size=6), st.data())
def test_damage_harms_the_damaged_alone(made: list[Span], data: st.DataObject) -> None:
    spans = [span.SerializeToString() for span in made]
    hurt = bytearray(spans[0])
    for _ in range(data.draw(st.integers(1, 4))):
        if hurt:
            hurt[data.draw(st.integers(0, len(hurt) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(hurt[: data.draw(st.integers(0, len(hurt)))])
    tally = Tally()
    whole, _ = by_library(spans[1:])
    read, _ = by_library([cut])
    got = rows_of(batched([cut, *spans[1:]], tally))
    # Events and links are not looked into, so what is damaged in them alone is read.
    assert len(got) + tally.rejected["malformed_span"] == len(spans)
    for row in whole + read:
        assert row in got


@given(st.lists(SPANS, min_size=1, max_size=6))
def test_what_has_a_meaning_is_kept_apart(made: list[Span]) -> None:
    table = batched([span.SerializeToString() for span in made], Tally())
    for row in table.to_pylist():
        said = orjson.loads(row["attributes"])
        known = {key: value for key, value in said.items() if key in MEANT}
        if known.get("http.route"):
            known.pop("url.path", None)
        if row["meant"] is not None:
            assert orjson.loads(row["meant"]) == known


def pairs(*given: tuple[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in given]


@pytest.mark.parametrize(
    ("attributes", "in_bounds"),
    [
        (pairs(("a", "b")), True),
        (pairs(*((f"k{n}", "v") for n in range(32))), True),
        (pairs(*((f"k{n}", "v") for n in range(33))), False),
        (pairs(("a", "v" * 256)), True),
        (pairs(("a", "v" * 257)), False),
        (pairs(*((f"k{n}", "v" * 250) for n in range(17))), False),
        (pairs(("a", 'say "b"')), False),
        (pairs(('a"b', "c")), False),
        (pairs(("x-request-id", "c")), False),
        (pairs(("guid:x-request-id", "c")), True),
    ],
)
def test_attributes_that_are_few_and_short_are_shown_as_they_are(
    attributes: list[KeyValue], in_bounds: bool
) -> None:
    table = batched([Span(name="x", attributes=attributes).SerializeToString()], Tally())
    assert table["in_bounds"].to_pylist() == [in_bounds]


def test_a_span_of_a_hundred_thousand_fields_is_read_as_well() -> None:
    many = b"\x50\x00" * 100_000 + Span(name="last").SerializeToString()
    assert batched([many], Tally())["operation"].to_pylist() == ["last"]


def request(service: str, *names: str) -> bytes:
    made = ExportTraceServiceRequest()
    group = made.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = service
    part = group.scope_spans.add()
    part.scope.name = "sdk"
    for name in names:
        part.spans.add(name=name)
    return made.SerializeToString()


def test_spans_keep_the_service_of_their_group(tmp_path: Path) -> None:
    messages = [request("a", "1", "2"), request("b"), request("c", "3")]
    path = tmp_path / "spans.pb"
    path.write_bytes(b"".join(struct.pack(">I", len(one)) + one for one in messages))
    table = pa.concat_tables(read_frames(Content(path), Tally()))
    assert list(zip(table["service"].to_pylist(), table["operation"].to_pylist(), strict=True)) == [
        ("a", "1"),
        ("a", "2"),
        ("c", "3"),
    ]


@given(
    st.binary(max_size=60) | st.builds(lambda name: request(name, "x")[:-1], st.text(max_size=9))
)
def test_what_is_no_request_is_told_before_the_first_group(junk: bytes) -> None:
    opens: Callable[[bytes], Any] = Envelopes().open
    try:
        groups = list(opens(junk))
    except DecodeError:
        return
    assert all(isinstance(span, bytes) for _, spans in groups for span in spans)


def test_a_span_that_is_too_large_for_a_column_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [Span(trace_id=b"x" * 16, span_id=b"y" * 8, name=str(n)) for n in range(3)]
    made[1].attributes.add(key="a").value.string_value = "\0" * 100
    monkeypatch.setattr(texts, "LARGEST_COLUMN", 500)
    tally = Tally()
    read = batched([span.SerializeToString() for span in made], tally)
    assert read["operation"].to_pylist() == ["0", "2"]
    assert tally.rejected["malformed_span"] == 1


def test_text_that_is_no_utf8_costs_its_span_alone() -> None:
    tally = Tally()
    bad = [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"]
    good = ["\u00e9", "\u20ac", "\ud7ff", "\U0010ffff", "\U00010000"]
    head = b"\x0a\x10" + b"x" * 16 + b"\x12\x08" + b"y" * 8
    spans = []
    for name in [*bad, *(text.encode() for text in good)]:
        value = b"\x0a" + bytes([len(name)]) + name
        pair = b"\x0a" + bytes([len(name)]) + name + b"\x12" + bytes([len(value)]) + value
        spans.append(head + b"\x2a" + bytes([len(name)]) + name)
        spans.append(head + b"\x4a" + bytes([len(pair)]) + pair)
    read = batched(spans, tally)
    assert read["operation"].to_pylist()[::2] == good
    assert [orjson.loads(text) for text in read["attributes"].to_pylist()[1::2]] == [
        {text: text} for text in good
    ]
    assert tally.rejected["malformed_span"] == 2 * len(bad)
