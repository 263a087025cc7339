"""What a workspace keeps of the steps that a service judged; read when the service is gone."""

from pathlib import Path
from typing import Any

from informer.pipeline.workspace import Workspace


def rows(workspace: Path, sql: str) -> list[dict[str, Any]]:
    """Rows of a query."""
    with Workspace.open(workspace) as home:
        found: list[dict[str, Any]] = home.engine.query(sql).to_pylist()
        return found


def closed_ns(workspace: Path) -> int:
    """Up to where steps are closed; 0 where none is."""
    with Workspace.open(workspace) as home:
        return int(home.get("watching").get("closed_ns", 0))


def calls_by_step(workspace: Path, from_ns: int) -> dict[int, int]:
    """Start of a step to the calls that were counted in it, in steps with any."""
    sql = (
        "select step_start_ns, sum(calls) as calls from traffic "
        f"where step_start_ns >= {from_ns} group by 1 having sum(calls) > 0"
    )
    return {row["step_start_ns"]: round(row["calls"]) for row in rows(workspace, sql)}


def steps_twice(workspace: Path) -> list[int]:
    """Steps that were kept more than once."""
    sql = "select step_start_ns from steps group by 1 having count(*) > 1"
    return [row["step_start_ns"] for row in rows(workspace, sql)]
