"""What spans say beside their ids and times: told once for all spans that say the same.

A million spans have some thousand sayings: service, operation, kind, attributes that mean something
and the like. So each is normalised once, and a span carries the number of its saying.
"""

from importlib.resources import files
from typing import TypeAlias

from informer.core.ports import Engine
from informer.core.tables import SPANS
from informer.spans.meanings import OF_RESOURCE, OF_SPAN, attribute, extracted, quoted
from informer.spans.shown import bounded, name

Sql: TypeAlias = str

# Columns of RECEIVED of which a saying is made, and how.
RAW = {
    **{n: n for n in ("service", "operation", "kind", "peer", "status_code", "failed", "weight")},
    **{n: n for n in ("version", "scope")},
    # Random numbers stand beside what the sampler says.
    "trace_state": "case when trace_state is not null then "
    r"concat('ot=th:', regexp_extract(trace_state, 'ot=[^,]*?\bth:([0-9a-f]{1,14})', 1), "
    r"';p:', regexp_extract(trace_state, 'ot=[^,]*?\bp:([0-9]{1,2})', 1)) end",
    "resource": "resource",
}
TOLD = (
    *("service", "operation", "kind", "peer", "status_code", "failed", "refused", "weight"),
    *("version", "scope"),
)
NO_SAYINGS = """
create table if not exists sayings (
    saying bigint, service varchar, operation varchar, kind varchar, peer varchar,
    status_code bigint, failed boolean, refused boolean, weight double, version varchar,
    scope varchar
)
"""
# A span apart from what it says; the attributes are still as they came.
LINES = {
    **{name: "varchar" for name in ("trace_id", "span_id", "parent_span_id")},
    **{name: "bigint" for name in ("start_ns", "duration_ns")},
    "all_attributes": "varchar",
    "saying": "bigint",
}
NO_LINES = f"select {', '.join(f'null::{t} as {n}' for n, t in LINES.items())} limit 0"


def whole_spans(lines: str) -> Sql:
    """A SELECT of the columns of `spans` from a table with those of LINES, and `sayings`."""
    told = {n: f"s.{n}" for n in TOLD} | {"attributes": bounded()}
    columns = ", ".join(f"{told.get(n, n)} as {n}" for n in SPANS.names)
    return (
        f"select {columns} from (select *, all_attributes as attributes from {lines}) as l "
        "join sayings as s on s.saying = l.saying"
    )


def tell_sayings(engine: Engine, received: Sql, *, whole: bool) -> None:
    """Make `known_sayings`, and add what was not said before to the table `sayings`.

    `received` is a SELECT with the columns of RECEIVED; `whole` = attributes will be shown.
    """
    read, expressions = extracted("attributes", OF_SPAN)
    read_resource, of_resource = extracted("resource", OF_RESOURCE)
    raw = ", ".join(RAW)
    engine.run(f"""
create or replace temp table read_attributes as
select attributes, {read}, {bounded() if whole else "null"} as bounded from (select distinct attributes from ({received}))
where attributes is not null;
create or replace temp table said_lists as
select attributes_said, row_number() over () as said
from (select distinct attributes_said from read_attributes);
create or replace temp table said_attributes as
select r.attributes, n.said, r.bounded
from read_attributes as r
join said_lists as n on n.attributes_said is not distinct from r.attributes_said;
create or replace temp table received_sayings as
select *, row_number() over () as place
from (select distinct {_raw()}, said from {_read(received)});
create or replace temp table told_sayings as
with joined as (
    select null::varchar as trace_id, null::varchar as span_id, null::varchar as parent_span_id,
        null::bigint as start_ns, null::bigint as duration_ns, null::varchar as attributes,
        s.place, {", ".join(f"s.{n}" for n in RAW)}, a.attributes_said
    from received_sayings as s
    left join said_lists as a on a.said = s.said
),
read as (select *, {read_resource} from joined),
said as (select *, {", ".join(expressions + of_resource)} from read),
{files("informer.spans").joinpath("spans.sql").read_text(encoding="utf-8")}
select place, {", ".join(f"{sql} as {n}" for n, sql in _told().items())} from kept;
insert into sayings
select (select coalesce(max(saying), 0) from sayings) + row_number() over (), *
from (
    select distinct {", ".join(TOLD)} from told_sayings as t
    where not exists (select 1 from sayings as s where {_same("s", "t", TOLD)})
);
create or replace temp table known_sayings as
select {", ".join(f"r.{n} as raw_{n}" for n in RAW)}, r.said as raw_said,
    s.saying, {", ".join(f"s.{n}" for n in TOLD)}
from received_sayings as r
join told_sayings as t on t.place = r.place
join sayings as s on {_same("s", "t", TOLD)};
drop table read_attributes; drop table said_lists; drop table told_sayings;
drop table received_sayings
""")


