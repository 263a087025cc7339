"""Makes the traces of a small shop: a daily season, four kinds of chain, and attacks on demand.

Written as a plain table with columns of its own names, for `--columns`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MONDAY_NS = 1_780_272_000_000_000_000  # 2026-06-01, 00:00 UTC
STEP_S = 600
DAY_STEPS = 86_400 // STEP_S
STEP_NS = STEP_S * 10**9
COLUMNS = ",".join(
    f"{ours}={theirs}"
    for ours, theirs in {
        "trace_id": "TraceID",
        "span_id": "SpanID",
        "parent_span_id": "ParentID",
        "service": "Service",
        "operation": "Operation",
        "start_ns": "StartNs",
        "duration_us": "DurationUs",
        "status_code": "Status",
        "version": "Version",
    }.items()
)

# A span is (service, operation, place of its parent in the chain); requests a step at the mean.
Chain = Sequence[tuple[str, str, int]]
BROWSE: Chain = [("gateway", "GET /catalog", -1), ("catalog", "list", 0), ("reviews", "of", 1)]
LOGIN: Chain = [("gateway", "POST /login", -1), ("auth", "login", 0), ("users", "find", 1)]
PAY: Chain = [("gateway", "POST /pay", -1), ("payment", "pay", 0), ("users", "find", 1)]
PING: Chain = [("gateway", "GET /ping", -1)]
LATERAL: Chain = [("gateway", "GET /ping", -1), ("users", "export", 0)]
RATES: dict[str, tuple[Chain, float]] = {
    "browse": (BROWSE, 14.0),
    "login": (LOGIN, 8.0),
    "pay": (PAY, 6.0),
    "ping": (PING, 5.0),
}


@dataclass(frozen=True)
class Event:
    """What happens besides: in the steps first..last, from the first step of the table."""

    chain: Chain
    first: int
    last: int
    requests: int  # a step
    refused: float = 0.0  # share, with status 401 at the second span


def season(step: int) -> float:
    """Busy at noon, quiet at midnight."""
    return float(1 - 0.6 * np.cos(2 * np.pi * (step % DAY_STEPS) / DAY_STEPS))


def make_spans(
    first: int,
    steps: int,
    *,
    seed: int,
    events: Sequence[Event] = (),
    times: Callable[[int], float] = lambda step: 1.0,
    version: Callable[[str, int], str] = lambda service, step: f"{service}-1",
) -> pa.Table:
    """Traces of so many steps from step `first` after Monday; `times` multiplies everything."""
    rng = np.random.default_rng(seed)
    rows: dict[str, list[object]] = {name.split("=")[1]: [] for name in COLUMNS.split(",")}
    traces = 0

    def add(chain: Chain, step: int, status: int) -> None:
        nonlocal traces
        traces += 1
        start_ns = MONDAY_NS + (first + step) * STEP_NS + int(rng.integers(STEP_NS))
        for place, (service, operation, parent) in enumerate(chain):
            rows["TraceID"].append(f"{seed:x}-{first:x}-{traces:x}")
            rows["SpanID"].append(f"s{place}")
            rows["ParentID"].append(f"s{parent}" if parent >= 0 else "")
            rows["Service"].append(service)
            rows["Operation"].append(operation)
            rows["StartNs"].append(start_ns + place * 1_000_000)
            rows["DurationUs"].append(int(rng.lognormal(8, 0.5)))
            rows["Status"].append(status if place == 1 else 200)
            rows["Version"].append(version(service, first + step))

    for step in range(steps):
        for chain, rate in RATES.values():
            for _ in range(rng.poisson(rate * season(first + step) * times(step))):
                wrong = chain is LOGIN and rng.random() < 0.05
                add(chain, step, 401 if wrong else 200)
        for event in events:
            if event.first <= step <= event.last:
                for _ in range(event.requests):
                    add(event.chain, step, 401 if rng.random() < event.refused else 200)
    return pa.table(rows)


def write_spans(path: Path, spans: pa.Table) -> Path:
    """Write the table where a test wants it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(spans, path)
    return path
