"""What spans say beside their ids and times: told once for all spans that say the same.

A million spans have some thousand sayings: service, operation, kind, attributes that mean something
and the like. So each is normalised once, and a span carries the number of its saying.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files
from weakref import WeakKeyDictionary

import pyarrow as pa

from informer.core.ports import Engine
from informer.core.tables import SPANS
from informer.core.types import Ints
from informer.spans.ids import LONGEST_ID, NO_SPAN, NO_TRACE, ROOTS
from informer.spans.meanings import OF_RESOURCE, OF_SPAN, attribute, extracted, quoted
from informer.spans.received_rows import PARTS, Apart, Received, Sql
from informer.spans.shown import bounded, name, renamed

OWN = (
    *("trace_id", "span_id", "parent_span_id", "start_ns", "duration_ns"),
    *("attributes", "resource"),
)
# Columns beside those of the rows, whose names are anybody's.
SAID, BOUNDED, ATTRIBUTES, PLACE, SAYING, SERVICE = (
    f'"informer {n}"' for n in ("said", "bounded", "attributes", "place", "saying", "service")
)
TOLD = (
    *("service", "operation", "kind", "peer", "status_code", "failed", "refused", "weight"),
    *("version", "scope"),
)
NEW = "new_sayings"
NO_SAYINGS = """
create table if not exists sayings (
    saying bigint, service varchar, operation varchar, kind varchar, peer varchar,
    status_code bigint, failed boolean, refused boolean, weight double, version varchar,
    scope varchar
)
"""

# How often sayings were forgotten: who knows their numbers has to know that.
_FORGOT: WeakKeyDictionary[Engine, int] = WeakKeyDictionary()


def forget_sayings(engine: Engine, kept: Ints) -> None:
    """Let all sayings go but these: the rest have other numbers, when they come again."""
    engine.append("kept_sayings", pa.table({"saying": kept}), passing=True)
    engine.run("delete from sayings where saying not in (select saying from kept_sayings)")
    engine.run("drop table kept_sayings")
    _FORGOT[engine] = times_forgotten(engine) + 1


def times_forgotten(engine: Engine) -> int:
    """Another number after sayings of this engine were forgotten."""
    return _FORGOT.get(engine, 0)


def whole_spans(lines: str) -> Sql:
    """A SELECT of the columns of `spans` from a table with those of ROWS, and `sayings`."""
    told = {n: f"s.{n}" for n in TOLD} | {"attributes": bounded()}
    columns = ", ".join(f"{told.get(n, n)} as {n}" for n in SPANS.names)
    return (
        f"select {columns} from (select *, all_attributes as attributes from {lines}) as l "
        "join sayings as s on s.saying = l.saying"
    )


def told_lines(
    engine: Engine, received: Received | Apart, correlate: str | None, wanted: Sql, *, whole: bool
) -> Sql:
    """A SELECT of wanted spans: the columns of `spans`, `saying`, why a row is rejected (`reason`),
    `backwards` durations, and `all_attributes` as they came.

    Adds what was not said before to the table `sayings`. With `whole`, attributes will be shown.
    """
    if isinstance(received, Apart):
        return _told_apart(engine, received, correlate, wanted)
    rows = _with_attributes(engine, received, whole=whole)
    keys = {**received.keys(), SAID: SAID}
    distinct = ", ".join(f"{sql} as {n}" for n, sql in keys.items())
    said = (
        f"select *, row_number() over () as {PLACE} from (select distinct {distinct} from {rows})"
    )
    _tell(engine, said, received.said())
    own = {n: received.columns[n] for n in OWN}
    if whole:
        own["bounded"] = BOUNDED
    own |= {f"key_{n}": sql for n, sql in enumerate(keys.values())}
    lines = f"select {', '.join(f'{sql} as {n}' for n, sql in own.items())} from {rows}"
    same = " and ".join(f"k.{key} is not distinct from l.key_{n}" for n, key in enumerate(keys))
    shown = "coalesce(bounded, '{}')" if whole else bounded()
    return _lines(lines, same, shown, correlate, wanted)


def sayings_of(engine: Engine, received: Received, number: Sql) -> pa.Table:
    """The `saying` of every row, which is `number` there, and the `service` as it was received.

    Adds what was not said before to the table `sayings`. Rows mostly say different things.
    """
    rows = _with_attributes(engine, received, whole=False)
    keys = {**received.keys(), SAID: SAID, PLACE: number}
    parts = ", ".join(f"{sql} as {n}" for n, sql in keys.items())
    _tell(engine, f"select {parts} from {rows}", received.said())
    return engine.query(
        f"select {PLACE} as number, {SAYING} as saying, {SERVICE} as service from known_sayings"
    )


def told_sayings(engine: Engine, sayings: pa.Table) -> pa.Table:
    """The columns of TOLD, a row for each of some sayings; `sayings` has those of PARTS and
    `meant`.
    """
    numbers = pa.array(range(sayings.num_rows), pa.int64())
    engine.append(NEW, sayings.append_column("number", numbers), passing=True)
    engine.run(NO_SAYINGS)
    _tell_apart(engine, NEW)
    told = ", ".join(f'"told {n}" as {n}' for n in TOLD)
    made = engine.query(f"select {told} from known_sayings order by {PLACE}")
    for table in ("sayings", "known_sayings", "said_attributes", NEW):
        engine.run(f"drop table {table}")
    return made


def _told_apart(engine: Engine, received: Apart, correlate: str | None, wanted: Sql) -> Sql:
    _tell_apart(engine, received.sayings)
    lines = (
        "select a.*, s.resource from "
        f"{received.lines} as a join {received.sayings} as s on s.number = a.number"
    )
    shown = f"case when in_bounds then {renamed()} else {bounded()} end"
    return _lines(lines, f"k.{PLACE} = l.number", shown, correlate, wanted)


def _tell_apart(engine: Engine, sayings: Sql) -> None:
    """Make `known_sayings` of those of a reader."""
    _read_attributes(engine, f"select distinct meant as attributes from {sayings}", "null")
    said = (
        f"select r.*, r.number as {PLACE}, a.said as {SAID} from {sayings} as r "
        "left join said_attributes as a on a.attributes = r.meant"
    )
    _tell(engine, said, {n: sql.format(n) for n, sql in PARTS.items()})


def _with_attributes(engine: Engine, received: Received, *, whole: bool) -> Sql:
    """The rows, and what their attributes say. Makes `said_attributes`."""
    texts = f"select distinct {received.columns['attributes']} as attributes from {received.rows}"
    _read_attributes(engine, texts, bounded() if whole else "null")
    if not whole and not _say_something(engine):
        return f"(select *, null::bigint as {SAID} from {received.rows})"
    return f"""(
select r.*, a.said as {SAID}, a.bounded as {BOUNDED}
from (select *, {received.columns["attributes"]} as {ATTRIBUTES} from {received.rows}) as r
left join said_attributes as a on a.attributes = r.{ATTRIBUTES})"""


def _read_attributes(engine: Engine, texts: Sql, shown: Sql) -> None:
    """Make `said_attributes`: what each of the texts says, by number, and how it is shown."""
    read, _ = extracted("attributes", OF_SPAN)
    engine.run(f"""
