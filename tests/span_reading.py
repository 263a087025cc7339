"""Read small files that a test wrote, as rows of `spans`, and make OTLP requests to write."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from informer.core.tables import SPANS
from informer.engines.duckdb import DuckDBEngine
from informer.spans.open import open_sources

T0 = 1_780_272_000_000_000_000
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRAITS = {str: "stringValue", bool: "boolValue", int: "intValue", float: "doubleValue"}


@dataclass
class Reading:
    """What came of some sources."""

    rows: list[dict[str, Any]]
    formats: list[str]
    rejected: Counter[str]
    notes: list[str]

    @property
    def row(self) -> dict[str, Any]:
        """The only row."""
        (row,) = self.rows
        return row


def read(*locations: object, **options: Any) -> Reading:
    """All spans of the locations, in a stable order."""
    with DuckDBEngine(threads=1) as engine:
        sources = open_sources([str(location) for location in locations], **options)
        engine.append("spans", SPANS.empty(), passing=True)
        staged = sum(spans for source in sources for spans in source.stage(engine, "spans"))
        table = engine.query("select * from spans").cast(SPANS.schema)
    assert table.num_rows == staged
    rows = sorted(table.to_pylist(), key=lambda row: (row["start_ns"], row["span_id"], row["kind"]))
    return Reading(
        rows,
        [source.format for source in sources],
        sum((source.rejected for source in sources), Counter()),
        [note for source in sources for note in source.notes],
    )


def written(path: Path, content: str | bytes) -> Path:
    """A file with this content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def span(
    span_id: str = "00f067aa0ba902b7",
    parent: str = "",
    *,
    name: str = "GET",
    kind: object = 2,
    start_ns: object = T0,
    end_ns: object = T0 + 1_000_000,
    failed: bool = False,
    trace_id: str = TRACE,
    trace_state: str = "",
    **attributes: object,
) -> dict[str, Any]:
    """An OTLP/JSON span. `http_route` names the attribute `http.route`."""
    return {
        "traceId": trace_id,
        "spanId": span_id,
        "parentSpanId": parent,
        "name": name,
        "kind": kind,
        "startTimeUnixNano": str(start_ns),
        "endTimeUnixNano": str(end_ns),
        "attributes": traits({key.replace("_", "."): v for key, v in attributes.items()}),
        "status": {"code": 2} if failed else {},
        "traceState": trace_state,
    }


def traits(attributes: dict[str, object]) -> list[dict[str, Any]]:
    """Attributes as OTLP/JSON writes them."""
    return [{"key": k, "value": {TRAITS[type(v)]: v}} for k, v in attributes.items()]


def request(
    *spans: dict[str, Any], service: str = "shop", scope: str = "sdk", **resource: object
) -> bytes:
    """One line of OTLP/JSON."""
    named = {key.replace("_", "."): value for key, value in resource.items()}
    return orjson.dumps(
        {
            "resourceSpans": [
                {
                    "resource": {"attributes": traits({"service.name": service, **named})},
                    "scopeSpans": [{"scope": {"name": scope}, "spans": list(spans)}],
                }
            ]
        }
    )
