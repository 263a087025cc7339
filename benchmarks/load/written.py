"""The same made traffic in every format that files come in, for who measures how they are read."""

import gzip
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from informer.core.types import Json
from informer.engines.duckdb import DuckDBEngine
from load.messages import FROM_NS, SEED, messages, shop_spans, teach

MADE = 40_000  # spans made one by one; more are the same ones with new ids and times
PER_MESSAGE = 500
RATE = 2_000  # spans a second in the files


def requests(many: int) -> Iterator[bytes]:
    """OTLP requests in protobuf, of about so many spans, in order of time."""
    made, rng = messages(shop_spans(MADE), PER_MESSAGE), np.random.default_rng(SEED + 2)
    spans = number = 0
    while spans < many:
        message = made[number % len(made)]
        yield message.at(FROM_NS + spans * 10**9 // RATE, rng)
        spans, number = spans + message.many, number + 1


def otlp_json(path: Path, many: int) -> None:
    """One request a line, gzip, as the collector's file exporter writes them."""
    with gzip.open(path, "wb", compresslevel=6) as file:
        for request in requests(many):
            file.write(_in_json(request) + b"\n")


def otlp_protobuf(path: Path, many: int) -> None:
    """Requests after their lengths."""
    with path.open("wb") as file:
        for request in requests(many):
            file.write(struct.pack(">I", len(request)) + request)


def csv(path: Path, many: int) -> None:
    """Our column names, with attributes."""
    _copied(path, many, "*", "format csv")


def csv_of_ids(path: Path, many: int) -> None:
    """The columns of the Nezha layout: no attributes."""
    columns = (
        "trace_id as TraceID, span_id as SpanID, coalesce(parent_span_id, 'root') as ParentID, "
        "service || '-6f6cfc45b-h5m2n' as PodName, operation as OperationName, "
        "start_ns as StartTimeUnixNano, duration_ns // 1000 as Duration"
    )
    _copied(path, many, columns, "format csv")


def ndjson(path: Path, many: int) -> None:
    """One span a line, our column names."""
    _copied(path, many, "*", "format json")


def envoy(path: Path, many: int) -> None:
    """A line of a proxy's JSON log for every call that comes in."""
    with path.open("wb") as file:
        for said in _calls(many):
            file.write(orjson.dumps(said) + b"\n")


def istio(path: Path, many: int) -> None:
    """The same as Istio's text log."""
    with path.open("w") as file:
        for said in _calls(many):
            file.write(ISTIO.format(**said))


ISTIO = (
    '[{start_time}] "{method} {path} HTTP/1.1" {response_code} - via_upstream - "-" 0 178 '
    '{duration} {duration} "-" "{user_agent}" "{request_id}" "{authority}" "{upstream_host}" '
    "{upstream_cluster} 127.0.0.6:36151 {downstream_local_address} {downstream_remote_address} "
    "outbound_.80_._.{authority} default\n"
)
WRITERS: dict[str, tuple[str, Callable[[Path, int], None]]] = {
    "OTLP/JSON, gzip": ("spans.jsonl.gz", otlp_json),
    "OTLP protobuf": ("spans.pb", otlp_protobuf),
    "CSV": ("spans.csv", csv),
    "CSV, Nezha": ("nezha.csv", csv_of_ids),
    "NDJSON table": ("table.jsonl", ndjson),
    "Envoy JSON log": ("web-v1.json", envoy),
    "Istio text log": ("web-v1.log", istio),
}


def _copied(path: Path, many: int, columns: str, how: str) -> None:
    parquet = path.with_suffix(".parquet")
    teach(shop_spans(MADE), parquet, rate=RATE, seconds=many // RATE)
    with DuckDBEngine() as engine:
        engine.run(
            f"copy (select {columns} from read_parquet('{parquet}') order by start_ns) "
            f"to '{path}' ({how})"
        )
    parquet.unlink()


def _calls(many: int) -> Iterator[Json]:
    rng = np.random.default_rng(SEED)
    rows = [row for row in shop_spans(MADE).to_pylist() if " /" in row["operation"]]
    for number in range(many):
        row = rows[number % len(rows)]
        method, _, path = row["operation"].partition(" ")
        at_ms = FROM_NS // 10**6 + number * 1_000 // RATE
        host = f"10.0.{number % 7}.{number % 200}"
        yield {
            "start_time": str(np.datetime64(at_ms, "ms")) + "Z",
            "method": method,
            "path": f"{path}/{rng.integers(100_000)}",
            "response_code": row["status_code"] or 200,
            "duration": row["duration_ns"] // 10**6,
            "user_agent": "okhttp/4.12.0",
            "request_id": rng.bytes(16).hex(),
            "authority": row["service"],
            "upstream_host": f"{host}:9080",
            "upstream_cluster": "inbound|9080||",
            "downstream_local_address": f"{host}:9080",
            "downstream_remote_address": f"10.1.2.3:{rng.integers(65_536)}",
        }


def _in_json(request: bytes) -> bytes:
    read = ExportTraceServiceRequest.FromString(request)
    groups = [
        {
            "resource": {"attributes": _pairs(group.resource.attributes)},
            "scopeSpans": [
                {"scope": {"name": part.scope.name}, "spans": [_span(span) for span in part.spans]}
                for part in group.scope_spans
            ],
        }
        for group in read.resource_spans
    ]
    return orjson.dumps({"resourceSpans": groups})


def _span(span: Span) -> Json:
    return {
        "traceId": span.trace_id.hex(),
        "spanId": span.span_id.hex(),
        "parentSpanId": span.parent_span_id.hex(),
        "flags": span.flags,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_time_unix_nano),
        "endTimeUnixNano": str(span.end_time_unix_nano),
        "attributes": _pairs(span.attributes),
        "status": {"code": span.status.code} if span.status.code else {},
    }


def _pairs(pairs: "list[KeyValue]") -> list[Json]:
    return [
        {"key": pair.key, "value": {"stringValue": pair.value.string_value}}
        if pair.value.HasField("string_value")
        else {"key": pair.key, "value": {"intValue": str(pair.value.int_value)}}
        for pair in pairs
    ]
