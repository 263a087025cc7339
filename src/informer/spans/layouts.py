"""Column layouts of span tables: our own names, and those that are recognised without options."""

from collections.abc import Mapping, Sequence

from informer.core.errors import InformerError
from informer.spans.clock import UNITS_NS

TIMES = ("start", "end", "duration")
NAMES = frozenset(
    {
        *("trace_id", "span_id", "parent_span_id", "service", "operation", "kind", "peer"),
        *("caller", "callee", "method"),
        *("failed", "status_code", "otlp_status", "weight", "version", "scope", "trace_state"),
        *("attributes", "resource_attributes"),
        *(f"{time}_{unit}" for time in TIMES for unit in UNITS_NS),
    }
)

MESH = {
    **{n: n for n in ("trace_id", "span_id", "parent_span_id", "service", "kind")},
    **{n: n for n in ("start_ns", "end_ns")},
    "operation": "name",
}
MESH_OPTIONAL = {
    **{n: n for n in ("scope", "attributes", "resource_attributes")},
    "otlp_status": "status_code",
}
NEZHA = {
    "trace_id": "TraceID",
    "span_id": "SpanID",
    "parent_span_id": "ParentID",
    "service": "PodName",
    "operation": "OperationName",
    "start_ns": "StartTimeUnixNano",
    "duration_us": "Duration",
}
SKYWALKING = {
    "trace_id": "TraceId",
    "span_id": "SpanId",
    "parent_span_id": "ParentSpan",
    "service": "Service",
    "operation": "URL",
    "kind": "SpanType",
    "peer": "Peer",
    "start_ms": "StartTime",
    "end_ms": "EndTime",
    "failed": "IsError",
    "scope": "Component",
}


def recognised(columns: Sequence[str]) -> tuple[str, dict[str, str]] | None:
    """The layout of a table by its column names, and which column is what; None when unknown."""
    have = set(columns)
    if have >= set(MESH.values()) and "operation" not in have:
        return "mesh", MESH | {n: c for n, c in MESH_OPTIONAL.items() if c in have}
    for name, layout in (("Nezha", NEZHA), ("SkyWalking", SKYWALKING)):
        if have >= set(layout.values()):
            return name, dict(layout)
    ours = {column: column for column in columns if column in NAMES}
    return ("Informer", ours) if missing(ours) is None else None


def missing(columns: Mapping[str, str]) -> str | None:
    """What a mapping lacks to be spans or RPC log lines; None when it lacks nothing."""
    if not any(f"start_{unit}" in columns for unit in UNITS_NS):
        return "start_ns (or start_us, start_ms, start_s)"
    lines = bool({"caller", "callee"} & columns.keys())
    needed = ["caller", "callee"] if lines else ["trace_id", "span_id", "service"]
    return next((name for name in needed if name not in columns), None)


def mapped(columns: Mapping[str, str], have: Sequence[str], where: str) -> dict[str, str]:
    """The user's mapping, held against the columns that a file has.

    Errors: InformerError for a name that is not ours, a needed name that is missing, or a column
    that the file does not have.
    """
    for name in columns:
        if name not in NAMES:
            raise InformerError(
                f"--columns takes our names on the left ({', '.join(sorted(NAMES))}), got {name}"
            )
    lack = missing(columns)
    if lack is not None:
        raise InformerError(f"--columns must name the column of {lack}, got {_shown(columns)}")
    for name, column in columns.items():
        if column not in have:
            raise InformerError(
                f"{where} has no column {column!r} (for {name}); it has {', '.join(have)}"
            )
    return dict(columns)


def unit_of(columns: Mapping[str, str], time: str) -> str | None:
    """In which unit `start`, `end` or `duration` is given; None when it is not."""
    return next((unit for unit in UNITS_NS if f"{time}_{unit}" in columns), None)


def _shown(columns: Mapping[str, str]) -> str:
    return ",".join(f"{name}={column}" for name, column in columns.items())
