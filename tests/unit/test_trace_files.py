"""Lines that are in no order of time are set apart by trace, and none is lost."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from informer.core.lines import ROWS
from informer.pipeline.trace_files import TraceFiles
from informer.spans.numbers import numbered

TRACES, LINES = 500, 4_000


def test_all_lines_of_a_trace_come_together(tmp_path: Path) -> None:
    trace = np.random.default_rng(1).integers(0, TRACES, LINES)
    columns = {
        "trace_id": [f"t{n}" for n in trace],
        "span_id": [str(n) for n in range(LINES)],
        "parent_span_id": [None] * LINES,
        "all_attributes": ["{}"] * LINES,
        "start_ns": np.arange(LINES),
        "duration_ns": np.arange(LINES),
        "saying": np.arange(LINES),
    }
    rows = pa.table(columns).cast(ROWS)
    with TraceFiles(tmp_path) as files:
        for first in range(0, LINES, 1_000):
            files.add(numbered(rows.slice(first, 1_000), b"key"))
        parts = list(files.parts())
    whole = numbered(rows, b"key")
    assert not list(tmp_path.iterdir())
    seen: set[int] = set()
    spans = []
    for part in parts:
        here = set(part.trace.tolist())
        assert not here & seen
        seen |= here
        spans += list(zip(part.column("saying").tolist(), part.span.tolist(), strict=True))
    assert len(seen) == len(np.unique(trace))
    assert sorted(spans) == list(enumerate(whole.span.tolist()))
