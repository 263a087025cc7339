"""Turns shapes into arrays that can be compared: which calls, how often, who caused whom."""

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.types import UNKNOWN, Bools, Floats, Ints

Plain = tuple[str, str, str, str]

# A deploy must not mint patterns: `reviews-v1` and `reviews-v2` do the same thing.
_VERSION = re.compile(r"[-_.]v\d+([._]\d+)*$")

# A form of which nearly every chain failed shows how a chain breaks off, not what it does.
_FAILED_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Rpcs:
    """The rpcs, and the same without the versions in the names of their services: plain rpcs."""

    plain: tuple[Plain, ...]  # p: caller, callee, method, kind
    plain_of: dict[str, int]  # rpc id to p
    names: tuple[frozenset[Plain], ...]  # p: every name it goes by
    to_service: Bools  # [p], no call of a database
    by_call: dict[tuple[str, str, str], Ints]  # callee, method, kind: p, whoever calls

    @classmethod
    def of(cls, rpcs: pa.Table) -> "Rpcs":
        """Rows of the `rpcs` table; numbered in the order of their names."""
        columns = [rpcs[c].to_pylist() for c in ("caller", "callee", "method", "kind")]
        names: list[Plain] = list(zip(*columns, strict=True))
        plain = [(_VERSION.sub("", a), _VERSION.sub("", b), c, d) for a, b, c, d in names]
        number = {one: p for p, one in enumerate(sorted(set(plain)))}
        known: list[set[Plain]] = [{one} for one in number]
        for one, name in zip(plain, names, strict=True):
            known[number[one]].add(name)
        ids = rpcs["rpc_id"].to_pylist()
        plain_of = {rpc_id: number[one] for rpc_id, one in zip(ids, plain, strict=True)}
        to_service = np.array([kind != "db" for *_, kind in number], dtype=bool)
        by_call: dict[tuple[str, str, str], list[int]] = {}
        for (_, *call), p in number.items():
            by_call.setdefault((call[0], call[1], call[2]), []).append(p)
        return cls(
            tuple(number),
            plain_of,
            tuple(map(frozenset, known)),
            to_service,
            {call: np.array(p, dtype=np.int64) for call, p in by_call.items()},
        )

    def answering(self, plain: int) -> Ints:
        """The plain rpcs that this one may be: of a call whose caller was lost, any caller's."""
        caller, callee, method, kind = self.plain[plain]
        if caller != UNKNOWN:
            return np.array([plain])
        return self.by_call[callee, method, kind]


@dataclass(frozen=True, slots=True)
class Forms:
    """Shapes as arrays: s shape, i a plain rpc of a shape, e an edge of a shape."""

    rpcs: Rpcs
    shape_ids: tuple[str, ...]  # s
    entry: Ints  # [s]
    chains: Floats  # [s]
    broken: Bools  # [s], a parent was lost or nearly every chain failed
    call_shape: Ints  # [i], rising
    call_plain: Ints  # [i], rising within a shape
    call_doublings: Ints  # [i], floor(log2(calls per chain))
    edge_shape: Ints  # [e], rising
    edge_from: Ints  # [e]
    edge_to: Ints  # [e]

    @classmethod
    def of(cls, shapes: pa.Table, rpcs: pa.Table) -> "Forms":
        """Rows of the `shapes` table, in their order; every rpc must be a row of `rpcs`."""
        known = Rpcs.of(rpcs)
        call_shape, call_plain, calls = _calls(shapes, known)
        return cls(
            rpcs=known,
            shape_ids=tuple(shapes["shape_id"].to_pylist()),
            entry=np.array(
                [known.plain_of[r] for r in shapes["entry_rpc_id"].to_pylist()], dtype=np.int64
            ),
            chains=shapes["chains"].to_numpy(),
            broken=is_broken(shapes),
            call_shape=call_shape,
            call_plain=call_plain,
            call_doublings=np.floor(np.log2(np.maximum(calls, 1.0))).astype(np.int64),
            **_edges(shapes, known),
        )

    def calls_of(self, shapes: Ints) -> tuple[Ints, Ints]:
        """Where the calls of these shapes are: the place of the shape in `shapes`, and i."""
        return _places(self.call_shape, shapes)

    def edges_of(self, shapes: Ints) -> tuple[Ints, Ints]:
        """Where the edges of these shapes are: the place of the shape in `shapes`, and e."""
        return _places(self.edge_shape, shapes)


def is_broken(shapes: pa.Table) -> Bools:
    """Which shapes show only a part of what their chains do: a parent was lost, or they failed.

    Where nearly every chain of an entry fails, failing is what it does, and breaks nothing off.
    """
    chains, failed = shapes["chains"].to_numpy(), shapes["failed_chains"].to_numpy()
    _, entry = np.unique(shapes["entry_rpc_id"].to_pylist(), return_inverse=True)
    fails = np.bincount(entry, weights=failed) < _FAILED_SHARE * np.bincount(entry, weights=chains)
    return np.asarray(
        shapes["partial"].to_numpy() | (failed >= _FAILED_SHARE * chains) & fails[entry]
    )


def flatten(lists: pa.ChunkedArray) -> tuple[Ints, list[str], Ints]:
    """A column of lists: the row of every item, the distinct items, and which one each is."""
    lengths = pc.list_value_length(lists).to_numpy().astype(np.int64)
    items = pa.chunked_array(pc.list_flatten(lists).chunks, pa.string()).combine_chunks()
    coded = items.dictionary_encode()
    row = np.repeat(np.arange(len(lengths)), lengths)
    return row, coded.dictionary.to_pylist(), coded.indices.to_numpy().astype(np.int64)


def _places(rising: Ints, shapes: Ints) -> tuple[Ints, Ints]:
    first = np.searchsorted(rising, shapes, side="left")
    count = np.searchsorted(rising, shapes, side="right") - first
    place = np.repeat(np.arange(len(shapes)), count)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return place, np.repeat(first, count) + within


def _calls(shapes: pa.Table, known: Rpcs) -> tuple[Ints, Ints, Floats]:
    shape, rpc_ids, rpc = flatten(shapes["rpc_ids"])
    plain = np.array([known.plain_of[r] for r in rpc_ids], dtype=np.int64)[rpc]
    calls = pc.list_flatten(shapes["multiplicities"]).to_numpy()
    code, place = np.unique(shape * len(known.plain) + plain, return_inverse=True)
    total = np.bincount(place, weights=calls, minlength=len(code)).astype(np.float64)
    return code // len(known.plain), code % len(known.plain), total


def _edges(shapes: pa.Table, known: Rpcs) -> dict[str, Ints]:
    p = len(known.plain)
    shape, edges, edge = flatten(shapes["edges"])
    ends = [[known.plain_of[end] for end in e.split(">")] for e in edges]
    pair = np.array([above * p + below for above, below in ends], dtype=np.int64)
    code = np.unique(shape * p * p + pair[edge])
    return {"edge_shape": code // (p * p), "edge_from": code // p % p, "edge_to": code % p}
