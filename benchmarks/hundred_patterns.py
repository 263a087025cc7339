"""How long do a hundred patterns of mixed sizes take to learn, and with how much memory?

usage: hundred_patterns.py [PATTERNS...]

Patterns are drawn by seed: 2 to 20 rpcs in a call tree, a fortnight in steps of 300 s, a day, a
level that wanders for hours, from one to a hundred calls a step; all are critical. `fit_all`
backtests and learns them with two processes, once for ten patterns and once for a hundred, or for
the numbers given. Prints and writes to results/hundred_patterns.json: wall and CPU seconds, the
largest memory of one process and of all together, and what was chosen.
"""

import json
import os
import resource
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from informer.core.types import Json, PatternGraph, Series
from informer.forecasts.fit import fit_all, pools_for

RESULTS = Path(__file__).parent / "results" / "hundred_patterns.json"
STEPS, STEP_S, RPCS, CALLS, PROCESSES = 4_032, 300, (2, 21), (1.0, 100.0), 2
START_NS = 1_780_272_000 * 10**9


def main() -> None:
    """Learn, print and write."""
    counts = [int(a) for a in sys.argv[1:]] or [10, 100]
    results = {str(count): _learned(count) for count in counts}
    if len(counts) > 1:
        first, last = str(counts[0]), str(counts[-1])
        rate = [results[n]["cpu_s"] / int(n) for n in (first, last)]
        results["cpu_s_per_pattern_ratio"] = round(rate[1] / rate[0], 3)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"results": results}, indent=2) + "\n", encoding="utf-8")


def _learned(count: int) -> Json:
    series = [drawn(i) for i in range(count)]
    began, cpu = time.monotonic(), _cpu_s()
    found = fit_all(
        series,
        critical=[s.graph.pattern_id for s in series],
        seed=0,
        processes=PROCESSES,
        progress=lambda done, of: print(f"\r{done} of {of}", end="", flush=True),
        pools=pools_for(series),
    )
    row = {
        "wall_s": round(time.monotonic() - began, 1),
        "cpu_s": round(_cpu_s() - cpu, 1),
        "largest_worker_mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "parent_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "cores": os.cpu_count(),
        "chosen": dict(Counter(f.model.forecaster for f in found.values())),
    }
    row["all_mib"] = row["parent_mib"] + PROCESSES * row["largest_worker_mib"]
    print(f"\r{count} patterns: {row}")
    return row


def _cpu_s() -> float:
    """Of this process and of those that have ended."""
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(u.ru_utime + u.ru_stime for u in used)


def drawn(seed: int) -> Series:
    rng = np.random.default_rng([7, seed])
    rpcs = int(rng.integers(*RPCS))
    level = np.zeros(STEPS)
    for t in range(1, STEPS):
        level[t] = 0.9 * level[t - 1] + 0.03 * rng.normal()
    day = rng.uniform(0.2, 0.9) * np.sin(2 * np.pi * np.arange(STEPS) * STEP_S / 86_400)
    rate = np.exp(rng.uniform(*np.log(CALLS)))
    shares = np.concatenate([[1.0], rng.uniform(0.3, 1.0, rpcs - 1)])
    calls = rng.poisson(rate * np.exp(day + level)[:, None] * shares).astype(np.float64)
    parents = (np.arange(1, rpcs) - 1) // 2
    graph = PatternGraph(
        f"drawn-{seed:03d}",
        tuple(f"rpc{i}" for i in range(rpcs)),
        np.stack([parents, np.arange(1, rpcs)]).astype(np.int64),
        shares[1:],
    )
    return Series(graph, START_NS, STEP_S, calls, np.ones(STEPS, bool))


if __name__ == "__main__":
    main()
