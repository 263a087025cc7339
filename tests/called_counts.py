"""Counts of calls as rows, out of the lists in which they are kept."""

import pyarrow as pa

from informer.core.ports import Engine
from informer.engines.duckdb import DuckDBEngine

# A row is counts of cells in a step: cell, bucket and lines.
COUNTED = """(
    select step_start_ns, unnest(cell) as cell, unnest(bucket) as bucket, unnest(lines) as lines
    from cell_counts
)"""
# What lines of a cell come to as calls. A line may count for a third of one: what slices round each
# for itself, as the traffic does, may differ by a millionth from what is rounded once.
CALLED = f"""(
    select s.call_kind, c.step_start_ns, c.bucket,
        round(c.lines * s.weight_e6 * s.share) as calls_e6,
        case when s.failed then round(c.lines * s.weight_e6 * s.share) else 0 end as failures_e6,
        case when s.refused then round(c.lines * s.weight_e6 * s.share) else 0 end as refusals_e6
    from (
        select step_start_ns, cell, bucket, cast(sum(lines) as double) as lines
        from {COUNTED} group by all
    ) as c join cell_shares as s on s.cell = c.cell
)"""


def called(engine: Engine, sql: str) -> pa.Table:
    """What DuckDB answers of the counts of any engine."""
    with DuckDBEngine(threads=1) as here:
        for table in ("cell_counts", "cell_shares", "call_kinds"):
            here.write(table, engine.query(f"select * from {table}"))
        return here.query(sql)
