"""From spans to calls, chains and shapes in slow, plain Python.

Written from docs/explanation/calls-and-shapes.md and not from the SQL, so that one can be held
against the other. The numbers in the comments are the rules of that page.
"""

import hashlib
import json
import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
Names = tuple[tuple[str, str], ...]
SERVING = ("server", "consumer")
CALLING = ("client", "producer")
EXAMPLES = 5
SIGNATURE = ("code_sum", "lost_sum", "calls", "entry_rpc_id", "partial")


@dataclass(eq=False, slots=True)
class Span:
    """A span, what it hangs below, and the call that it is."""

    row: Row
    parent: "Span | None" = None
    orphan: bool = False
    lost: bool = False  # nothing answers to its link
    call: Row | None = None
    rehung: "Span | None" = None

    @property
    def service(self) -> str:
        return str(self.row["service"])

    @property
    def serving(self) -> bool:
        return self.row["kind"] in SERVING

    @property
    def calling(self) -> bool:
        return self.row["kind"] in CALLING

    @property
    def order(self) -> tuple[Any, ...]:
        return tuple(self.row[c] for c in ("kind", "service", "start_ns", "duration_ns"))


@dataclass(frozen=True, slots=True)
class Result:
    """The tables as lists of rows, and what was counted on the way."""

    calls: list[Row]
    rpcs: list[Row]
    chains: list[Row]
    shapes: list[Row]
    counts: dict[str, int]
    remote_entries: Names


def chains_of(
    spans: list[Row],
    methods: dict[tuple[str, str], str],
    key: bytes,
    remote_entries: Names | None = None,
) -> Result:
    """All tables of the stage from all spans at once."""
    counts = dict.fromkeys(
        (
            *("spans", "duplicates", "traces", "calls", "roots", "orphans", "cycles"),
            *("chains", "partial_chains"),
        ),
        0,
    )
    counts["spans"] = len(spans)
    traces: dict[str, list[Row]] = defaultdict(list)
    for row in spans:
        traces[row["trace_id"]].append(row)
    calls: list[Row] = []
    trees: dict[str, list[Span]] = {}
    for trace_id, rows in sorted(traces.items()):
        trees[trace_id] = _tree(rows, counts)
    if remote_entries is None:
        remote_entries = _remote_entries(trees, methods)
    else:
        remote_entries = _with_new_methods(remote_entries, trees, methods)
    serving = {s.service for tree in trees.values() for s in tree if s.serving}
    for tree in trees.values():
        for s in _heads(tree):  # 3
            s.orphan = s.orphan and _named(s, methods) not in remote_entries
        counts["orphans"] += sum(s.orphan for s in tree)
        counts["roots"] += sum(s.parent is None and not s.orphan for s in tree)
        _mark_calls(tree, methods, serving)
        calls += [s.call for s in tree if s.call is not None]
    counts["traces"] = len(traces)
    counts["calls"] = len(calls)
    rpcs = _rpcs(calls, key)
    chains = [c for t, tree in trees.items() if (c := _chain(t, tree, rpcs)) is not None]
    counts["chains"] = len(chains)
    counts["partial_chains"] = sum(c["partial"] for c in chains)
    shapes = _shapes(chains, trees)
    by_id = sorted(rpcs.values(), key=lambda r: r["rpc_id"])
    return Result(calls, by_id, chains, shapes, counts, remote_entries)


def _remote_entries(trees: dict[str, list[Span]], methods: dict[tuple[str, str], str]) -> Names:
    """3: what mostly begins traces below a parent that nobody exported."""
    heads = Counter(_named(s, methods) for tree in trees.values() for s in _heads(tree))
    called: Counter[tuple[str, str]] = Counter()
    for tree in trees.values():
        _mark_calls(tree, methods, set())
        called.update(_named(s, methods) for s in tree if s.call and not s.calling)
        for s in tree:
            s.call = None
    return tuple(sorted(n for n, k in heads.items() if k >= 10 and k / called[n] >= 0.5))


def _with_new_methods(
    known: Names, trees: dict[str, list[Span]], methods: dict[tuple[str, str], str]
) -> Names:
    """3: where no rpc was known before, all heads of services with a remote entry are new ones."""
    heads = {_named(s, methods) for tree in trees.values() for s in _heads(tree)}
    services = {service for service, _ in known}
    return tuple(sorted({*known, *(head for head in heads if head[0] in services)}))


def _heads(tree: list[Span]) -> list[Span]:
    if any(s.parent is None and not s.orphan for s in tree):
        return []
    has_kinds = any(s.serving or s.calling for s in tree)
    return [s for s in tree if s.lost and (s.serving or not has_kinds)]


def _named(s: Span, methods: dict[tuple[str, str], str]) -> tuple[str, str]:
    operation = s.row["operation"]
    return s.service, methods.get((s.service, operation), operation)


