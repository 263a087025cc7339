"""Spans told from memory are those that SQL tells, whatever they say."""

from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from informer.core.tables import SPANS
from informer.engines.duckdb import DuckDBEngine
from informer.service.segments import framed
from informer.spans import telling
from informer.spans.open import open_frames
from informer.spans.telling import Telling

FIRST_NS = 1_780_272_000_000_000_000
SAID: tuple[dict[str, Any], ...] = (
    {},
    {"http.route": "/cart", "http.request.method": "GET", "url.path": "/cart/7"},
    {"http.response.status_code": 503},
    {"http.response.status_code": 404, "server.address": "ratings.default.svc:80"},
    {"guid:x-request-id": "r1"},
    {"guid:x-request-id": "r1", "x-request-id": "r2"},
    {"x-request-id": 'quo"ted\n'},
    {"long": "x" * 1_000},
    {f"key {n}": "v" for n in range(50)},
    {"SampleRate": 8},
)


def message(seed: int) -> bytes:
    """Spans of which some are of no use."""
    rng, request = Random(seed), ExportTraceServiceRequest()
    for service in ("shop", "", "cart"):
        group = request.resource_spans.add()
        group.resource.attributes.add(key="service.name").value.string_value = service
        group.resource.attributes.add(key="service.version").value.string_value = f"v{seed % 2}"
        part = group.scope_spans.add()
        part.scope.name = "sdk"
        for _ in range(60):
            span = part.spans.add(
                trace_id=rng.choice(
                    [b"", bytes(16), b"t" * 16, rng.randbytes(16), rng.randbytes(3)]
                ),
                span_id=rng.choice([b"", bytes(8), *(rng.randbytes(8) for _ in range(4))]),
                parent_span_id=rng.choice([b"", bytes(8), b"p" * 8]),
                name=f"op {rng.randrange(3)}",
                kind=rng.randrange(6),
                start_time_unix_nano=rng.choice([0, FIRST_NS, FIRST_NS, 2**64 - 1]),
                end_time_unix_nano=rng.choice([0, FIRST_NS - 5, FIRST_NS + 9]),
                trace_state=rng.choice(["", "ot=th:c;rv:abc123", "ot=rv:12ab;p:2"]),
            )
            span.status.code = rng.randrange(3)  # type: ignore[assignment]  # stubs want the enum
            for name, value in rng.choice(SAID).items():
                told = span.attributes.add(key=name).value
                if isinstance(value, int):
                    told.int_value = value
                else:
                    told.string_value = value
    return request.SerializeToString()


def staged(path: Path, remembered: Telling | None) -> tuple[Counter[Any], Any, Counter[str], int]:
    source = open_frames(path, correlate="trace_id", where=None, telling=remembered)
    source.read_ahead()
    with DuckDBEngine(threads=1) as engine:
        spans = sum(source.stage(engine, "staged"))
        rows = engine.query(f"select {', '.join(SPANS.names)} from staged").to_pylist()
        types = engine.query("describe staged").to_pylist()
        left = engine.query("select table_name from duckdb_tables() order by 1")["table_name"]
        assert remembered is None or left.to_pylist() == ["staged"]
    assert spans == len(rows)
    tally = source.tally
    told = Counter(tuple(row.values()) for row in rows)
    return told, types, tally.rejected, tally.mended["negative_duration"]


@pytest.mark.parametrize("most_sayings", [telling.MOST_SAYINGS, 5])
def test_what_is_told_from_memory_is_what_sql_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most_sayings: int
) -> None:
    monkeypatch.setattr(telling, "MOST_SAYINGS", most_sayings)
    remembered = Telling()
    for seed in range(5):
        path = tmp_path / f"{seed}.otlp"
        path.write_bytes(b"".join(framed(message(seed * 7 + n)) for n in range(3)))
        told, types, rejected, backwards = staged(path, remembered)
        assert (told, types, rejected, backwards) == staged(path, None)
        assert {"missing_service", "missing_time"} <= rejected.keys()
        assert backwards


def test_a_file_without_spans_adds_none(tmp_path: Path) -> None:
    path = tmp_path / "a.otlp"
    path.write_bytes(framed(b"whatever"))
    source = open_frames(path, correlate="trace_id", where=None, telling=Telling())
    source.read_ahead()
    with DuckDBEngine(threads=1) as engine:
        assert sum(source.stage(engine, "staged")) == 0
    assert source.rejected["unreadable_message"] == 1


def test_a_message_of_damaged_spans_alone_is_counted_and_stops_nobody(tmp_path: Path) -> None:
    damaged = b"\x0a\x7f"  # an id that is cut off
    for tag in (b"\x12", b"\x12", b"\x0a"):  # a span, of a part, of a group
        damaged = tag + bytes([len(damaged)]) + damaged
    path = tmp_path / "1.otlp"
    path.write_bytes(framed(damaged))
    with DuckDBEngine(threads=1) as engine:
        source = open_frames(path, correlate="trace_id", where=None, telling=Telling())
        assert sum(source.stage(engine, "staged")) == 0
    assert source.rejected == {"malformed_span": 1}