create or replace temp table read_attributes as
select attributes, {read}, {shown} as bounded
from ({texts}) as a
where a.attributes is not null;
create or replace temp table said_lists as
select attributes_said, row_number() over () as said
from (select distinct attributes_said from read_attributes);
create or replace temp table said_attributes as
select r.attributes, n.said, r.bounded
from read_attributes as r
join said_lists as n on n.attributes_said is not distinct from r.attributes_said;
drop table read_attributes
""")


def _say_something(engine: Engine) -> bool:
    """Whether any attribute is there that has a meaning."""
    lists = engine.query(
        "select count(*) as n from said_lists "
        "where len(list_filter(attributes_said, lambda value: value is not null)) > 0"
    )
    return bool(lists["n"][0].as_py())


def _tell(engine: Engine, said: Sql, told_by: Mapping[str, Sql]) -> None:
    """Make `known_sayings`: what a saying is as received, and as it is told.

    `said` is a SELECT of sayings as received, `told_by` what their parts are over its columns.
    """
    _, expressions = extracted("attributes", OF_SPAN)
    read_resource, of_resource = extracted("resource", OF_RESOURCE)
    parts = ", ".join(f"{sql} as {n}" for n, sql in told_by.items())
    engine.run(f"""
create or replace temp table received_sayings as {said};
create or replace temp table told_sayings as
with joined as (
    select null::varchar as trace_id, null::varchar as span_id, null::varchar as parent_span_id,
        null::bigint as start_ns, null::bigint as duration_ns, null::varchar as attributes,
        s.*, a.attributes_said
    from (select {PLACE}, {SAID}, {parts} from received_sayings) as s
    left join said_lists as a on a.said = s.{SAID}
),
read as (select *, {read_resource} from joined),
said as (select *, {", ".join(expressions + of_resource)} from read),
{files("informer.spans").joinpath("spans.sql").read_text(encoding="utf-8")}
select {PLACE}, {", ".join(f"{sql} as {n}" for n, sql in _told().items())} from kept;
insert into sayings
select (select coalesce(max(saying), 0) from sayings) + row_number() over (), *
from (
    select distinct {", ".join(TOLD)} from told_sayings as t
    where not exists (select 1 from sayings as s where {_same("s", "t", TOLD)})
);
create or replace temp table known_sayings as
select r.*, s.saying as {SAYING}, c.service as {SERVICE},
    {", ".join(f's.{n} as "told {n}"' for n in TOLD)}
