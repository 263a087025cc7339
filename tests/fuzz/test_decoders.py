"""Whatever bytes come, no decoder of spans crashes: they are read, rejected, or refused."""

import contextlib
import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from spoiling import JSON_REQUEST, frame, fuzz, now_and_then, request

from informer.core.errors import InformerError
from informer.engines.duckdb import DuckDBEngine
from informer.service.otlp_http import gunzipped
from informer.service.reception import (
    RefusedError,
    check_message,
    counted_by_library,
)
from informer.spans.open import READERS, open_frames, open_sources
from informer.spans.otlp import read_frames
from informer.spans.received import Tally
from informer.spans.recognise import found_in
from informer.spans.request_walk import spans_in
from informer.spans.telling import Telling
from informer.spans.unpack import Content

SAMPLES = Path(__file__).parents[1] / "golden/spans"
MOST_BYTES, MOST_SPANS = 1 << 20, 1_000
KEY = b"k" * 16


def read_file(path: Path, data: bytes, format: str | None) -> None:
    """By its reader; with all that SQL makes of it now and then, which takes a hundred times as
    long, and always where the engine reads it.
    """
    path.write_bytes(data)
    with contextlib.suppress(InformerError):
        found = found_in(path, format)
        reader = READERS.get((found.format, found.container))
        for _ in reader[0](Content(path), Tally()) if reader else ():
            pass
        if reader and not now_and_then(data):
            return
        with DuckDBEngine(threads=1) as engine:
            for source in open_sources([str(path)], format=format):
                for _ in source.stage(engine, "staged"):
                    pass
            for source in open_sources([str(path)], format=format):  # as learning reads
                for _ in source.lines(engine, KEY):
                    pass


def samples_of(*names: str) -> tuple[bytes, ...]:
    return tuple((SAMPLES / name).read_bytes()[:4_000] for name in names)


def parquet(name: str) -> bytes:
    """A table as Parquet."""
    out = pa.BufferOutputStream()
    pq.write_table(pyarrow.csv.read_csv(SAMPLES / name).slice(0, 20), out)
    return bytes(out.getvalue())


# A sample, its format (None = to be recognised) and how its name ends.
FILES: dict[str, tuple[str | None, str]] = {
    "envoy.jsonl": ("envoy", ".jsonl"),
    "productpage-v1.log": ("istio", ".log"),
    "jaeger.json": ("jaeger", ".json"),
    "zipkin.json": ("zipkin", ".json"),
    "zipkin_lines.jsonl": (None, ".jsonl"),
    "mesh.jsonl": (None, ".jsonl"),
    "nezha.csv": (None, ".csv"),
    "rpc_log.csv": (None, ".csv"),
    "skywalking.csv": (None, ".csv"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_of_every_format(name: str, tmp_path: Path) -> None:
    format, ending = FILES[name]
    path = tmp_path / f"spans{ending}"
    fuzz(samples_of(name), lambda data: read_file(path, data, format))


def test_parquet(tmp_path: Path) -> None:
    path = tmp_path / "spans.parquet"
    fuzz((parquet("nezha.csv"),), lambda data: read_file(path, data, None))


@pytest.mark.parametrize("codec", ["gzip", "zstd"])
def test_packed_files(codec: str, tmp_path: Path) -> None:
    packed = tuple(bytes(pa.compress(x, codec, asbytes=True)) for x in samples_of("envoy.jsonl"))
    path = tmp_path / f"spans.jsonl.{codec}"
    fuzz(packed, lambda data: read_file(path, data, "envoy"))


def test_otlp_files(tmp_path: Path) -> None:
    path = tmp_path / "spans.pb"
    samples = (request(), frame(request()) * 2, JSON_REQUEST, JSON_REQUEST + b"\n" + JSON_REQUEST)
    fuzz(samples, lambda data: read_file(path, data, "otlp"))


def test_what_the_compiled_walk_counts_is_what_the_library_counts() -> None:
    def decode(data: bytes) -> None:
        quick = spans_in(data, MOST_SPANS)
        assert quick is None or quick == counted_by_library(data)

    fuzz((request(),), decode)


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
        for _ in read_frames(Content(path), Tally()):
            pass
        if not now_and_then(data):
            return
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
        tally = Tally()
        read = sum(table.num_rows for table in read_frames(Content(path), tally))
        assert read + tally.rejected.total() >= checked.spans or is_json
        if not now_and_then(data):
            return
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
