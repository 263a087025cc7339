"""Keeps the spans of a few example traces for every incident: `examples/INCIDENT.parquet`."""

from collections.abc import Collection
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from informer.core.ports import Engine
from informer.core.types import Json

FOLDER = "examples"
MOST_SPANS = 500  # of one trace

EXAMPLES = """
select trace_id, span_id, parent_span_id, service, operation, kind, start_ns, duration_ns,
    status_code, failed, refused
from (
    select *, row_number() over (partition by trace_id order by start_ns, span_id) as place
    from spans where trace_id in (select trace_id from wanted_traces)
) as s
where place <= $most
order by trace_id, start_ns, span_id
"""


def keep_examples(engine: Engine, incidents: pa.Table, workspace: Path) -> None:
    """Write the spans of each incident's example traces, from the table `spans`."""
    wanted = {
        row["incident_id"]: orjson.loads(row["evidence"])["examples"]
        for row in incidents.to_pylist()
    }
    traces = sorted({trace for examples in wanted.values() for trace in examples})
    engine.write("wanted_traces", pa.table({"trace_id": pa.array(traces, pa.string())}))
    spans = engine.query(EXAMPLES, most=MOST_SPANS)
    folder = workspace / FOLDER
    folder.mkdir(exist_ok=True)
    for incident_id, examples in wanted.items():
        inside = pc.is_in(spans["trace_id"], pa.array(examples, pa.string()))
        pq.write_table(spans.filter(inside), folder / f"{incident_id}.parquet", compression="zstd")


def forget_examples(workspace: Path, known: Collection[str]) -> None:
    """Drop the examples of incidents that another look did not find again."""
    for file in (workspace / FOLDER).glob("*.parquet"):
        if file.stem not in known:
            file.unlink()


def read_example(workspace: Path, incident_id: str, trace_id: str) -> list[Json]:
    """The kept spans of one example trace in the order of a tree, each with its `depth`.

    Empty when nothing was kept. Parents come before their children, children by their start.
    """
    path = workspace / FOLDER / f"{incident_id}.parquet"
    if not path.exists():
        return []
    rows = pq.read_table(path, filters=[("trace_id", "==", trace_id)]).to_pylist()
    children: dict[str | None, list[Json]] = {}
    known = {row["span_id"] for row in rows}
    for row in rows:
        parent = (row["parent_span_id"] or "").removeprefix("?")
        own = parent in known and parent != row["span_id"]
        children.setdefault(parent if own else None, []).append(row)
    ordered: list[Json] = []
    waiting = [(row, 0) for row in reversed(children.get(None, []))]
    told: set[str] = set()
    while waiting:
        row, depth = waiting.pop()
        if row["span_id"] in told:  # an id that is used twice, or a circle
            continue
        told.add(row["span_id"])
        ordered.append(row | {"depth": depth})
        waiting += [(child, depth + 1) for child in reversed(children.get(row["span_id"], []))]
    return ordered
