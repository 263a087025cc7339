"""Clones of whole traces of a Nezha-style table: the same calls under new ids at new times.

A clone keeps what is real about a request: its services, its operations, how long each took.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.types import Ints

ROOTS = ("root", "")  # what ParentID is for a span without a parent
RHYTHMS = ("chance", "bursts", "metronome")
BURST_SHARE = 0.08  # of the window that one burst lasts
BURST_EVERY_NS = 90_000_000_000
JITTER = 0.2  # of the beat of a metronome


def trace_starts(spans: pa.Table) -> pa.Table:
    """TraceID and start_ns of every trace, in order of time."""
    starts = spans.group_by("TraceID").aggregate([("StartTimeUnixNano", "min")])
    starts = starts.rename_columns(["TraceID", "start_ns"])
    return starts.sort_by([("start_ns", "ascending"), ("TraceID", "ascending")])


def traces_with(spans: pa.Table, operation: str) -> pa.Table:
    """All spans of the traces that have a span of this operation."""
    having = spans.filter(pc.equal(spans["OperationName"], operation))["TraceID"]
    return spans.filter(pc.is_in(spans["TraceID"], value_set=pc.unique(having)))


def times_in(start_ns: int, end_ns: int, count: int, rhythm: str, rng: np.random.Generator) -> Ints:
    """When `count` requests begin within a window, in order, [count].

    `chance` is a Poisson process of which the count is known, `metronome` keeps a beat with a
    little jitter, `bursts` come about every 90 s and last a few seconds.
    """
    if rhythm == "chance":
        at = rng.random(count)
    elif rhythm == "metronome":
        at = (np.arange(count) + 0.5 + rng.uniform(-JITTER, JITTER, count)) / count
    elif rhythm == "bursts":
        bursts = max(2, round((end_ns - start_ns) / BURST_EVERY_NS))
        begins = (np.arange(bursts) + rng.random(bursts) * (1 - BURST_SHARE)) / bursts
        at = begins[rng.integers(0, bursts, count)] + rng.random(count) * BURST_SHARE / bursts
    else:
        raise ValueError(f"rhythm must be one of {', '.join(RHYTHMS)}, got {rhythm}")
    return start_ns + (np.sort(at) * (end_ns - start_ns)).astype(np.int64)


def clones(
    originals: pa.Table, begins_ns: Ints, rng: np.random.Generator
) -> tuple[pa.Table, list[str]]:
    """A clone of a trace drawn from `originals` for every begin, and its trace id.

    The spans of a trace move together; times between them stay to the nanosecond.
    """
    known = trace_starts(originals)
    first_ns = dict(zip(*(known[c].to_pylist() for c in known.column_names), strict=True))
    # In order of trace id, so that the draw does not hang on the order of the rows.
    names = sorted(first_ns)
    rows: dict[str, list[dict[str, object]]] = {name: [] for name in names}
    for row in originals.to_pylist():
        rows[row["TraceID"]].append(row)
    made, ids = [], []
    for begin_ns in begins_ns.tolist():
        original = names[int(rng.integers(len(names)))]
        ids.append(rng.bytes(16).hex())
        span_ids = {row["SpanID"]: rng.bytes(8).hex() for row in rows[original]}
        later_ns = begin_ns - first_ns[original]
        for row in rows[original]:
            made.append(_moved(row, ids[-1], span_ids, later_ns))
    return pa.Table.from_pylist(made, schema=originals.schema), ids


def moved(spans: pa.Table, by_ns: int) -> pa.Table:
    """The same spans, later."""
    for column in ("StartTimeUnixNano", "EndTimeUnixNano"):
        at = spans.column_names.index(column)
        spans = spans.set_column(at, spans.schema.field(at), pc.add(spans[column], by_ns))
    return spans


def _moved(
    row: dict[str, object], trace_id: str, span_ids: dict[object, str], later_ns: int
) -> dict[str, object]:
    parent = row["ParentID"]
    return row | {
        "TraceID": trace_id,
        "SpanID": span_ids[row["SpanID"]],
        # A parent that was never exported stays one that nobody knows.
        "ParentID": parent if parent in ROOTS else span_ids.get(parent, "0" * 16),
        "StartTimeUnixNano": int(str(row["StartTimeUnixNano"])) + later_ns,
        "EndTimeUnixNano": int(str(row["EndTimeUnixNano"])) + later_ns,
    }