def _tree(rows: list[Row], counts: dict[str, int]) -> list[Span]:
    tree = _distinct(rows)
    counts["duplicates"] += len(rows) - len(tree)
    by_id: dict[str, list[Span]] = defaultdict(list)
    for s in tree:
        by_id[s.row["span_id"]].append(s)
    for s in tree:
        _hang(s, by_id)
    in_cycles = [s for s in tree if _in_cycle(s)]
    for s in in_cycles:  # 3
        s.parent, s.orphan = None, not _soft(s.row)
    counts["cycles"] += len(in_cycles)
    children: dict[Span, list[Span]] = defaultdict(list)
    for s in tree:
        if s.parent is not None:
            children[s.parent].append(s)
    for s in tree:  # 10
        s.rehung = p = s.parent
        if p is not None and not s.serving and p.calling and p.service != s.service:
            own = [c for c in children[p] if c.serving and c.service == s.service]
            if own:
                s.rehung = min(own, key=lambda c: (c.order, c.row["span_id"]))
    return tree


def _distinct(rows: list[Row]) -> list[Span]:
    """1: rows received twice are one; of rows that disagree, the smallest."""
    same: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        same[tuple(row[c] for c in ("span_id", "kind", "start_ns", "duration_ns"))].append(row)
    columns = (
        *("parent_span_id", "service", "operation", "peer"),
        *("failed", "refused", "weight", "version", "attributes"),
    )

    def smallest(row: Row) -> tuple[Any, ...]:
        return tuple((row[c] is not None, row[c]) for c in columns)

    return [Span(min(rows, key=smallest)) for rows in same.values()]


def _hang(s: Span, by_id: dict[str, list[Span]]) -> None:
    def best(candidates: list[Span]) -> Span:
        return min(candidates, key=lambda t: (t.service != s.service, t.order))

    shared = [t for t in by_id[s.row["span_id"]] if t.calling]
    if s.serving and shared:  # 2, Zipkin
        s.parent = best(shared)
        return
    link = s.row["parent_span_id"]
    if link is None:
        return
    sought = link[1:] if _soft(s.row) else link
    candidates = [t for t in by_id.get(sought, []) if t is not s]
    if candidates:
        s.parent = best(candidates)
    else:
        s.orphan = s.lost = not _soft(s.row)


def _soft(row: Row) -> bool:
    return bool(row["parent_span_id"]) and row["parent_span_id"].startswith("?")


def _in_cycle(s: Span) -> bool:
    seen = set()
    t = s.parent
    while t is not None and t is not s and t not in seen:
        seen.add(t)
        t = t.parent
    return t is s


def _has_db(row: Row) -> bool:
    return any(name.startswith("db.") for name in json.loads(row["attributes"]))


def _mark_calls(tree: list[Span], methods: dict[tuple[str, str], str], serving: set[str]) -> None:
    has_kinds = any(s.serving or s.calling for s in tree)
    callers = {s for s in tree if s.calling}
    for s in tree:  # 6: what has its callee's span, or a nearer calling span, below it
        p = s.parent
        if p is not None and (s.serving or (s.calling and s.service == p.service)):
            callers.discard(p)
    for s in tree:
        p = s.parent
        if has_kinds and s.serving and not (p and p.serving and p.service == s.service):  # 5
            caller, callee = _caller(s), s.service
        elif has_kinds and s in callers:  # 6
            caller, callee = s.service, s.row["peer"] or "unknown"
        elif not has_kinds and (p is None or p.service != s.service):  # 7
            caller, callee = _caller(s), s.service
        else:
            continue
        s.call = _call(s, caller, callee, methods, serving)


def _caller(s: Span) -> str:
    if s.parent is not None:
        return s.parent.service
    return str(s.row["peer"] or ("unknown" if s.orphan else "outside"))


def _call(
    s: Span,
    caller: str,
    callee: str,
    methods: dict[tuple[str, str], str],
    serving: set[str],
) -> Row:
    row, p = s.row, s.parent
    above = p is not None and p.calling and (s.serving or p.service == s.service)
    said = [row, p.row] if above and p is not None else [row]  # 8
    if row["kind"] in ("consumer", "producer"):
        kind = "messaging"
    elif row["kind"] == "client":
        lost = bool(row["peer"]) and row["peer"] in serving
        kind = "db" if _has_db(row) else "rpc" if lost else "external"
    else:
        kind = "rpc"
    method = methods.get((s.service, row["operation"]), row["operation"])
    if row["kind"] == "client" and kind == "rpc":
        method = methods.get((callee, row["operation"]), method)
    return {
        "trace_id": row["trace_id"],
        "span_id": row["span_id"],
        "caller": caller,
        "callee": callee,
        "method": method,
        "kind": kind,
        "start_ns": row["start_ns"],
        "duration_ns": row["duration_ns"],
        "failed": any(r["failed"] for r in said),
        "refused": any(r["refused"] for r in said),
        "weight": row["weight"],
        "version": None if s.calling else row["version"],
        "root": p is None and not s.orphan,
        "orphan": s.orphan,
    }


