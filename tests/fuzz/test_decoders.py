"""Whatever bytes come, no decoder crashes: they are read, counted as rejected, or refused."""

import contextlib
import gzip
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from informer.config.load import read_settings, write_settings
from informer.config.settings import Settings
from informer.core.errors import InformerError
from informer.engines.duckdb import DuckDBEngine
from informer.service.otlp_http import gunzipped
from informer.service.reception import RefusedError, check_message
from informer.spans.open import open_frames, open_sources
from informer.spans.telling import Telling
from soaking import many

SECONDS = many(1.0, 50.0)  # a decoder
SAMPLES = Path(__file__).parents[1] / "golden/spans"
MOST_BYTES = 1 << 20
INTERESTING = [
    *(b"\x00", b"\xff" * 5, b"\xff" * 10, b'"', b"{", b"[" * 2_000, b"null", b"-1", b"1e999"),
    *(b"\\ud800", b"\r\n", b"\x1f\x8b", b"9" * 400, b"NaN", b"\xed\xa0\x80"),
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


def fuzz(samples: tuple[bytes, ...], decode: Callable[[bytes], None]) -> None:
    """Until the time is over; what fails is made small and shown."""
    ends, runs = time.monotonic() + SECONDS, 0

    def one_run(number: int) -> None:
        @seed(number)
        @settings(
            max_examples=many(25, 200),
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

    number = 0 if SECONDS < 10 else random.SystemRandom().randrange(2**32)
    while time.monotonic() < ends:
        one_run(number := number + 1)
    print(f"{runs} inputs")
    assert runs


def read_file(path: Path, data: bytes, format: str | None) -> None:
    path.write_bytes(data)
    with DuckDBEngine(threads=1) as engine, contextlib.suppress(InformerError):
        for source in open_sources([str(path)], format=format):
            for _ in source.stage(engine, "staged"):
                pass


def samples_of(*names: str) -> tuple[bytes, ...]:
    return tuple((SAMPLES / name).read_bytes()[:4_000] for name in names)


# A sample, its format (None = to be recognised) and how its name ends.
FILES: dict[str, tuple[str | None, str]] = {
    "envoy.jsonl": ("envoy", ".jsonl"),
    "productpage-v1.log": ("istio", ".log"),
    "jaeger.json": ("jaeger", ".json"),
    "zipkin.json": ("zipkin", ".json"),
    "zipkin_lines.jsonl": (None, ".jsonl"),
    "mesh.jsonl": (None, ".jsonl"),
    "nezha.csv": (None, ".csv"),
    "skywalking.csv": (None, ".csv"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_format(name: str, tmp_path: Path) -> None:
    format, ending = FILES[name]
    path = tmp_path / f"spans{ending}"
    fuzz(samples_of(name), lambda data: read_file(path, data, format))


def test_otlp_messages() -> None:
    def decode(data: bytes) -> None:
        for is_json in (False, True):
            with contextlib.suppress(RefusedError):
                check_message(data, is_json, MOST_BYTES)

    fuzz((request(), JSON_REQUEST), decode)


def test_frames_of_the_spool(tmp_path: Path) -> None:
    path = tmp_path / "1.otlp"

    def decode(data: bytes) -> None:
        path.write_bytes(data)
        with DuckDBEngine(threads=1) as engine:
            for telling in (Telling(), None):  # as the service reads, and by SQL
                source = open_frames(path, correlate="trace_id", where=None, telling=telling)
                for _ in source.stage(engine, "staged"):
                    pass

    packed = frame(gzip.compress(request()))
    fuzz((frame(request()) * 2, frame(JSON_REQUEST) + frame(request()), packed), decode)


def test_what_is_taken_can_be_read(tmp_path: Path) -> None:
    """Nothing that was acknowledged stops the loop later."""
    path = tmp_path / "1.otlp"

    def decode(data: bytes) -> None:
        is_json = data.lstrip()[:1] == b"{"
        try:
            checked = check_message(data, is_json, MOST_BYTES)
        except RefusedError:
            return
        path.write_bytes(frame(checked.message))
        with DuckDBEngine(threads=1) as engine:
            source = open_frames(path, correlate="trace_id", where=None, telling=Telling())
            taken = sum(source.stage(engine, "staged"))
            assert taken <= checked.spans

    fuzz((request(), JSON_REQUEST), decode)


def test_gzip() -> None:
    def decode(data: bytes) -> None:
        with contextlib.suppress(RefusedError):
            assert len(gunzipped(data, MOST_BYTES)) <= MOST_BYTES

    fuzz((gzip.compress(request()), gzip.compress(bytes(2 * MOST_BYTES))), decode)


def test_settings_files(tmp_path: Path) -> None:
    path = tmp_path / "informer.toml"
    write_settings(Settings(), path)

    def decode(data: bytes) -> None:
        path.write_bytes(data)
        with contextlib.suppress(InformerError):
            read_settings(path)

    fuzz((path.read_bytes(),), decode)
