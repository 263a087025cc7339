"""The fold by SQL alone: slow, and plain beside the loops over arrays, which are held to it."""

from pathlib import Path

from informer.core.ports import Engine
from informer.core.sql import read_sql
from informer.core.types import NS_PER_S
from informer.outlines import state
from informer.outlines.state import append_new_links, begin, salt_of

BESIDE = Path(__file__).parent / "reference_fold"
# What a saying is, and what a pair of them means, is told by one SQL.
OURS = ("slice_sayings_apart", "slice_links", "numbered_links")
NO_CALLS = """
create table if not exists outline_calls (
    outline_id bigint, link_id bigint, version varchar, step_start_ns bigint, bucket integer,
    lines_e6 bigint, failures_e6 bigint, refusals_e6 bigint
)
"""
SLICE = (
    *("lines", "sayings", "slice_sayings", "repeated_lines", "linked_lines", "slice_links"),
    *("numbered_links", "coded_lines", "slice_traces", "outlined_traces", "slice_examples"),
    *("dropped_traces", "example_spans"),
)


def begin_by_sql(engine: Engine) -> None:
    """The tables of `begin`, and `outline_calls`."""
    begin(engine)
    engine.run(NO_CALLS)


def fold_by_sql(engine: Engine, *, key: bytes, step_s: int) -> None:
    """Add the whole traces in `slice_spans`, of `methods`, to what is kept."""
    salt = salt_of(key)
    for table in ("lines", "sayings", "slice_sayings_apart"):
        _make(engine, table, salt=salt)
    for table in ("repeated_lines", "linked_lines", "slice_links"):
        _make(engine, table)
    append_new_links(engine, key)
    for table in ("numbered_links", "coded_lines", "slice_traces"):
        _make(engine, table)
    _make(engine, "new_outlines", most=state.MOST_OUTLINES)
    kept = engine.query("select count(*) as n from outlines")["n"][0].as_py()
    if kept >= state.MOST_OUTLINES:
        _make(engine, "tail_outlines")
    _make(engine, "outlined_traces", step_ns=step_s * NS_PER_S)
    _make(engine, "count_steps")
    _make(engine, "count_calls")
    _make(engine, "slice_examples", examples=state.EXAMPLES, sample=state.SAMPLE, salt=salt)
    _make(engine, "let_go")
    _make(engine, "example_spans", salt=salt)
    _make(engine, "keep_traces", salt=salt)
    for table in SLICE:
        engine.run(f"drop table {table}")


def _make(engine: Engine, table: str, **values: int) -> None:
    ours = table in OURS
    sql = (
        read_sql("informer.outlines", table)
        if ours
        else (BESIDE / f"{table}.sql").read_text("utf-8")
    )
    engine.run(sql, **values)
