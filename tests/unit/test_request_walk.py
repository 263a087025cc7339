"""Spans of a request are counted by a compiled loop as the protobuf library would count them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from informer.service.limits import MOST_SPANS
from informer.service.reception import RefusedError, counted_by_library
from informer.spans.request_walk import DEEPEST, spans_in
from otlp_strategies import EXTRAS, PAIRS, SPANS, varint

USEFUL = st.builds(
    Span,
    trace_id=st.binary(min_size=16, max_size=16),
    span_id=st.binary(min_size=8, max_size=8),
    start_time_unix_nano=st.integers(0, 3),
    attributes=st.lists(PAIRS, max_size=5),
    links=st.lists(st.builds(Span.Link, attributes=st.lists(PAIRS, max_size=2)), max_size=2),
    flags=st.integers(0, 2**32 - 1),
)
SERVICE = st.builds(
    KeyValue,
    key=st.just("service.name"),
    value=st.sampled_from([AnyValue(string_value="shop"), AnyValue(string_value=""), AnyValue()]),
)
REQUESTS = st.builds(
    ExportTraceServiceRequest,
    resource_spans=st.lists(
        st.builds(
            ResourceSpans,
            resource=st.builds(Resource, attributes=st.lists(SERVICE | PAIRS, max_size=3)),
            scope_spans=st.lists(
                st.builds(
                    ScopeSpans,
                    scope=st.builds(InstrumentationScope, name=st.text(max_size=5)),
                    spans=st.lists(USEFUL | SPANS, max_size=3),
                    schema_url=st.text(max_size=3),
                ),
                max_size=3,
            ),
        ),
        max_size=3,
    ),
)


def by_library(message: bytes) -> tuple[int, int] | None:
    try:
        return counted_by_library(message)
    except RefusedError:
        return None


@given(REQUESTS)
def test_plain_requests_are_counted_without_the_library(request: ExportTraceServiceRequest) -> None:
    message = request.SerializeToString()
    assert spans_in(message, MOST_SPANS) == by_library(message)


@given(REQUESTS, st.lists(SPANS, max_size=2), EXTRAS)
def test_of_what_is_not_plain_nothing_else_is_said_than_by_the_library(
    request: ExportTraceServiceRequest, spans: list[Span], extra: bytes
) -> None:
    inner = b"".join(_field(0x12, span.SerializeToString() + extra) for span in spans)
    message = request.SerializeToString() + _field(0x0A, _field(0x12, inner) + extra) + extra
    assert spans_in(message, MOST_SPANS) in (None, by_library(message))


@given(REQUESTS, st.data())
def test_damaged_requests_are_left_to_the_library_or_counted_as_it_does(
    request: ExportTraceServiceRequest, data: st.DataObject
) -> None:
    message = bytearray(request.SerializeToString())
    for _ in range(data.draw(st.integers(0, 4)) if message else 0):
        message[data.draw(st.integers(0, len(message) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(message[: data.draw(st.integers(0, len(message)))])
    assert spans_in(cut, MOST_SPANS) in (None, by_library(cut))


@given(st.binary(max_size=100))
def test_any_bytes_are_left_to_the_library_or_counted_as_it_does(data: bytes) -> None:
    assert spans_in(data, MOST_SPANS) in (None, by_library(data))


@pytest.mark.parametrize("deep", [1, DEEPEST // 3, 5_000])
def test_values_in_values_are_looked_into_as_deep_as_there_is_room(deep: int) -> None:
    value = b"\x0a\x01v"
    for _ in range(deep):
        value = _field(0x2A, _field(0x0A, value))
    span = b"\x4a" + varint(len(pair := b"\x0a\x01k" + _field(0x12, value))) + pair
    message = _field(0x0A, _field(0x12, _field(0x12, span)))
    assert spans_in(message, MOST_SPANS) == ((1, 1) if deep < DEEPEST // 2 else None)


def test_more_spans_than_a_message_may_have_are_left_to_the_library() -> None:
    message = _field(0x0A, _field(0x12, b"\x12\x00" * 8))
    assert spans_in(message, 10) == (8, 8)
    assert spans_in(message, 9) is None


def _field(tag: int, content: bytes) -> bytes:
    return bytes([tag]) + varint(len(content)) + content
