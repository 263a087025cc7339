"""A small capture with all that spans can be: tidy, sampled, repeated, lost, in circles, twins."""

import random
from functools import cache

import pyarrow as pa

from informer.core.tables import SPANS
from informer.core.types import NS_PER_S, Json

BEGAN_NS = 1_780_272_000 * NS_PER_S
METHODS = pa.Table.from_pylist([{"service": "a", "operation": "GET /1", "method": "GET /{id}"}])
# Caller, callee, operation, kind: what a request of each form does, a call per row.
FORMS = (
    (("front", "GET /1"), ("a", "GET /1"), ("db", "select")),
    (("front", "POST /buy"), ("a", "GET /1"), ("b", "charge"), ("b", "charge"), ("db", "insert")),
    (("front", "GET /1"),),
    (("b", "tick"), ("queue", "sent")),
)


@cache
def tidy_spans() -> pa.Table:
    """Two hours of four forms of request, some of them sampled, with failures and refusals."""
    chance = random.Random(7)
    rows: list[Json] = []
    for number in range(400):
        rows += _request(chance, f"tidy{number}", BEGAN_NS + number * 18 * NS_PER_S)
    return SPANS.of(rows)


@cache
def any_spans() -> pa.Table:
    """The tidy ones and such as are broken in every way."""
    chance = random.Random(11)
    rows = tidy_spans().to_pylist()
    for number in range(300):
        began = BEGAN_NS + number * 24 * NS_PER_S
        rows += _broken(chance, f"broken{number}", began)
    for number in range(60):  # a service that is called from where nobody exports spans
        head = _span("front", "GET /hook", "server", BEGAN_NS + number * 60 * NS_PER_S)
        rows.append({**head, "trace_id": f"hook{number}", "span_id": "1", "parent_span_id": "far"})
    return SPANS.of(rows)


def _request(chance: random.Random, trace_id: str, began_ns: int) -> list[Json]:
    weight = chance.choice([1.0, 1.0, 4.0])
    rows: list[Json] = []
    above: str | None = None
    for service, operation in chance.choice(FORMS):
        calling = len(rows) > 0 and chance.random() < 0.999
        began_ns += chance.randrange(1, 5_000_000)
        at = {"trace_id": trace_id, "weight": weight}
        if calling:
            caller = rows[-1]["service"]
            client = _span(caller, operation, "client", began_ns, peer=service)
            rows.append({**client, **at, "span_id": f"{len(rows)}", "parent_span_id": above})
            above = rows[-1]["span_id"]
        if service == "db":
            rows[-1]["attributes"] = '{"db.system":"pg"}'
            break
        kind = "consumer" if service == "queue" else "server"
        lasts = chance.choice([2**n for n in range(9, 33)]) if chance.random() < 0.3 else None
        server = _span(
            service, operation, kind, began_ns + 100, version=chance.choice(["v1", "v2"])
        )
        server["duration_ns"] = lasts or int(chance.lognormvariate(16, 2))
        server["failed"], server["refused"] = chance.random() < 0.05, chance.random() < 0.1
        rows.append({**server, **at, "span_id": f"{len(rows)}", "parent_span_id": above})
        above = rows[-1]["span_id"]
    return rows


def _broken(chance: random.Random, trace_id: str, began_ns: int) -> list[Json]:
    """Few ids for many spans, so that they are shared, repeated and go round in circles."""
    kinds = chance.choice([["unspecified"], ["server", "client"], ["server", "client", "internal"]])
    ids = ["1", "2", "3", "4", "5"]
    rows: list[Json] = []
    for _ in range(chance.randrange(1, 9)):
        service = chance.choice(["a", "b", "front", "unknown"])
        operation = chance.choice(["GET /1", "put"])
        span = _span(service, operation, chance.choice(kinds), began_ns + chance.randrange(3))
        span["peer"] = chance.choice([None, None, "", "a", "pg"])
        span["duration_ns"] = chance.randrange(3)
        span["failed"] = chance.random() < 0.2
        span["attributes"] = chance.choice(["{}", '{"db.system": "pg"}', '{"a":"b"}'])
        parent = chance.choice([None, *ids, "lost", "?1", "?lost"])
        at = {"trace_id": trace_id, "span_id": chance.choice(ids), "parent_span_id": parent}
        rows.append({**span, **at})
    return rows + ([chance.choice(rows)] if chance.random() < 0.2 else [])


def _span(
    service: str,
    operation: str,
    kind: str,
    start_ns: int,
    *,
    peer: str | None = None,
    version: str | None = None,
) -> Json:
    return {
        "service": service,
        "operation": operation,
        "kind": kind,
        "peer": peer,
        "start_ns": start_ns,
        "duration_ns": 3_000_000,
        "status_code": None,
        "failed": False,
        "refused": False,
        "weight": 1.0,
        "version": version,
        "scope": None,
        "attributes": "{}",
    }
