"""What two workspaces learned, to be held against each other."""

from pathlib import Path

import pyarrow as pa

from informer.core.types import Json
from informer.pipeline.workspace import Workspace

# Not: secret codes, what names a run, and examples, of which each engine may choose others.
LEFT_OUT = {"code", "run_id", "example_trace_ids", "config", "backtest", "models"}
LEARNED = (
    *("rpcs", "shapes", "patterns", "members", "pattern_edges", "traffic", "steps", "workloads"),
)


def learned(workspace: Path) -> dict[str, list[Json]]:
    """The tables of what was learned, each in one order."""
    with Workspace.open(workspace) as home:
        return {table: _rows(home.table(table)) for table in LEARNED}


def _rows(table: pa.Table) -> list[Json]:
    kept = table.select([name for name in table.schema.names if name not in LEFT_OUT])
    return sorted(kept.to_pylist(), key=repr)
