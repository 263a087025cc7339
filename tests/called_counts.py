"""Counts of calls as rows, out of the form in which they are kept."""

import numpy as np
import pyarrow as pa

from informer.core.cell_counts import CellCounts
from informer.core.ports import Engine
from informer.engines.duckdb import DuckDBEngine

COUNTED = "counted_cells"  # the table that `plain_counts` makes
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


def plain_counts(engine: Engine) -> None:
    """Make COUNTED of `cell_counts`: a row is a count, of a cell, in a step, with a bucket."""
    held = CellCounts.of(engine.query("select * from cell_counts"))
    runs = {"step_start_ns": held.step_start_ns, "cell": held.cell}
    told = {name: np.repeat(column, held.size).astype(np.int64) for name, column in runs.items()}
    told |= {"bucket": held.bucket.astype(np.int64), "lines": held.lines.astype(np.int64)}
    engine.write(COUNTED, pa.table(told))


def called(engine: Engine, sql: str) -> pa.Table:
    """What DuckDB answers of the counts of any engine."""
    with DuckDBEngine(threads=1) as here:
        for table in ("cell_counts", "cell_shares", "call_kinds"):
            here.write(table, engine.query(f"select * from {table}"))
        plain_counts(here)
        return here.query(sql)
