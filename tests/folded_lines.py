"""Spans folded by loops, given as tables: in slices as they come, or in parts that meet."""

from collections import defaultdict

import pyarrow as pa

from called_counts import COUNTED, plain_counts
from informer.core.lines import ROWS, Lines
from informer.core.ports import Engine
from informer.engines.duckdb import DuckDBEngine
from informer.outlines.folding import Folding
from informer.outlines.parts import COUNTS, FORMS, KEPT, Parts, fold_part, wanted_of
from informer.outlines.slices import sliced
from informer.outlines.state import begin
from informer.spans.numbers import numbered
from informer.spans.parcels import Parcels, arrived, coded
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
WHOLE = whole_spans("example_lines")
# By content: numbers are each way's own.
FOLDED = {
    "links": "select * exclude (link_id) from links",
    "outlines": "select code_sum, lines from outlines",
    "outline_steps": """
        select o.code_sum, o.lines, s.step_start_ns, sum(s.chains) as chains,
            sum(s.chains_e6) as chains_e6, round(sum(s.squares), 6) as squares,
            sum(s.failed_e6) as failed_e6, min(s.first_ns) as first_ns, max(s.last_ns) as last_ns
        from outline_steps as s left join outlines as o on o.outline_id = s.outline_id
        group by all
    """,
    "outline_calls": f"""
        select o.code_sum, o.lines, k.code, l.version, c.step_start_ns, c.bucket,
            sum(c.lines * l.weight_e6) as lines_e6,
            sum(case when l.failed then c.lines * l.weight_e6 else 0 end) as failures_e6,
            sum(case when l.refused then c.lines * l.weight_e6 else 0 end) as refusals_e6
        from {COUNTED} as c
        join cells as e on e.cell = c.cell
        join line_kinds as l on l.line_kind = e.line_kind
        join outlines as o on o.outline_id = e.outline_id
        join links as k on k.link_id = l.link_id
        group by all
    """,
    "kept_traces": """
        select t.trace_id, o.code_sum, o.lines, t.place, t.sampled, t.start_ns
        from kept_traces as t join outlines as o on o.outline_id = t.outline_id
    """,
    "kept_spans": "select * exclude (trace) from kept_spans",
    "kept_lines": """
        select o.code_sum, o.lines, l.line, l.start_ns, k.code
        from kept_lines as l join outlines as o on o.outline_id = l.outline_id
        join links as k on k.link_id = l.link_id
    """,
}


def fold_by_loops(engine: Engine, *slices: pa.Table, key: bytes, step_s: int) -> None:
    """Fold slices of whole traces; the table `methods` is there."""
    engine.run(NO_SAYINGS)
    folding = Folding(engine, key=key, step_s=step_s, whole=WHOLE)
    for spans in slices:
        lines = sliced([lines_of(engine, spans, key)], 2**62)
        folding.fold(lines, lines.sayings() > 0)


def fold_in_parts(
    engine: Engine, *places: pa.Table, parts: int, key: bytes, step_s: int
) -> list[int]:
    """Fold spans that lie in several places, as parts that do not know of each other.

    The table `methods` is there. Gives the parts that had any traces.
    """
    sent, said = defaultdict(list), []
    for spans in places:
        with DuckDBEngine(threads=1) as there:
            there.run(NO_SAYINGS)
            parcels = Parcels(there, key, parts)
            for part, parcel in parcels.packed(lines_of(there, spans, key)):
                sent[part].append(parcel)
            said.append(parcels.said())
    told = coded(engine, said)
    engine.write("told", told)
    methods = "select t.*, coalesce(m.method, t.operation) as method from told as t "
    methods += "left join methods as m on m.service = t.service and m.operation = t.operation"
    told = engine.query(f"{methods} order by code")
    begin(engine)
    made = {}
    for part, parcels_of in sorted(sent.items(), reverse=True):
        with DuckDBEngine(threads=1) as there:
            there.run(NO_SAYINGS)
            lines = arrived(there, parcels_of, told, key)
            made[part] = fold_part(there, lines, key=key, step_s=step_s, whole=WHOLE)
    meeting = Parts(engine, key)
    for part, tables in made.items():
        for table in FORMS:
            meeting.meet(table, part, tables[table])
    chosen = meeting.join()
    for part, tables in made.items():
        meeting.count(part, tables[COUNTS])
        for table in KEPT:
            meeting.meet(table, part, wanted_of(tables[table], chosen))
    meeting.keep()
    return sorted(made)


def lines_of(engine: Engine, spans: pa.Table, key: bytes) -> Lines:
    """Spans as lines, whose sayings are in the engine."""
    engine.write("given_spans", spans)
    engine.run(NEW)
    return numbered(engine.query(ROWS_OF).cast(ROWS), key)


def folded_rows(engine: Engine, *tables: str) -> dict[str, list[str]]:
    """What is in the tables that are folded into, in one order."""
    plain_counts(engine)
    return {
        table: sorted(map(repr, engine.query(sql).to_pylist()))
        for table, sql in FOLDED.items()
        if not tables or table in tables
    }
