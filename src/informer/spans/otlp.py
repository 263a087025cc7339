"""OpenTelemetry's own formats: OTLP/JSON (lines or one document) and OTLP protobuf files."""

import base64
import binascii
from collections.abc import Iterable, Iterator
from typing import Any

import orjson
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from informer.spans.json_lines import values
from informer.spans.received import Tally
from informer.spans.rows import Row
from informer.spans.unpack import Content, unpacked

NO_SPAN = (KeyError, TypeError, AttributeError, ValueError)


def read_json(content: Content, tally: Tally) -> Iterator[Row]:
    """Spans of OTLP/JSON: one ExportTraceServiceRequest a line, or one document."""
    for request in values(content, tally):
        yield from _of_request(request, tally)


def read_frames(content: Content, tally: Tally) -> Iterator[Row]:
    """Spans of messages that each follow their length, protobuf or JSON, perhaps packed alone."""
    for frame in content.frames():
        try:
            message = unpacked(frame)
            request = orjson.loads(message) if message[:1] == b"{" else None
        except (OSError, ValueError):
            tally.rejected["unreadable_message"] += 1
            continue
        yield from _of_message(message, tally) if request is None else _of_request(request, tally)


def read_message(content: Content, tally: Tally) -> Iterator[Row]:
    """Spans of a file that is one protobuf message."""
    yield from _of_message(content.whole(), tally)


def _of_request(request: Any, tally: Tally) -> Iterator[Row]:
    try:
        resource_spans = request.get("resourceSpans") or request.get("batches") or ()
        for group in resource_spans:
            resource = _attributes(group.get("resource", {}).get("attributes", ()))
            service = resource.get("service.name")
            described = orjson.dumps(resource)
            for part in group.get("scopeSpans") or group.get("instrumentationLibrarySpans") or ():
                scope = part.get("scope") or part.get("instrumentationLibrary") or {}
                for span in part.get("spans", ()):
                    try:
                        yield _of_json(span, service, described, scope.get("name"))
                    except NO_SPAN:
                        tally.rejected["malformed_span"] += 1
    except NO_SPAN:
        tally.rejected["malformed_request"] += 1


def _of_json(span: dict[str, Any], service: Any, resource: bytes, scope: Any) -> Row:
    start, end = int(span.get("startTimeUnixNano", 0)), int(span.get("endTimeUnixNano", 0))
    trace_id, span_id, parent_span_id = map(span.get, ("traceId", "spanId", "parentSpanId"))
    if span_id and span_id[-1] == "=":  # protobuf's own JSON writes ids in base64
        trace_id, span_id, parent_span_id = map(_hex, (trace_id, span_id, parent_span_id))
    return Row(
        trace_id,
        span_id,
        parent_span_id,
        service,
        span.get("name"),
        str(span.get("kind", "")),
        None,
        start,
        end - start if end else None,
        None,
        span.get("status", {}).get("code") in (2, "STATUS_CODE_ERROR"),
        None,
        scope,
        span.get("traceState"),
        orjson.dumps(_attributes(span.get("attributes", ()))),
        resource,
    )


def _attributes(pairs: Any) -> dict[str, str]:
    return {
        pair["key"]: value["stringValue"]
        if "stringValue" in (value := pair.get("value") or {})
        else _any_json(value)
        for pair in pairs
    }


def _any_json(value: dict[str, Any]) -> str:
    """A value that is no string, as text: numbers plainly, lists and maps as JSON."""
    for kind, inner in value.items():
        if kind in ("arrayValue", "kvlistValue"):
            return orjson.dumps(_plain(value)).decode()
        return inner if isinstance(inner, str) else orjson.dumps(inner).decode()
    return ""


def _plain(value: dict[str, Any]) -> Any:
    if "arrayValue" in value:
        return [_plain(v) for v in value["arrayValue"].get("values", ())]
    if "kvlistValue" in value:
        pairs = value["kvlistValue"].get("values", ())
        return {p["key"]: _plain(p.get("value", {})) for p in pairs}
    return next(iter(value.values()), None)


def _hex(text: Any) -> Any:
    try:
        return base64.b64decode(text, validate=True).hex()
    except binascii.Error:
        return text


def _of_message(message: bytes, tally: Tally) -> Iterator[Row]:
    try:
        request = ExportTraceServiceRequest.FromString(message)
    except DecodeError:
        tally.rejected["unreadable_message"] += 1
        return
    for group in request.resource_spans:
        resource = _message_attributes(group.resource.attributes)
        service = resource.get("service.name")
        described = orjson.dumps(resource)
        for part in group.scope_spans:
            scope = part.scope.name
            for span in part.spans:
                start, end = span.start_time_unix_nano, span.end_time_unix_nano
                yield Row(
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    service,
                    span.name,
                    str(span.kind),
                    None,
                    start,
                    end - start if end else None,
                    None,
                    span.status.code == 2,
                    None,
                    scope,
                    span.trace_state,
                    orjson.dumps(_message_attributes(span.attributes)),
                    described,
                )


def _message_attributes(pairs: Iterable[KeyValue]) -> dict[str, str]:
    return {pair.key: pair.value.string_value or _other(pair.value) for pair in pairs}


def _other(value: AnyValue) -> str:
    kind = value.WhichOneof("value")
    if kind is None or kind == "string_value":
        return ""
    if kind in ("array_value", "kvlist_value"):
        return orjson.dumps(_plain_message(value)).decode()
    inner = getattr(value, kind)
    return (
        base64.b64encode(inner).decode()
        if isinstance(inner, bytes)
        else orjson.dumps(inner).decode()
    )


def _plain_message(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain_message(v) for v in value.array_value.values]
    if kind == "kvlist_value":
        pairs: list[KeyValue] = list(value.kvlist_value.values)
        return {pair.key: _plain_message(pair.value) for pair in pairs}
    inner = getattr(value, kind) if kind else None
    return base64.b64encode(inner).decode() if isinstance(inner, bytes) else inner
