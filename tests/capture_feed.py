"""The bundled capture as OTLP messages in order of time, as Envoys send them."""

import json
from collections.abc import Iterator
from importlib import resources
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

TRACES = 40  # in a message, whole ones


def capture_messages(from_ns: int, until_ns: int) -> Iterator[bytes]:
    """Those whose traces begin in a range of the five days after training."""
    with resources.as_file(resources.files("informer.demo") / "segment_a.parquet") as path:
        table = pq.read_table(path)
    near = pc.and_(
        pc.greater_equal(table["start_ns"], from_ns), pc.less(table["start_ns"], until_ns)
    )
    traces: dict[str, list[dict[str, Any]]] = {}
    for row in table.filter(near).sort_by("start_ns").to_pylist():
        traces.setdefault(row["trace_id"], []).append(row)
    ordered = list(traces.values())
    for first in range(0, len(ordered), TRACES):
        yield _message(ordered[first : first + TRACES])


def _message(traces: list[list[dict[str, Any]]]) -> bytes:
    request = ExportTraceServiceRequest()
    groups: dict[tuple[str, str], Any] = {}
    for row in (row for trace in traces for row in trace):
        named = (row["service"], row["scope"])
        if named not in groups:
            group = request.resource_spans.add()
            group.resource.attributes.add(key="service.name").value.string_value = row["service"]
            groups[named] = group.scope_spans.add()
            groups[named].scope.name = row["scope"]
        _fill(groups[named].spans.add(), row)
    return request.SerializeToString()


def _fill(span: Span, row: dict[str, Any]) -> None:
    span.trace_id, span.span_id = bytes.fromhex(row["trace_id"]), bytes.fromhex(row["span_id"])
    span.parent_span_id = bytes.fromhex(row["parent_span_id"])
    span.name, span.kind = row["name"], row["kind"]
    span.start_time_unix_nano, span.end_time_unix_nano = row["start_ns"], row["end_ns"]
    span.status.code = row["status_code"]
    for key, value in json.loads(row["attributes"]).items():
        span.attributes.add(key=key).value.string_value = str(value)
