"""The shop's spans as OTLP messages in order of time, and what of them each step has to hold."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from shop import Shop
from traffic_maker import STEP_NS


@dataclass(frozen=True)
class Message:
    """A protobuf message, how many spans it has, and the step in which its first trace began."""

    body: bytes
    spans: int
    step: int


class Feed:
    """Some steps of the shop's attacked day; a trace is never in two messages."""

    def __init__(self, shop: Shop, first: int, last: int, *, padding: int = 0) -> None:
        """`padding` are the bytes of an attribute that makes every span so large."""
        self._day_ns, self._padding = shop.day_ns, padding
        traces: dict[str, list[dict[str, Any]]] = {}
        for row in _rows(shop.attacked):
            traces.setdefault(row["TraceID"], []).append(row)
        inside = [t for t in traces.values() if first <= self._step(t) < last]
        self._traces = sorted(inside, key=lambda t: int(t[0]["StartNs"]))

    def messages(self, traces: int = 20) -> Iterator[Message]:
        """So many traces each."""
        for i in range(0, len(self._traces), traces):
            yield self._message(self._traces[i : i + traces])

    def spans_by_step(self) -> dict[int, int]:
        """Start of a step to the spans of traces that began in it."""
        found: Counter[int] = Counter()
        for trace in self._traces:
            found[self._day_ns + self._step(trace) * STEP_NS] += len(trace)
        return dict(found)

    def _step(self, trace: list[dict[str, Any]]) -> int:
        return (int(trace[0]["StartNs"]) - self._day_ns) // STEP_NS

    def _message(self, traces: list[list[dict[str, Any]]]) -> Message:
        request = ExportTraceServiceRequest()
        by_service: dict[tuple[str, str], Any] = {}
        spans = 0
        for row in (row for trace in traces for row in trace):
            named = (row["Service"], row["Version"])
            if named not in by_service:
                group = request.resource_spans.add()
                for key, value in zip(("service.name", "service.version"), named, strict=True):
                    group.resource.attributes.add(key=key).value.string_value = value
                by_service[named] = group.scope_spans.add()
            span = by_service[named].spans.add()
            self._fill(span, row)
            spans += 1
        return Message(request.SerializeToString(), spans, self._step(traces[0]))

    def _fill(self, span: Span, row: dict[str, Any]) -> None:
        span.name, span.kind = row["Operation"], Span.SPAN_KIND_SERVER
        span.trace_id = (int.from_bytes(row["TraceID"].encode(), "big") % 2**128).to_bytes(
            16, "big"
        )
        span.span_id = _span_id(row["SpanID"])
        if row["ParentID"]:
            span.parent_span_id = _span_id(row["ParentID"])
        span.start_time_unix_nano = row["StartNs"]
        span.end_time_unix_nano = row["StartNs"] + row["DurationUs"] * 1_000
        span.attributes.add(key="http.response.status_code").value.int_value = row["Status"]
        if self._padding:
            span.attributes.add(key="padding").value.string_value = "x" * self._padding
        if row["Status"] >= 500:
            span.status.code = Status.STATUS_CODE_ERROR


def _span_id(name: str) -> bytes:
    return (int(name[1:]) + 1).to_bytes(8, "big")


def _rows(path: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return found
