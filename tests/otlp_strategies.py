"""Spans of OTLP as Hypothesis draws them: most of them plain, some with what is rare."""

from hypothesis import strategies as st
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

KEYS = st.sampled_from(
    ["http.route", "url.path", "http.method", "x-request-id", "", 'a"b', "é"]
) | st.text(max_size=40)
NUMBERS = st.integers(0, 300) | st.integers(-(2**63), 2**63 - 1)
PLAIN = (
    st.builds(AnyValue, string_value=st.text(max_size=300) | st.sampled_from(["", '"\\', "\n"]))
    | st.builds(AnyValue, int_value=NUMBERS)
    | st.builds(AnyValue, bool_value=st.booleans())
    | st.builds(AnyValue, double_value=st.floats())
    | st.builds(AnyValue, bytes_value=st.binary(max_size=20))
    | st.builds(AnyValue)
)


def listed(values: list[AnyValue]) -> AnyValue:
    made = AnyValue()
    made.array_value.values.extend(values)
    return made


VALUES = PLAIN | st.builds(listed, st.lists(PLAIN, max_size=3))
PAIRS = st.builds(lambda key, value: KeyValue(key=key, value=value), KEYS, VALUES) | st.builds(
    KeyValue, key=KEYS
)
# Most spans are plain, or the quick way would hardly be tried.
IDS, SPAN_IDS = (
    st.sampled_from([bytes(n), b"x" * n, bytes(range(n)), b"\xff" * n, b"", b"\x80" * n, *odd])
    for n, odd in ((16, [b"1"]), (8, [b"123"]))
)
TIMES = st.integers(0, 2**64 - 1) | st.sampled_from([0, 1, 1_780_272_000 * 10**9])
SPANS = st.builds(
    Span,
    trace_id=IDS,
    span_id=SPAN_IDS,
    parent_span_id=SPAN_IDS,
    trace_state=st.text(max_size=20),
    name=st.text(max_size=200),
    kind=st.integers(0, 200),
    start_time_unix_nano=TIMES,
    end_time_unix_nano=TIMES,
    flags=st.integers(0, 2**32 - 1),
    attributes=st.lists(PAIRS, max_size=40),
    events=st.lists(st.builds(Span.Event, name=st.text(max_size=9)), max_size=3),
    status=st.builds(Status, code=st.integers(0, 3), message=st.text(max_size=9)),
)
# Fields that nobody knows, wire types that no field has, groups, and fields given twice.
EXTRAS = st.just(b"") | st.sampled_from(
    (
        *(b"\xa0\x06\x07", b"\xfa\x3f\x01x", b"\x28\x05", b"\x0b\x0c", b"\x2a\x01z"),
        *(b"\x7a\x02\x18\x02", b"\x4a\x00", b"\x4a\x04\x12\x02\x10\x01"),
        *(b"\x30\x82\x80\x80\x80\x10", b"\x7a\x06\x18\x82\x80\x80\x80\x10"),  # 2**32 + 2
    )
)


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])
