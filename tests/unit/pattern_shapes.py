"""Shapes for the tests of patterns, written as the trees of calls that they are."""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import log2

import pyarrow as pa

from informer.core.tables import RPCS, SHAPES


@dataclass(frozen=True)
class Call:
    """`service:method`, what it calls in turn, and how often it is called."""

    name: str
    below: tuple["Call", ...] = ()
    times: int = 1
    kind: str = "rpc"


def call(name: str, *below: Call, times: int = 1, kind: str = "rpc") -> Call:
    return Call(name, below, times, kind)


@dataclass(frozen=True)
class Seen:
    """A tree of calls that so many chains had."""

    entry: Call
    chains: float
    failed: float = 0
    partial: bool = False
    caller: str = "outside"


class Tables:
    """The tables `shapes` and `rpcs` of what was seen."""

    def __init__(self, seen: Iterable[Seen]) -> None:
        self.rpc_rows: dict[str, dict[str, object]] = {}
        self.ids: list[str] = []
        rows: dict[str, dict[str, object]] = {}
        for one in seen:
            row = self._shape(one)
            self.ids.append(str(row["shape_id"]))
            rows.setdefault(str(row["shape_id"]), row)
        self.shapes: pa.Table = SHAPES.of(list(rows.values()))

    @property
    def rpcs(self) -> pa.Table:
        return RPCS.of(list(self.rpc_rows.values()))

    def _rpc(self, caller: str, callee: Call) -> str:
        service, method = callee.name.split(":", 1)
        names = (caller, service, method, callee.kind)
        rpc_id = hashlib.sha256("|".join(names).encode()).hexdigest()[:12]
        keys = ("caller", "callee", "method", "kind")
        self.rpc_rows[rpc_id] = {
            **dict(zip(keys, names, strict=True)),
            "rpc_id": rpc_id,
            "first_seen_ns": 0,
            "code": int(rpc_id[:10], 16),
        }
        return rpc_id

    def _shape(self, seen: Seen) -> dict[str, object]:
        calls: Counter[str] = Counter()
        depths: dict[str, float] = {}
        edges: set[str] = set()

        def walk(one: Call, caller: str, above: str | None, times: int, depth: int) -> str:
            rpc_id = self._rpc(caller, one)
            if caller != "unknown":
                calls[rpc_id] += times * one.times
                depths[rpc_id] = min(depths.get(rpc_id, depth), depth)
                if above is not None:
                    edges.add(f"{above}>{rpc_id}")
            for child in one.below:
                parent = None if caller == "unknown" else rpc_id
                walk(child, one.name.split(":")[0], parent, times * one.times, depth + 1)
            return rpc_id

        entry = walk(seen.entry, seen.caller, None, 1, 0)
        rpc_ids = sorted(calls)
        form = repr(
            (entry, [(r, int(log2(calls[r]))) for r in rpc_ids], sorted(edges), seen.partial)
        )
        return {
            "shape_id": hashlib.sha256(form.encode()).hexdigest()[:12],
            "entry_rpc_id": entry,
            "rpc_ids": rpc_ids,
            "multiplicities": [float(calls[r]) for r in rpc_ids],
            "depths": [float(depths[r]) for r in rpc_ids],
            "edges": sorted(edges),
            "chains": float(seen.chains),
            "failed_chains": float(seen.failed),
            "partial": seen.partial,
            "first_seen_ns": 0,
            "last_seen_ns": 1,
            "example_trace_ids": [],
        }
