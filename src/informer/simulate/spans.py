"""Rows of numbers become a table of spans."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from informer.core.types import Bools, Ints
from informer.simulate.requests import FAILED, REFUSED, Outcomes
from informer.simulate.scenario import Scenario
from informer.simulate.words import KINDS, Words, coded

FIRST_VERSION = "v1"
HEX = np.frombuffer("".join(f"{byte:02x}" for byte in range(256)).encode(), dtype=np.uint16)
REQUESTS_PER_BLOCK = 2**40
MALICIOUS = pa.schema([("event_id", pa.string()), ("trace_id", pa.string())])


@dataclass(slots=True)
class Rows:
    """Spans as numbers, [r] each; texts by their places in `Words`."""

    request: Ints
    slot: Ints  # g
    start_ns: Ints
    duration_ns: Ints
    outcome: Outcomes
    client: Ints

    def where(self, chosen: Bools | Ints) -> "Rows":
        """The chosen rows."""
        return Rows(
            self.request[chosen],
            self.slot[chosen],
            self.start_ns[chosen],
            self.duration_ns[chosen],
            self.outcome[chosen],
            self.client[chosen],
        )


def table_of(
    rows: Rows, version: Ints, pod: Ints, words: Words, scenario: Scenario, prefix: int, seed: int
) -> pa.Table:
    """Spans with the columns of the table `spans`, and the pod as a resource attribute.

    `prefix` sets the requests of a block apart from those of all others.
    """
    g = rows.slot
    sampling = scenario.defects.sampling
    failed = rows.outcome == FAILED
    refused = rows.outcome == REFUSED
    answers = words.answers[g]
    status = np.where(failed, 503, np.where(refused, words.code[g], 200))
    operation = words.operation[g]
    if scenario.defects.raw_paths:
        spread = (rows.start_ns // 1_000_003 + rows.request) % words.operation_forms[g]
        operation = operation + spread
    versions = [FIRST_VERSION, *(e.version or FIRST_VERSION for e in scenario.events)]
    one = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(g.size, dtype=np.int8)), pa.array([1 / sampling])
    )
    return pa.table(
        {
            "trace_id": _trace_ids(rows.request, prefix, seed),
            "span_id": coded(words.span_id[g], words.ids),
            "parent_span_id": coded(words.parent_id[g], words.ids),
            "service": coded(words.service[g], words.services),
            "operation": coded(operation, words.operations),
            "kind": coded(words.kind[g], KINDS),
            "peer": coded(words.peer[g], words.peers),
            "start_ns": pa.array(rows.start_ns),
            "duration_ns": pa.array(rows.duration_ns),
            "status_code": pa.array(status, mask=~answers),
            "failed": pa.array(failed),
            "refused": pa.array(refused),
            "weight": one,
            "version": coded(version, versions),
            "attributes": coded(
                np.where(words.entry[g], rows.client, words.attribute[g]), words.attributes
            ),
            "resource_attributes": coded(pod, words.pods),
        }
    )


def malicious_table(
    rows: Rows, event: Ints, scenario: Scenario, prefix: int, seed: int
) -> pa.Table:
    """Event and trace of every malicious request that a span arrived of; `event` is [q], -1 = none.

    Nothing in a span tells a malicious request from a regular one; this does.
    """
    arrived = np.zeros(event.size, dtype=bool)
    if np.any(event >= 0):
        arrived[rows.request] = True
    requests = np.flatnonzero(arrived & (event >= 0))
    ids = np.array([e.id for e in scenario.events], dtype=object)
    return pa.table(
        [pa.array(ids[event[requests]], pa.string()), _trace_ids(requests, prefix, seed)],
        schema=MALICIOUS,
    )


def _trace_ids(request: Ints, prefix: int, seed: int) -> pa.Array:
    """Sixteen hexadecimal digits, the same for all spans of a request, [r].

    A bijection of the counter (splitmix64; Steele, Lea and Flood 2014): no two requests share one.
    """
    distinct = int(request.max(initial=-1)) + 1
    seeded = np.random.default_rng([seed, 11]).integers(2**63, dtype=np.uint64)
    x = np.arange(distinct, dtype=np.uint64) + np.uint64(prefix * REQUESTS_PER_BLOCK) + seeded
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    digits = HEX[x.view(np.uint8)].reshape(-1, 8).view("V16")[:, 0]  # [distinct]
    offsets = np.arange(request.size + 1, dtype=np.int32) * 16
    return pa.Array.from_buffers(
        pa.string(), request.size, [None, pa.py_buffer(offsets), pa.py_buffer(digits[request])]
    )
