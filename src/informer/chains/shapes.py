"""Signatures whose trees have one form become a shape."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from informer.core.ports import Engine
from informer.core.tables import SHAPES, TEXT
from informer.core.types import Json

ID_DIGITS = 12
EXAMPLES = 5
WEIGHT_UNIT = 1_000_000  # `..._e6` counts millionths of a chain
SIGNATURE = ["code_sum", "lost_sum", "calls", "entry_rpc_id", "partial"]


@dataclass(slots=True)
class Form:
    """The tree of a signature's example: calls and least depth of every rpc, and its edges."""

    calls: dict[str, int] = field(default_factory=dict)  # sorted by rpc
    depths: list[int] = field(default_factory=list)  # in the same order
    edges: list[str] = field(default_factory=list)  # sorted
    examples: list[str] = field(default_factory=list)  # the first few traces of the signature


def shapes_of(engine: Engine) -> tuple[pa.Table, pa.Table]:
    """The tables `shapes` and `signature_shapes`.

    Needs `signatures`, `signature_examples`, `form_rpcs` and `form_edges`.
    """
    forms = _forms(engine)
    signatures = engine.query("select * from signatures order by trace_id")
    by_shape: dict[str, list[Json]] = defaultdict(list)
    shape_ids = []
    for signature in signatures.to_pylist():
        shape_id = shape_id_of(signature, forms[signature["trace_id"]])
        by_shape[shape_id].append(signature)
        shape_ids.append(shape_id)
    rows = [_shape(i, by_shape[i], forms) for i in sorted(by_shape)]
    keys = signatures.select(SIGNATURE)
    return SHAPES.of(rows), keys.append_column("shape_id", pa.array(shape_ids, TEXT))


def shape_id_of(signature: Json, form: Form) -> str:
    """Twelve hexadecimal digits, the same for the same entry, log-multiplicities and edges."""
    canonical = (
        signature["entry_rpc_id"],
        "partial" if signature["partial"] else "whole",
        " ".join(f"{r}*{n.bit_length() - 1}" for r, n in form.calls.items()),
        " ".join(form.edges),
    )
    return hashlib.sha256("\n".join(canonical).encode()).hexdigest()[:ID_DIGITS]


def _forms(engine: Engine) -> dict[str, Form]:
    forms: dict[str, Form] = defaultdict(Form)
    rpcs = engine.query("select trace_id, rpc_id, calls, depth from form_rpcs order by 1, 2")
    for trace_id, rpc_id, calls, depth in _rows(rpcs):
        forms[trace_id].calls[rpc_id] = calls
        forms[trace_id].depths.append(depth)
    edges = engine.query(
        "select trace_id, from_rpc_id || '>' || to_rpc_id as edge from form_edges order by 1, 2"
    )
    for trace_id, edge in _rows(edges):
        forms[trace_id].edges.append(edge)
    examples = engine.query("select first_trace_id, trace_id from signature_examples order by 1, 2")
    for first_trace_id, trace_id in _rows(examples):
        forms[first_trace_id].examples.append(trace_id)
    return forms


def _rows(table: pa.Table) -> Iterable[tuple[Any, ...]]:
    return zip(*(column.to_pylist() for column in table.columns), strict=True)


def _shape(shape_id: str, signatures: list[Json], forms: dict[str, Form]) -> Json:
    """All signatures have the same rpcs; sums are of integers, so their order is no matter."""
    own = [forms[s["trace_id"]] for s in signatures]
    weights = [s["chains_e6"] for s in signatures]
    calls = zip(*(form.calls.values() for form in own), strict=True)  # [rpc][signature]
    depths = zip(*(form.depths for form in own), strict=True)  # [rpc][signature]
    chains = sum(weights)
    return {
        "shape_id": shape_id,
        "entry_rpc_id": signatures[0]["entry_rpc_id"],
        "rpc_ids": list(own[0].calls),
        "multiplicities": [
            sum(n * w for n, w in zip(counts, weights, strict=True)) / chains for counts in calls
        ],
        "depths": [float(min(steps)) for steps in depths],
        "edges": own[0].edges,
        "chains": chains / WEIGHT_UNIT,
        "failed_chains": sum(s["failed_chains_e6"] for s in signatures) / WEIGHT_UNIT,
        "partial": signatures[0]["partial"],
        "first_seen_ns": min(s["first_seen_ns"] for s in signatures),
        "last_seen_ns": max(s["last_seen_ns"] for s in signatures),
        "example_trace_ids": sorted(e for form in own for e in form.examples)[:EXAMPLES],
    }
