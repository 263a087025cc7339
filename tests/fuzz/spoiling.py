"""Samples of what decoders read, spoiled in every way; what fails is made small and shown."""

import random
import time
import zlib
from collections.abc import Callable

from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from soaking import many

SECONDS = many(0.0, 600.0)  # of processor time, a decoder
INPUTS = 100  # at least; in the short form the same ones on every machine
INTERESTING = [
    *(b"\x00", b"\xff" * 5, b"\xff" * 10, b'"', b"{", b"[" * 2_000, b"null", b"-1", b"1e999"),
    *(b"\\ud800", b"\r\n", b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"9" * 400, b"9" * 5_000, b"NaN"),
    *(b"\xed\xa0\x80", "\N{SUPERSCRIPT TWO}".encode(), "\N{ARABIC-INDIC DIGIT TWO}".encode()),
    *(b"\xc2\x3e", b"\xca\x3e", b"\x00\x00\x00\x01", b"\n", b"0001-01-01T00:00:00Z"),
]


def request() -> bytes:
    made = ExportTraceServiceRequest()
    group = made.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    for number in range(1, 4):
        span = group.scope_spans.add().spans.add(
            name="GET /cart", trace_id=bytes([number] * 16), span_id=bytes([number] * 8), kind=2,
            start_time_unix_nano=1_780_272_000_000_000_000, end_time_unix_nano=2**64 - number,
        )  # fmt: skip
        span.attributes.add(key="http.route").value.string_value = "/cart"
        span.attributes.add(key="deep").value.kvlist_value.values.add(key="x").value.int_value = -1
    return made.SerializeToString()


JSON_REQUEST = (
    b'{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":'
    b'{"stringValue":"shop"}}]},"scopeSpans":[{"spans":[{"traceId":"0102030405060708090a0b0c0d0e0f10",'
    b'"spanId":"0102030405060708","name":"GET","kind":2,"startTimeUnixNano":"1780272000000000000",'
    b'"endTimeUnixNano":"1780272000000001000","attributes":[{"key":"a","value":{"intValue":"1"}}]}]}]}]}'
)


def frame(message: bytes) -> bytes:
    return len(message).to_bytes(4, "big") + message


@st.composite
def spoiled(draw: st.DrawFn, samples: tuple[bytes, ...]) -> bytes:
    """A sample with some of it changed, cut out, doubled or put elsewhere."""
    data = bytearray(draw(st.sampled_from(samples)))
    for _ in range(draw(st.integers(0, 6))):
        at = draw(st.integers(0, len(data)))
        upto = min(len(data), at + draw(st.integers(0, 40)))
        kind = draw(st.integers(0, 4))
        if kind == 0:
            data[at:upto] = draw(st.binary(max_size=12))
        elif kind == 1:
            del data[at:upto]
        elif kind == 2:
            data[at:at] = data[at:upto] * draw(st.integers(1, 4))
        elif kind == 3:
            data[at:upto] = draw(st.sampled_from(INTERESTING))
        elif at < len(data):
            data[at] ^= 1 << draw(st.integers(0, 7))
    return bytes(data)


def now_and_then(data: bytes) -> bool:
    """Whether to do with this input as well what takes long; the same each time."""
    return zlib.crc32(data) % 16 == 0


def fuzz(samples: tuple[bytes, ...], decode: Callable[[bytes], None]) -> None:
    """Until there were enough and the time is over; what fails is made small and shown."""
    ends, runs = time.process_time() + SECONDS, 0

    def one_run(number: int) -> None:
        @seed(number)
        @settings(
            max_examples=many(20, 1_000),
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(spoiled(samples))
        def run(data: bytes) -> None:
            nonlocal runs
            runs += 1
            decode(data)

        run()

    number = random.SystemRandom().randrange(2**32) if SECONDS else 0
    while runs < INPUTS or time.process_time() < ends:
        one_run(number := number + 1)
    print(f"{runs} inputs")
