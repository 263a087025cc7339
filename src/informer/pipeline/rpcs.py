"""Looks rpcs up by their ids: what was learned, and what was only met."""

from collections.abc import Sequence

from informer.core.types import Json
from informer.pipeline.workspace import Workspace

NAMED = """
select {columns} from rpcs where rpc_id in (select unnest($ids))
union all
select {columns} from met_rpcs where rpc_id in (select unnest($ids))
"""


def rpcs_named(home: Workspace, ids: Sequence[str]) -> dict[str, Json]:
    """Rows of RPCS by id; those that nothing is known of are left out."""
    columns = "rpc_id, caller, callee, method, kind, first_seen_ns"
    sql = NAMED.format(columns=columns)
    if not home.engine.has("met_rpcs"):
        sql = sql.partition("union all")[0]
    rows = home.engine.query(sql, ids=sorted(set(ids))).to_pylist()
    return {row["rpc_id"]: row for row in rows}