def lines_sql(received: Sql, correlate: str | None, wanted: Sql, *, whole: bool) -> Sql:
    """A SELECT of wanted spans: the columns of `spans`, `saying`, why a row is rejected (`reason`),
    `backwards` durations, and `all_attributes` as they came. `tell_sayings` goes before.
    """
    trace_id = (
        "l.trace_id" if correlate is None else attribute(correlate, "l.attributes", "l.resource")
    )
    missing = quoted(f"missing_{correlate or 'trace_id'}")
    same = " and ".join(f"k.raw_{n} is not distinct from l.raw_{n}" for n in (*RAW, "said"))
    told = {n: f"k.{n}" for n in TOLD}
    shown = "coalesce(bounded, '{}')" if whole else bounded()
    return f"""
with received_lines as (
    select trace_id, span_id, parent_span_id, start_ns, duration_ns, attributes, resource, bounded, said,
        {", ".join(f"{sql} as raw_{n}" for n, sql in RAW.items())}, said as raw_said
    from {_read(received)}
),
joined as (
    select l.* replace ({trace_id} as trace_id), k.saying, {", ".join(told.values())}
    from received_lines as l
    left join known_sayings as k on {same}
),
shown as (
    select
        left(trace_id, 256) as trace_id,
        left(span_id, 256) as span_id,
        case
            when parent_span_id in ('', 'root', '-1', '0000000000000000') then null
            else left(parent_span_id, 256)
        end as parent_span_id,
        start_ns, greatest(coalesce(duration_ns, 0), 0) as duration_ns,
        {", ".join(TOLD)}, {shown} as attributes, saying,
        attributes as all_attributes, resource as all_resource,
        case
            when trace_id is null and span_id is null and raw_service is null and start_ns is null
                then 'unreadable'
            when coalesce(trace_id, '') = '' then {missing}
            when coalesce(span_id, '') = '' then 'missing_span_id'
            when coalesce(raw_service, '') = '' then 'missing_service'
            when coalesce(start_ns, 0) <= 0 then 'missing_time'
        end as reason,
        coalesce(duration_ns < 0, false) as backwards
    from joined
)
select * from shown where ({wanted}) or reason in ('unreadable', 'missing_time')
"""


def _read(received: Sql) -> Sql:
    """Rows as received, and the number of what their attributes say."""
    return (
        f"(select r.*, a.said, a.bounded from ({received}) as r "
        "left join said_attributes as a on a.attributes = r.attributes)"
    )


def _raw() -> Sql:
    return ", ".join(f"{sql} as {n}" for n, sql in RAW.items())


def _told() -> dict[str, Sql]:
    made = {
        "status_code": "code",
        "failed": "is_failed and not is_refused",
        "refused": "is_refused",
        **{n: name(n) for n in ("service", "operation", "peer", "version", "scope")},
    }
    return {n: made.get(n, n) for n in TOLD}


def _same(one: str, other: str, names: tuple[str, ...]) -> Sql:
    return " and ".join(f"{one}.{n} is not distinct from {other}.{n}" for n in names)
