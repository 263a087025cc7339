"""Spans and values of OTLP/JSON as orjson reads them, one by one: any form that OTLP allows."""

import base64
from collections.abc import Iterator
from typing import Any

import orjson

from informer.spans.received import Tally
from informer.spans.rows import Row

# What is raised by values that are not of the form of spans.
UNREADABLE = (KeyError, TypeError, AttributeError, ValueError)
BASE64 = "="  # eight bytes end in it, as protobuf's own JSON writes ids; hex never does
FAILED = (2, "STATUS_CODE_ERROR")


def rows_of(request: Any, tally: Tally) -> Iterator[Row]:
    """Spans of one request."""
    try:
        for group in request.get("resourceSpans") or request.get("batches") or ():
            resource = attributes_of((group.get("resource") or {}).get("attributes"))
            service = resource.get("service.name")
            described = orjson.dumps(resource)
            for part in group.get("scopeSpans") or group.get("instrumentationLibrarySpans") or ():
                scope = part.get("scope") or part.get("instrumentationLibrary") or {}
                for span in part.get("spans") or ():
                    try:
                        yield row_of(span, service, described, scope.get("name"))
                    except UNREADABLE:
                        tally.rejected["malformed_span"] += 1
    except UNREADABLE:
        tally.rejected["malformed_request"] += 1


def row_of(span: dict[str, Any], service: Any, resource: bytes, scope: Any) -> Row:
    """The row of one span. Errors: those in UNREADABLE."""
    start, end = (int(span.get(f"{name}TimeUnixNano") or 0) for name in ("start", "end"))
    trace_id, span_id, parent_span_id = map(span.get, ("traceId", "spanId", "parentSpanId"))
    if span_id and span_id[-1] == BASE64:
        trace_id, span_id, parent_span_id = map(in_hex, (trace_id, span_id, parent_span_id))
    return Row(
        trace_id,
        span_id,
        parent_span_id,
        service,
        span.get("name"),
        None if (kind := span.get("kind")) is None else str(kind),
        None,
        start,
        end - start if end else None,
        None,
        (span.get("status") or {}).get("code") in FAILED,
        None,
        scope,
        span.get("traceState"),
        orjson.dumps(attributes_of(span.get("attributes"))),
        resource,
    )


def attributes_of(pairs: Any) -> dict[str, str]:
    """Attributes by key; of two with one key the later counts. Errors: those in UNREADABLE."""
    return {
        pair["key"]: text
        if isinstance(text := (value := pair.get("value") or {}).get("stringValue"), str)
        else _of_other_kind(value)
        for pair in ([] if pairs is None else pairs)
    }


def in_hex(text: Any) -> Any:
    """An id in base64 as hex; as it is when it is no base64."""
    try:
        return base64.b64decode(text, validate=True).hex()
    except (TypeError, ValueError):
        return text


def text_of(inner: Any) -> str:
    """What a value holds, as text; null is the same as nothing, says protobuf's JSON."""
    if inner is None:
        return ""
    return inner if isinstance(inner, str) else orjson.dumps(inner).decode()


def _of_other_kind(value: dict[str, Any]) -> str:
    """A value that is no string, as text: numbers plainly, lists and maps as JSON."""
    for kind, inner in value.items():
        if kind in ("arrayValue", "kvlistValue"):
            return orjson.dumps(_plain(value)).decode()
        return text_of(inner)
    return ""


def _plain(value: dict[str, Any]) -> Any:
    if "arrayValue" in value:
        return [_plain(v) for v in value["arrayValue"].get("values", ())]
    if "kvlistValue" in value:
        pairs = value["kvlistValue"].get("values", ())
        return {p["key"]: _plain(p.get("value", {})) for p in pairs}
    return next(iter(value.values()), None)
