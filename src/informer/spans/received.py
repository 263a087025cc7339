"""Spans as a reader finds them, and the SQL that makes rows of the `spans` table of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

import pyarrow as pa

from informer.core.ports import Engine
from informer.core.tables import SPANS
from informer.spans.meanings import OF_RESOURCE, OF_SPAN, attribute, extracted, quoted
from informer.spans.sayings import LINES, NO_LINES, NO_SAYINGS, Received, told_lines
from informer.spans.shown import bounded, name

# What every reader gives; all but the ids, the service and the start may be null.
RECEIVED = pa.schema(
    [
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("parent_span_id", pa.string()),  # null, '', 'root', '-1' or zeros = root
        ("service", pa.string()),
        ("operation", pa.string()),  # the span's name
        ("kind", pa.string()),  # in any spelling
        ("peer", pa.string()),
        ("start_ns", pa.int64()),
        ("duration_ns", pa.int64()),  # may be negative
        ("status_code", pa.int64()),
        ("failed", pa.bool_()),
        ("weight", pa.float64()),
        ("version", pa.string()),
        ("scope", pa.string()),
        ("trace_state", pa.string()),  # W3C
        ("attributes", pa.string()),  # a JSON object
        ("resource", pa.string()),  # a JSON object
    ]
)
FATES = (
    "select reason, count(*) as rows, count(*) filter (reason is null and backwards) as backwards"
)
FATE = f"{FATES} from told_spans group by reason"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which spans are wanted, and what joins them into requests."""

    correlate: str | None = None  # an attribute that takes the place of the trace id
    where: str | None = None  # as the user wrote it
    from_ns: int | None = None
    until_ns: int | None = None


@dataclass(slots=True)
class Tally:
    """What happened to rows that were not as they should be."""

    rows: int = 0
    rejected: Counter[str] = field(default_factory=Counter)
    mended: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)

    def add(self, fates: Iterable[Mapping[str, Any]]) -> int:
        """Count what became of rows, by reason; how many are spans."""
        spans = 0
        for fate in fates:
            self.rows += fate["rows"]
            self.mended["negative_duration"] += fate["backwards"]
            if fate["reason"] is None:
                spans += fate["rows"]
            else:
                self.rejected[fate["reason"]] += fate["rows"]
        return spans

    def say_what_was_mended(self) -> None:
        """Note once what was put right instead of rejected."""
        if self.mended["negative_duration"]:
            self.notes.append(
                f"{self.mended['negative_duration']} spans end before they start: "
                "their duration is taken as 0"
            )
        if self.mended["no_request_id"]:
            self.notes.append(
                f"{self.mended['no_request_id']} lines have no request id: each is its own chain"
            )


def stage_spans(
    engine: Engine,
    table: str,
    received: str | Received,
    correlate: str | None,
    wanted: str,
    tally: Tally,
    *,
    apart: bool = False,
) -> int:
    """Add a piece of spans to the passing table `table`; how many they are.

    `received` is a SELECT with the columns of RECEIVED over at most some million rows, `wanted` is
    checked SQL, `correlate` an attribute that takes the place of the trace id. With `apart`, rows
    of the table are those of LINES, and `sayings` has what they say.
    Errors: InformerError for a file that is damaged where it was not looked at.
    """
    engine.run(NO_SAYINGS)
    if isinstance(received, str):
        received = Received(f"({received})", {name: name for name in RECEIVED.names})
    lines = told_lines(engine, received, correlate, wanted, whole=not apart)
    if apart:
        return _stage_apart(engine, table, lines, tally)
    engine.append(table, SPANS.empty(), passing=True)
    columns = ", ".join(SPANS.names)
    engine.run(
        f"create or replace temp table told_spans as "
        f"select {columns}, reason, backwards from ({lines})"
    )
    engine.run(f"insert into {table} by name select {columns} from told_spans where reason is null")
    spans = tally.add(engine.query(FATE).to_pylist())
    # Sayings are for lines; who reads on for ever must not keep all that was ever said.
    engine.run("drop table told_spans; drop table sayings; drop table known_sayings")
    return spans


def _stage_apart(engine: Engine, table: str, lines: str, tally: Tally) -> int:
    """Add lines to a table with the columns of LINES; how many are spans."""
    engine.run(f"create temp table if not exists {table} as {NO_LINES}")
    last = engine.query(f"select coalesce(max(piece), 0) as piece from {table}")
    piece = last["piece"][0].as_py() + 1
    columns = ", ".join(n for n in LINES if n != "piece")
    engine.run(f"insert into {table} by name select {columns}, {piece} as piece from ({lines})")
    fates = engine.query(f"{FATES} from {table} where piece = {piece} group by reason")
    spans = tally.add(fates.to_pylist())
    if fates["reason"].null_count < fates.num_rows:
        engine.run(f"delete from {table} where reason is not null")
    return spans


def spans_sql(correlate: str | None, wanted: str) -> str:
    """SQL: the columns of `spans`, why a row is rejected (`reason`), and `backwards` durations.

    What attributes and resources say is read once for each text: many spans share them.
    """
    read_span, of_span = extracted("attributes", OF_SPAN)
    read_resource, of_resource = extracted("resource", OF_RESOURCE)
    source, reason = "select * from received_spans", "reason"
    if correlate is not None:
        source = f"select * replace ({attribute(correlate)} as trace_id) from received_spans"
        missing = quoted(f"missing_{correlate}")
        reason = f"if(reason = 'missing_trace_id', {missing}, reason)"
    shown = ",\n".join(_columns())
    return f"""
with joined as ({source}),
read_attributes as (select attributes, {read_span} from (select distinct attributes from joined)),
read_resources as (select resource, {read_resource} from (select distinct resource from joined)),
read as (
    select j.*, a.attributes_said, r.resource_said
    from joined as j
    left join read_attributes as a on a.attributes = j.attributes
    left join read_resources as r on r.resource = j.resource
),
said as (select *, {", ".join(of_span + of_resource)} from read),
{files("informer.spans").joinpath("spans.sql").read_text(encoding="utf-8")},
shown as (select {shown},
    {reason} as reason, backwards, attributes as all_attributes, resource as all_resource from kept)
select {", ".join(SPANS.names)}, reason, backwards
from shown where ({wanted}) or reason in ('unreadable', 'missing_time')
"""


def _columns() -> list[str]:
    made = {
        "status_code": "code",
        "failed": "is_failed and not is_refused",
        "refused": "is_refused",
        "attributes": bounded(),
        **{column: name(column) for column in ("service", "operation", "peer", "version", "scope")},
    }
    return [f"{made.get(name, name)} as {name}" for name in SPANS.names]
