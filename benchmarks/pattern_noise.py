"""What do lost spans, retries and strange calls do to patterns, and what does finding them cost?

Made-up systems, so that the truth is known: a gateway with twelve APIs, the same behind two
relays, twelve routes that are entries of their own, and one frontend with twelve pages. Below
them random trees of calls, some optional, some repeated. A span is lost with the chance of the
column `lost`: without children nobody notices, with children the chain is partial.
"""

import hashlib
import json
import resource
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from math import log2
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
from sklearn.metrics import adjusted_rand_score

from informer.core.tables import RPCS, SHAPES
from informer.core.types import NOISE, OUTSIDE, UNKNOWN
from informer.patterns.find import find_patterns

RESULT = Path(__file__).parent / "results" / "pattern_noise.json"
KINDS, SERVICES, FIRST_CALLS, DEPTH = 12, 25, 14, 4
CHAINS, MANY_CHAINS = 20_000, 45_000
NOISES = ((0.0, 0.0, 0.0), (0.01, 0.02, 0.001), (0.03, 0.05, 0.005))  # lost, retried, strange
SYSTEMS = ("gateway", "relayed", "routes", "pages")


@dataclass
class Node:
    """A call, the chance that it is made, how often on average, and what it calls."""

    callee: str
    method: str
    chance: float = 1.0
    times: int = 1
    below: list["Node"] = field(default_factory=list)


@dataclass
class Chain:
    """What is left of one request: calls, depths, edges, and the orphans."""

    calls: Counter[str] = field(default_factory=Counter)
    depths: dict[str, int] = field(default_factory=dict)
    edges: set[str] = field(default_factory=set)
    orphans: set[str] = field(default_factory=set)
    entry: str = ""


