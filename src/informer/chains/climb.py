"""Climbs from spans to what is above them, twice as far with every step.

A climb of a thousand spans takes ten steps, so a trace that is one long line is no harder than
any other.
"""

from informer.core.ports import Engine
from informer.core.sql import read_sql


def count_cycles(engine: Engine) -> int:
    """Leave in `uphill_links` the walks that stand in a cycle; how many spans are in one.

    A walk that is longer than its trace and has not ended has come into a cycle of parents, and
    where all those walks are at the same time is the whole cycle.
    """
    engine.run(read_sql("informer.chains", "uphill_links"))
    longest = _number(
        engine, "select max(n) from (select count(*) as n from uphill_links group by trace_id) as t"
    )
    jump = 1
    while jump <= longest and _number(engine, "select count(*) from uphill_links"):
        _step(engine, "uphill_links", "doubled_links")
        jump *= 2
    return _number(
        engine,
        "select count(*) from (select distinct trace_id, up_span_id, up_twin from uphill_links) "
        "as t",
    )


def climb(engine: Engine, traces: str) -> None:
    """Make `call_parents` of the traces in the table `traces`."""
    engine.run(f"create or replace view climbed_traces as select trace_id from {traces}")
    engine.run(read_sql("informer.chains", "silent_spans"))
    while _number(engine, "select count(*) from silent_spans where open"):
        _step(engine, "silent_spans", "higher_silent_spans")
    engine.run(read_sql("informer.chains", "call_parents"))


def measure_depths(engine: Engine) -> None:
    """Make `call_depths` from `call_parents`: how many calls lie above every call."""
    engine.run(read_sql("informer.chains", "call_depths"))
    while _number(engine, "select count(*) from call_depths where up_span_id is not null"):
        _step(engine, "call_depths", "deeper_calls")


def _step(engine: Engine, table: str, successor: str) -> None:
    engine.run(read_sql("informer.chains", successor))
    engine.run(f"drop table {table}")
    engine.run(f"alter table {successor} rename to {table}")


def _number(engine: Engine, sql: str) -> int:
    return int(engine.query(sql).column(0)[0].as_py() or 0)
