"""Spans of OTLP/JSON, whatever its numbers, ids and older names look like."""

import base64
import binascii
from collections.abc import Iterator
from typing import Any

import orjson

from informer.spans.json_lines import values
from informer.spans.received import Tally
from informer.spans.rows import Row
from informer.spans.unpack import Content

NO_SPAN = (KeyError, TypeError, AttributeError, ValueError)


def read(content: Content, tally: Tally) -> Iterator[Row]:
    """Spans of OTLP/JSON: one ExportTraceServiceRequest a line, or one document."""
    for request in values(content, tally):
        yield from rows_of(request, tally)


def rows_of(request: Any, tally: Tally) -> Iterator[Row]:
    """Spans of one request."""
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
