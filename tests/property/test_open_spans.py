"""Spans that are open, batch by batch, against a plain list of them."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from informer.core.types import Ints
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.open_spans import OpenSpans
from informer.spans.open import open_sources

STEP_NS, FIRST_NS = 10 * 10**9, 1_780_272_000_000_000_000
BATCHES, SPANS, TRACES = 12, 80, 150
LATER_NS = FIRST_NS + 10**15
COLUMNS = {n: n for n in ("trace_id", "span_id", "parent_span_id", "service", "operation")}
COLUMNS |= {"start_ns": "start_ns", "duration_ns": "duration_ns"}


@dataclass
class Plain:
    """The same as OpenSpans, slowly."""

    replayed: int
    open: list[tuple[str, int, int]] = field(default_factory=list)  # trace, start, batch

    def take(self, from_ns: int, until_ns: int, began_ns: int) -> tuple[list[str], int, int]:
        """Traces of the spans that are taken; how many came late, and before it began."""
        begun: dict[str, int] = {}
        for trace, start_ns, _ in self.open:
            if start_ns < until_ns:
                begun[trace] = min(start_ns, begun.get(trace, start_ns))
        leave = [(begun[t], t, batch) for t, _, batch in self.open if t in begun]
        self.open = [span for span in self.open if span[0] not in begun]
        new = [ns for ns, _, batch in leave if batch > self.replayed]
        late = sum(began_ns <= ns < from_ns for ns in new)
        before = sum(ns < began_ns for ns in new)
        return sorted(t for ns, t, _ in leave if ns >= from_ns), late, before


@pytest.mark.parametrize("seed", range(4))
def test_spans_leave_with_their_traces_and_each_is_counted_once(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    replayed = int(rng.integers(4))
    plain, came = Plain(replayed), 0
    with DuckDBEngine() as engine:
        opened = OpenSpans(engine, replayed)
        closed_ns = began_ns = FIRST_NS + STEP_NS
        for batch in range(1, BATCHES + 1):
            # Most spans are of about now, some of any time; a trace may lie in several batches.
            trace = (rng.integers(TRACES, size=SPANS) // 12 + batch * TRACES // 12).astype(str)
            about = rng.normal(batch * 6e9, 6e9, SPANS)
            start = FIRST_NS + np.where(rng.random(SPANS) < 0.05, 0, np.maximum(about, 0))
            start_ns = start.astype(np.int64)
            path = tmp_path / f"{batch}.parquet"
            pq.write_table(table(trace, start_ns, came), path)
            came += SPANS
            opened.add(open_sources([str(path)], columns=COLUMNS), batch, now_ns=LATER_NS)
            plain.open += zip(trace, start_ns.tolist(), [batch] * SPANS, strict=True)
            assert opened.count() == len(plain.open)
            if batch % 2:
                continue
            until_ns = closed_ns + STEP_NS * int(rng.integers(1, 3))
            rejected = Counter(opened.rejected)
            taken = opened.take(closed_ns, until_ns, began_ns=began_ns)
            traces, late, before = plain.take(closed_ns, until_ns, began_ns)
            assert (
                sorted(engine.query("select trace_id from spans")["trace_id"].to_pylist()) == traces
            )
            assert (taken.spans, taken.late) == (len(traces), late)
            assert opened.rejected["before_watching"] - rejected["before_watching"] == before
            assert opened.count() == len(plain.open)
            assert opened.batches() == {b for _, _, b in plain.open}
            closed_ns = until_ns


def table(trace: npt.NDArray[np.str_], start_ns: Ints, first: int) -> pa.Table:
    """Spans with ids of their own, without parents."""
    many = len(trace)
    return pa.table(
        {
            "trace_id": trace,
            "span_id": [f"s{first + n}" for n in range(many)],
            "parent_span_id": pa.nulls(many, pa.string()),
            "service": ["shop"] * many,
            "operation": ["GET /"] * many,
            "start_ns": start_ns,
            "duration_ns": [1_000] * many,
        }
    )
