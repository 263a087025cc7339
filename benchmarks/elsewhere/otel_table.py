"""Spans in a ClickHouse table as the OpenTelemetry Collector's exporter makes it."""

import orjson
import pyarrow as pa

from informer.core.types import Json
from informer.engines.clickhouse import Server

STATUS = "http.response.status_code"
# From the exporter's `sqltemplates/traces_table.sql`, without its settings for expiry.
MADE = """
create table {table} (
    Timestamp DateTime64(9) CODEC(Delta, ZSTD(1)),
    TraceId String CODEC(ZSTD(1)),
    SpanId String CODEC(ZSTD(1)),
    ParentSpanId String CODEC(ZSTD(1)),
    TraceState String CODEC(ZSTD(1)),
    SpanName LowCardinality(String) CODEC(ZSTD(1)),
    SpanKind LowCardinality(String) CODEC(ZSTD(1)),
    ServiceName LowCardinality(String) CODEC(ZSTD(1)),
    ResourceAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    ScopeName String CODEC(ZSTD(1)),
    ScopeVersion String CODEC(ZSTD(1)),
    SpanAttributes Map(LowCardinality(String), String) CODEC(ZSTD(1)),
    Duration UInt64 CODEC(ZSTD(1)),
    StatusCode LowCardinality(String) CODEC(ZSTD(1)),
    StatusMessage String CODEC(ZSTD(1)),
    Events Nested (
        Timestamp DateTime64(9),
        Name LowCardinality(String),
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    Links Nested (
        TraceId String,
        SpanId String,
        TraceState String,
        Attributes Map(LowCardinality(String), String)
    ) CODEC(ZSTD(1)),
    INDEX idx_trace_id TraceId TYPE bloom_filter(0.001) GRANULARITY 1,
    INDEX idx_duration Duration TYPE minmax GRANULARITY 1
) ENGINE MergeTree
PARTITION BY toDate(Timestamp)
ORDER BY (ServiceName, SpanName, toDateTime(Timestamp))
"""
# Rows as below, the JSON texts as maps.
FILLED = """
insert into {table} (
    Timestamp, TraceId, SpanId, ParentSpanId, SpanName, SpanKind, ServiceName,
    ResourceAttributes, SpanAttributes, Duration, StatusCode
)
select
    fromUnixTimestamp64Nano(start_ns, 'UTC'), trace_id, span_id, parent_span_id, operation, kind,
    service, JSONExtract(resource, 'Map(String, String)'),
    JSONExtract(attributes, 'Map(String, String)'), duration_ns, status
from {aside}
"""
ASIDE = """
create table {aside} (
    start_ns Int64, trace_id String, span_id String, parent_span_id String, operation String,
    kind String, service String, resource String, attributes String, duration_ns Int64,
    status String
)
"""


def fill(server: Server, table: str, spans: pa.Table) -> None:
    """Make the table of spans of ours, with all that they say in the collector's words."""
    aside = f"{table}_aside"
    server.tell(ASIDE.format(aside=aside), {})
    for batch in spans.to_batches(max_chunksize=100_000):
        rows = pa.Table.from_pylist([_row(row) for row in batch.to_pylist()])
        server.insert(aside, rows.to_reader())
    server.tell(MADE.format(table=table), {})
    server.tell(FILLED.format(table=table, aside=aside), {})
    server.tell(f"drop table {aside}", {})


def _row(span: Json) -> Json:
    said = orjson.loads(span["attributes"])
    resource = orjson.loads(span.get("resource_attributes") or "{}")
    for name, value in (("peer.service", span["peer"]), (STATUS, span["status_code"])):
        if value is not None:
            said[name] = str(value)
    if span["version"] is not None:
        resource["service.version"] = span["version"]
    return {
        "start_ns": span["start_ns"],
        "trace_id": span["trace_id"],
        "span_id": span["span_id"],
        "parent_span_id": span["parent_span_id"] or "",
        "operation": span["operation"],
        "kind": span["kind"].capitalize(),
        "service": span["service"],
        "resource": orjson.dumps(resource).decode(),
        "attributes": orjson.dumps(said).decode(),
        "duration_ns": span["duration_ns"],
        "status": "Error" if span["failed"] else "Unset",
    }
