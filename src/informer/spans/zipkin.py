"""Zipkin's v2 JSON: arrays of spans, arrays of traces, or one span a line."""

from collections.abc import Iterator
from typing import Any

import orjson

from informer.spans.json_lines import values
from informer.spans.json_values import UNREADABLE
from informer.spans.meanings import meant_of
from informer.spans.received import Tally
from informer.spans.rows import Row
from informer.spans.unpack import Content


def read(content: Content, tally: Tally) -> Iterator[Row]:
    """Spans with times in microseconds. The two halves of a shared span keep their one id."""
    for value in values(content, tally):
        for span in _flat(value):
            try:
                yield _row(span)
            except UNREADABLE:
                tally.rejected["malformed_span"] += 1


def _flat(value: Any) -> Iterator[Any]:
    if not isinstance(value, list):
        yield value
        return
    for item in value:
        yield from item if isinstance(item, list) else (item,)


def _row(span: dict[str, Any]) -> Row:
    tags: dict[str, str] = span.get("tags") or {}
    here: dict[str, Any] = span.get("localEndpoint") or {}
    there: dict[str, Any] = span.get("remoteEndpoint") or {}
    kind = span.get("kind") or ""
    peer = there.get("serviceName")
    if peer is None and kind in ("CLIENT", "PRODUCER"):
        peer = tags.get("peer.service") or there.get("ipv4") or there.get("ipv6")
    return Row(
        span["traceId"],
        span["id"],
        span.get("parentId"),
        here.get("serviceName"),
        span.get("name"),
        kind,
        peer,
        int(span.get("timestamp") or 0),
        int(span.get("duration") or 0),
        None,
        "error" in tags,
        None,
        tags.get("otel.scope.name") or tags.get("otel.library.name"),
        tags.get("w3c.tracestate"),
        orjson.dumps(tags),
        None,
        meant_of(tags),
    )
