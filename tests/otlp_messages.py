"""Messages of OTLP with one span, for tests that care for the way and not for what goes it."""

import itertools

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

START_NS = 1_780_272_000_000_000_000
_ids = itertools.count(1)


def message(name: str, *, service: str = "shop", padding: int = 0) -> bytes:
    """In protobuf; ids are new every time."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = service
    number = next(_ids)
    span = group.scope_spans.add().spans.add(
        name=name,
        trace_id=number.to_bytes(16, "big"),
        span_id=number.to_bytes(8, "big"),
        start_time_unix_nano=START_NS + number,
        end_time_unix_nano=START_NS + number + 1_000,
    )
    if padding:
        span.attributes.add(key="padding").value.string_value = "x" * padding
    return request.SerializeToString()


def json_message(name: str, *, service: str = "shop") -> bytes:
    """In JSON."""
    number = next(_ids)
    span = {
        "traceId": f"{number:032x}",
        "spanId": f"{number:016x}",
        "name": name,
        "startTimeUnixNano": str(START_NS + number),
        "endTimeUnixNano": str(START_NS + number + 1_000),
    }
    named = {"key": "service.name", "value": {"stringValue": service}}
    group = {"resource": {"attributes": [named]}, "scopeSpans": [{"spans": [span]}]}
    return orjson.dumps({"resourceSpans": [group]})