def _rpcs(calls: list[Row], key: bytes) -> dict[tuple[str, ...], Row]:
    """9; also writes the id into every call."""
    rpcs: dict[tuple[str, ...], Row] = {}
    for call in calls:
        names = tuple(call[c] for c in ("caller", "callee", "method", "kind"))
        rpc_id = hashlib.sha256("\x1f".join(names).encode()).hexdigest()[:12]
        call["rpc_id"] = rpc_id
        known = rpcs.get(names)
        first = call["start_ns"] if known is None else min(known["first_seen_ns"], call["start_ns"])
        digest = hashlib.blake2b(rpc_id.encode(), digest_size=5, key=key).digest()
        named = dict(zip(("caller", "callee", "method", "kind"), names, strict=True))
        code = int.from_bytes(digest, "big")
        rpcs[names] = {"rpc_id": rpc_id, **named, "first_seen_ns": first, "code": code}
    return rpcs


def _parent_call(s: Span) -> Span | None:
    t = s.rehung
    while t is not None and t.call is None:
        t = t.rehung
    return t


def _from_orphan(s: Span) -> bool:
    while s.rehung is not None:
        s = s.rehung
    return s.orphan


def _chain(trace_id: str, tree: list[Span], rpcs: dict[tuple[str, ...], Row]) -> Row | None:
    calls = [s.call for s in tree if s.call is not None]
    if not calls:
        return None
    tops = [
        (_from_orphan(s), s.call["rpc_id"], s.call["start_ns"])
        for s in tree
        if s.call is not None and _parent_call(s) is None
    ]
    _, entry, start_ns = min(tops)  # 11
    codes = {r["rpc_id"]: r["code"] for r in rpcs.values()}
    return {
        "trace_id": trace_id,
        "code_sum": sum(codes[c["rpc_id"]] for c in calls),
        "lost_sum": sum(codes[rpc_id] for lost, rpc_id, _ in tops if lost),
        "calls": len(calls),
        "entry_rpc_id": entry,
        "partial": any(s.orphan for s in tree),  # 12
        "failed": any(c["failed"] for c in calls),
        "start_ns": start_ns,
        "weight": max(c["weight"] for c in calls),
    }


def _shapes(chains: list[Row], trees: dict[str, list[Span]]) -> list[Row]:
    """Shapes; also writes the shape's id into every chain."""
    by_signature: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for c in chains:
        signature = tuple(c[n] for n in SIGNATURE)
        by_signature[signature].append(c)
    by_shape: dict[str, list[tuple[list[Row], Counter[str], dict[str, int], list[str]]]]
    by_shape = defaultdict(list)
    for same in by_signature.values():
        example = min(same, key=lambda c: str(c["trace_id"]))
        counts, depths, edges = _form(trees[example["trace_id"]], example["partial"])
        form = [
            example["entry_rpc_id"],
            "partial" if example["partial"] else "whole",
            " ".join(f"{r}*{math.floor(math.log2(counts[r]))}" for r in sorted(counts)),
            " ".join(edges),
        ]
        shape_id = hashlib.sha256("\n".join(form).encode()).hexdigest()[:12]
        by_shape[shape_id].append((same, counts, depths, edges))
        for c in same:
            c["shape_id"] = shape_id
    return [_shape(i, parts) for i, parts in sorted(by_shape.items())]


def _form(tree: list[Span], partial: bool) -> tuple[Counter[str], dict[str, int], list[str]]:
    counts: Counter[str] = Counter()
    depths: dict[str, int] = {}
    edges: set[str] = set()
    for s in tree:
        if s.call is None or (partial and s.call["caller"] == "unknown"):  # 13
            continue
        rpc_id = s.call["rpc_id"]
        counts[rpc_id] += 1
        above = _parent_call(s)
        if above and above.call and not (partial and above.call["caller"] == "unknown"):
            edges.add(f"{above.call['rpc_id']}>{rpc_id}")
        depth = 0
        while above is not None:
            depth, above = depth + 1, _parent_call(above)
        depths[rpc_id] = min(depth, depths.get(rpc_id, depth))
    return counts, depths, sorted(edges)


def _shape(
    shape_id: str, parts: list[tuple[list[Row], Counter[str], dict[str, int], list[str]]]
) -> Row:
    chains = [c for same, *_ in parts for c in same]
    rpc_ids = sorted(parts[0][1])
    total = sum(c["weight"] for c in chains)
    means = [
        sum(counts[r] * sum(c["weight"] for c in same) for same, counts, *_ in parts) / total
        for r in rpc_ids
    ]
    return {
        "shape_id": shape_id,
        "entry_rpc_id": chains[0]["entry_rpc_id"],
        "rpc_ids": rpc_ids,
        "multiplicities": means,
        "depths": [float(min(depths[r] for _, _, depths, _ in parts)) for r in rpc_ids],
        "edges": parts[0][3],
        "chains": total,
        "failed_chains": sum(c["weight"] for c in chains if c["failed"]),
        "partial": chains[0]["partial"],
        "first_seen_ns": min(c["start_ns"] for c in chains),
        "last_seen_ns": max(c["start_ns"] for c in chains),
        "example_trace_ids": sorted(c["trace_id"] for c in chains)[:EXAMPLES],
    }
