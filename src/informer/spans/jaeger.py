"""Jaeger's JSON: what its UI and query API export, or spans with their process, one a line."""

from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from informer.spans.json_lines import values
from informer.spans.json_values import UNREADABLE
from informer.spans.meanings import meant_of
from informer.spans.received import Tally
from informer.spans.rows import Row
from informer.spans.unpack import Content


def read(content: Content, tally: Tally) -> Iterator[Row]:
    """Spans of `{"data": [trace, ...]}`, of traces or of single spans; times are microseconds."""
    for value in values(content, tally):
        try:
            for trace in _traces(value):
                processes = trace.get("processes") or {}
                for span in trace["spans"]:
                    try:
                        yield _row(span, processes)
                    except UNREADABLE:
                        tally.rejected["malformed_span"] += 1
        except UNREADABLE:
            tally.rejected["malformed_trace"] += 1


def _traces(value: Any) -> list[dict[str, Any]]:
    if isinstance(value, list):
        return [trace for item in value for trace in _traces(item)]
    if "data" in value:
        return list(value["data"])
    return [value] if "spans" in value else [{"spans": [value]}]


def _row(span: dict[str, Any], processes: Mapping[str, Any]) -> Row:
    process = span.get("process") or processes.get(span.get("processID", ""), {})
    tags = _tags(span.get("tags"))
    return Row(
        span["traceID"],
        span["spanID"],
        _parent(span),
        process.get("serviceName"),
        span.get("operationName"),
        tags.get("span.kind"),
        None,
        int(span.get("startTime") or 0),
        int(span.get("duration") or 0),
        None,
        tags.get("error") == "true" or tags.get("otel.status_code") == "ERROR",
        None,
        tags.get("otel.scope.name") or tags.get("otel.library.name"),
        tags.get("w3c.tracestate"),
        orjson.dumps(tags),
        orjson.dumps(_tags(process.get("tags"))),
        meant_of(tags),
    )


def _parent(span: dict[str, Any]) -> str | None:
    """The span it hangs below: a CHILD_OF reference before a FOLLOWS_FROM, in its own trace."""
    references = [r for r in span.get("references") or () if r["traceID"] == span["traceID"]]
    references.sort(key=lambda r: r.get("refType") != "CHILD_OF")
    return references[0]["spanID"] if references else span.get("parentSpanID")


def _tags(tags: Any) -> dict[str, str]:
    return {tag["key"]: _text(tag.get("value")) for tag in tags or ()}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()
