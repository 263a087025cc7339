"""Spans folded by loops, given as a table of spans: for tests that hold the loops to the SQL."""

import pyarrow as pa

from informer.core.lines import ROWS
from informer.core.ports import Engine
from informer.outlines.folding import Folding
from informer.outlines.slices import sliced
from informer.spans.numbers import numbered
from informer.spans.sayings import NO_SAYINGS, TOLD, whole_spans

SAME = " and ".join(f"s.{n} is not distinct from t.{n}" for n in TOLD)
NEW = f"""
insert into sayings
select (select coalesce(max(saying), 0) from sayings) + row_number() over (), *
from (
    select distinct {", ".join(TOLD)} from given_spans as t
    where not exists (select 1 from sayings as s where {SAME})
)
"""
ROWS_OF = f"""
select {", ".join(f"t.{n}" for n in ROWS.names[:3])}, t.attributes as all_attributes, t.start_ns,
    t.duration_ns, s.saying
from given_spans as t join sayings as s on {SAME}
"""


def fold_by_loops(engine: Engine, *slices: pa.Table, key: bytes, step_s: int) -> None:
    """Fold slices of whole traces; the table `methods` is there."""
    engine.run(NO_SAYINGS)
    folding = Folding(engine, key=key, step_s=step_s, whole=whole_spans("example_lines"))
    for spans in slices:
        engine.write("given_spans", spans)
        engine.run(NEW)
        lines = sliced([numbered(engine.query(ROWS_OF).cast(ROWS), key)], 2**62)
        folding.fold(lines, lines.sayings() > 0)