from received_sayings as r
join told_sayings as t on t.{PLACE} = r.{PLACE}
join (select {PLACE}, {told_by["service"]} as service from received_sayings) as c
    on c.{PLACE} = r.{PLACE}
join sayings as s on {_same("s", "t", TOLD)};
drop table said_lists; drop table told_sayings; drop table received_sayings
""")


def _lines(lines: Sql, same: Sql, shown: Sql, correlate: str | None, wanted: Sql) -> Sql:
    """The SELECT of `told_lines`; `same` says which of `known_sayings` a line's is."""
    trace_id = "trace_id"
    if correlate is not None:
        trace_id = attribute(correlate, "l.attributes", "l.resource")
    missing = quoted(f"missing_{correlate or 'trace_id'}")
    return f"""
with received_lines as ({lines}),
joined as (
    select l.* replace ({trace_id} as trace_id), k.{SAYING} as saying, k.{SERVICE} as as_received,
        {", ".join(f'k."told {n}" as {n}' for n in TOLD)}
    from received_lines as l
    left join known_sayings as k on {same}
),
shown as (
    select
        {_short("trace_id")} as trace_id,
        {_short("span_id")} as span_id,
        case
            when parent_span_id in {_listed(ROOTS)} then null
            else {_short("parent_span_id")}
        end as parent_span_id,
        start_ns, greatest(coalesce(duration_ns, 0), 0) as duration_ns,
        {", ".join(TOLD)}, {shown} as attributes, saying,
        attributes as all_attributes, resource as all_resource,
        case
            when trace_id is null and span_id is null and as_received is null and start_ns is null
                then 'unreadable'
            when coalesce(trace_id, '') in {_listed(NO_TRACE)} then {missing}
            when coalesce(span_id, '') in {_listed(NO_SPAN)} then 'missing_span_id'
            when coalesce(as_received, '') = '' then 'missing_service'
            when coalesce(start_ns, 0) <= 0 then 'missing_time'
        end as reason,
        coalesce(duration_ns < 0, false) as backwards
    from joined
)
select * from shown where ({wanted}) or reason in ('unreadable', 'missing_time')
"""


def _short(column: str) -> Sql:
    """As `shortened`."""
    least = f"left({column}, {LONGEST_ID})"
    return f"case when strlen({column}) > {LONGEST_ID} then {least} else {column} end"


def _listed(texts: Sequence[str]) -> Sql:
    return f"({', '.join(map(quoted, texts))})"


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
