"""A small Nezha-style capture for tests: logins and searches, each a few spans deep."""

import numpy as np
import pyarrow as pa

from informer.core.types import NS_PER_S
from quality.error_stretches import ERROR, MINUTE_NS
from quality.train_ticket import LOGIN

START_NS = 1_675_088_100 * NS_PER_S  # a full minute
SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("TraceID", "SpanID", "ParentID")),
        *((name, pa.string()) for name in ("PodName", "OperationName")),
        *((name, pa.int64()) for name in ("StartTimeUnixNano", "EndTimeUnixNano", "Duration")),
    ]
)
SEARCH = "/api/v1/travelservice/trips/left"
# Service and operation of each span, and the place of its parent.
LOGIN_SPANS = (
    ("ts-gateway-service", "/*", -1),
    ("ts-auth-service", LOGIN, 0),
    ("ts-verification-code-service", "/api/v1/verifycode/verify/{verifyCode}", 1),
)
SEARCH_SPANS = (
    ("ts-gateway-service", "/*", -1),
    ("ts-travel-service", SEARCH, 0),
    ("ts-basic-service", "/api/v1/basicservice/basic/travels", 1),
)
FAILED_SPANS = (*SEARCH_SPANS[:2], ("ts-travel-service", ERROR, 1))


def capture(minutes: int, *, logins: int = 5, searches: int = 8, seed: int = 0) -> pa.Table:
    """So many logins and searches begin in every minute, at random."""
    rng = np.random.default_rng(seed)
    parts = []
    for kind, per_minute in ((LOGIN_SPANS, logins), (SEARCH_SPANS, searches)):
        for at in rng.random(minutes * per_minute) * minutes * MINUTE_NS:
            parts.append(trace(kind, START_NS + int(at), rng))
    return pa.concat_tables(parts)


def trace(
    kind: tuple[tuple[str, str, int], ...], start_ns: int, rng: np.random.Generator
) -> pa.Table:
    """One request; every span begins a millisecond after its parent."""
    ids = [rng.bytes(8).hex() for _ in kind]
    trace_id = rng.bytes(16).hex()
    rows = []
    for i, (service, operation, parent) in enumerate(kind):
        duration_us = 1_000 * (2 * len(kind) - 2 * i) + int(rng.integers(0, 1_000))
        begins_ns = start_ns + i * 1_000_000
        rows.append(
            {
                "TraceID": trace_id,
                "SpanID": ids[i],
                "ParentID": ids[parent] if parent >= 0 else "root",
                "PodName": f"{service}-6f6cfc45b-d9pnv",
                "OperationName": operation,
                "StartTimeUnixNano": begins_ns,
                "EndTimeUnixNano": begins_ns + duration_us * 1_000,
                "Duration": duration_us,
            }
        )
    return pa.Table.from_pylist(rows, schema=SCHEMA)