class System:
    """A made-up system with twelve kinds of request, the first the most frequent."""

    def __init__(self, shape: str, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.rpcs: dict[str, dict[str, Any]] = {}
        self.entries = [self._entry(shape, kind) for kind in range(KINDS)]
        often = 1 / np.arange(1, KINDS + 1)
        self.often = often / often.sum()

    def _entry(self, shape: str, kind: int) -> Node:
        if shape == "routes":
            return Node(f"api{kind % 5}", f"/route/{kind}", below=self._below(1))
        if shape == "pages":
            width = 2 + kind % 7
            first = self.random.permutation(FIRST_CALLS)[:width]
            calls = [Node(f"s{i}", f"/first/{i}", below=self._below(2)) for i in sorted(first)]
            return Node("frontend", "Recv", below=calls if kind else [])
        node = Node(f"api{kind}", "/", below=self._below(2))
        for relay in ("gateway", "edge", "ingress")[: 1 if shape == "gateway" else 3]:
            node = Node(relay, "/*", below=[node])
        return node

    def _below(self, depth: int) -> list[Node]:
        nodes: dict[str, Node] = {}
        for _ in range(self.random.integers(0, 4) if depth < DEPTH else 0):
            callee, method = f"s{self.random.integers(SERVICES)}", f"/m{self.random.integers(3)}"
            chance = 1.0 if self.random.random() < 0.7 else self.random.choice([0.1, 0.5, 0.9])
            times = int(self.random.choice([2, 5, 20])) if self.random.random() < 0.2 else 1
            node = Node(callee, method, float(chance), times, self._below(depth + 1))
            nodes.setdefault(callee + method, node)
        return list(nodes.values())

    def rpc(self, caller: str, node: Node) -> str:
        names = {"caller": caller, "callee": node.callee, "method": node.method, "kind": "rpc"}
        rpc_id = hashlib.sha256(repr(names).encode()).hexdigest()[:12]
        self.rpcs[rpc_id] = {"rpc_id": rpc_id, **names, "first_seen_ns": 0, "code": 0}
        return rpc_id

    def request(self, kind: int, lost: float, retried: float, strange: float) -> Chain:
        chain, random = Chain(), self.random

        def walk(node: Node, caller: str, above: str | None, times: int, depth: int) -> None:
            if depth and random.random() >= node.chance:
                return
            gone = random.random() < lost
            rpc_id = self.rpc(caller, node)
            if depth == 0 and not gone:
                chain.entry = rpc_id
            if caller == UNKNOWN and not gone:
                chain.orphans.add(rpc_id)
            elif not gone:
                times *= max(1, random.poisson(node.times)) if node.times > 1 else 1
                times *= 2 if depth and random.random() < retried else 1
                chain.calls[rpc_id] += times
                chain.depths[rpc_id] = min(depth, chain.depths.get(rpc_id, depth))
                chain.edges |= {f"{above}>{rpc_id}"} if above else set()
            below = list(node.below)
            if random.random() < strange:
                below.append(Node(f"odd{random.integers(1000)}", "/odd"))
            for child in below:
                known = not gone and caller != UNKNOWN
                under = UNKNOWN if gone else node.callee
                walk(child, under, rpc_id if known else None, times, depth + 1)

        walk(self.entries[kind], OUTSIDE, None, 1, 0)
        chain.entry = chain.entry or min(chain.orphans, default="")
        return chain


def observe(system: System, chains: int, noise: tuple[float, float, float]) -> tuple[Any, Any, Any]:
    """The tables of so many requests, and how many of each kind every shape has."""
    shapes: dict[str, dict[str, Any]] = {}
    kinds: dict[str, Counter[int]] = defaultdict(Counter)
    for kind in system.random.choice(KINDS, chains, p=system.often):
        chain = system.request(int(kind), *noise)
        if not chain.entry:
            continue
        rpc_ids, partial = sorted(chain.calls), bool(chain.orphans)
        form = (chain.entry, [(r, int(log2(chain.calls[r]))) for r in rpc_ids], partial)
        shape_id = hashlib.sha256(repr((form, sorted(chain.edges))).encode()).hexdigest()[:12]
        row = shapes.setdefault(
            shape_id,
            {
                "shape_id": shape_id,
                "entry_rpc_id": chain.entry,
                "rpc_ids": rpc_ids,
                "multiplicities": [float(chain.calls[r]) for r in rpc_ids],
                "depths": [float(chain.depths[r]) for r in rpc_ids],
                "edges": sorted(chain.edges),
                "chains": 0.0,
                "failed_chains": 0.0,
                "partial": partial,
                "first_seen_ns": 0,
                "last_seen_ns": 0,
                "example_trace_ids": [],
            },
        )
        row["chains"] += 1
        kinds[shape_id][int(kind)] += 1
    return SHAPES.of(list(shapes.values())), RPCS.of(list(system.rpcs.values())), kinds


def judge(system: System, chains: int, noise: tuple[float, float, float]) -> dict[str, Any]:
    shapes, rpcs, kinds = observe(system, chains, noise)
    start = time.perf_counter()
    found = find_patterns(shapes, rpcs, run_id="noise")
    seconds = time.perf_counter() - start
    pattern_of = {r["shape_id"]: r["pattern_id"] for r in found.members.to_pylist()}
    pairs = [(k, pattern_of[s]) for s, c in kinds.items() for k, n in c.items() for _ in range(n)]
    truth, patterns = zip(*pairs, strict=True)
    partial = shapes.filter(shapes["partial"])
    return {
        "shapes": shapes.num_rows,
        "partial_chains": round((pc.sum(partial["chains"]).as_py() or 0) / len(pairs), 4),
        "patterns": found.patterns.num_rows,
        "noise_chains": round(patterns.count(NOISE) / len(pairs), 4),
        "ari": round(adjusted_rand_score(truth, patterns), 4),
        "seconds": round(seconds, 2),
    }


def main() -> None:
    rows = []
    runs = [(shape, CHAINS, noise) for shape in SYSTEMS for noise in NOISES]
    for shape, chains, noise in [*runs, ("pages", MANY_CHAINS, NOISES[-1])]:
        judged = judge(System(shape, seed=2), chains, noise)
        settings = dict(zip(("lost", "retried", "strange"), noise, strict=True))
        rows.append({"system": shape, "kinds": KINDS, "chains": chains, **settings, **judged})
    print(" ".join(f"{column:>14}" for column in rows[0]))
    for row in rows:
        print(" ".join(f"{value:>14}" for value in row.values()))
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory {peak_mib} MiB")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(json.dumps({"rows": rows, "peak_mib": peak_mib}, indent=2) + "\n")


if __name__ == "__main__":
    main()
