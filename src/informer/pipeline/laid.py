"""Lays rows of traffic by pattern: who asks for one pattern reads little of the others.

A service writes step after step, each with every pattern, so that the rows of one lie among those
of all. Of steps that are over, a block of rows at a time is written anew, in order of pattern;
which rows there are does not change. Whatever is written later lies behind it by time again.
"""

import numpy as np

from informer.core.types import Json
from informer.pipeline.hours import HOUR_NS, NOTE, rolled_until_ns
from informer.pipeline.workspace import Workspace

TIMES = {"traffic": "step_start_ns", "forecasts": "step_start_ns", "hours": "hour_start_ns"}
# Five of DuckDB's row groups, of which a pattern is then in one or two. Steps wait for it about
# half a second; of fewer rows than that, all are read as quickly.
BLOCK_ROWS = 5 * 122_880
BETWEEN = "{time} >= $from_ns and {time} < $until_ns"
COUNT = "select count(*) as n from {table} where {between}"
COUNTS = "select {time} as at_ns, count(*) as n from {table} where {between} group by 1 order by 1"
LAY = """
create temp table laying as select * from {table} where {between};
delete from {table} where {between};
insert into {table} by name select * from laying order by pattern_id, {time}, rpc_id;
drop table laying
"""


def lay(home: Workspace, *, block_rows: int = BLOCK_ROWS) -> bool:
    """Lay one block, the oldest that is full; whether there was one."""
    laid, end_ns = dict(home.get(NOTE).get("laid", {})), rolled_until_ns(home)
    if end_ns == 0:
        return False
    for table, time in TIMES.items():
        names: Json = {"table": table, "time": time, "between": BETWEEN.format(time=time)}
        from_ns = _first_ns(home, names, laid.get(table, 0))
        until_ns = _end_of_block(home, names, from_ns, end_ns, block_rows)
        if until_ns:
            with home.engine.transaction():
                home.engine.run(LAY.format(**names), from_ns=from_ns, until_ns=until_ns)
                home.put(NOTE, home.get(NOTE) | {"laid": laid | {table: until_ns}})
            return True
    return False


def _first_ns(home: Workspace, names: Json, laid_ns: int) -> int:
    """The first row that was not laid, where there is one."""
    sql = "select min({time}) as t from {table} where {time} >= $laid_ns".format(**names)
    first = home.engine.query(sql, laid_ns=laid_ns)["t"][0].as_py()
    return laid_ns if first is None else int(first)


def _end_of_block(home: Workspace, names: Json, from_ns: int, end_ns: int, block_rows: int) -> int:
    """End of the steps that are a block together; 0 when they are no block yet."""
    length_ns = HOUR_NS
    while from_ns < end_ns:
        given = {"from_ns": from_ns, "until_ns": min(from_ns + length_ns, end_ns)}
        rows = home.engine.query(COUNT.format(**names), **given)["n"][0].as_py()
        if rows >= block_rows:
            found = home.engine.query(COUNTS.format(**names), **given)
            last = np.searchsorted(np.cumsum(found["n"].to_numpy()), block_rows)
            return int(found["at_ns"][int(last)].as_py()) + 1
        if given["until_ns"] == end_ns:
            break
        length_ns *= 2
    return 0
