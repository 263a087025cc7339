"""Lines out of the columns of Parquet files as they lie there, mostly without SQL.

A saying is told by SQL once, when the first row comes that has it; see `told_lines`, which does the
same for rows of any kind.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.ahead import ahead
from informer.core.compiled import compiled
from informer.core.lines import ROWS, Lines
from informer.core.ports import Engine
from informer.core.types import Bools, Ints
from informer.spans.clock import UNITS_NS
from informer.spans.columns import received_rows
from informer.spans.layouts import unit_of
from informer.spans.meanings import OF_RESOURCE, OF_SPAN, extracted
from informer.spans.numbers import id_numbers, number_texts
from informer.spans.received import Selection, Tally
from informer.spans.row_groups import RowGroups
from informer.spans.sayings import NO_SAYINGS, PARTS, told_lines
from informer.spans.times import WHOLE, Times
from informer.spans.tuples import Column, Indexed, Meanings, Tuples, indexed

ROOTS = ("", "root", "-1", "0000000000000000")
NO_TRACE, NO_SPAN = ("", "0" * 32), ("", "0" * 16)
LONGEST_ID = 256
TEXTS = ("VARCHAR", "JSON")
NUMBERS = ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE", "FLOAT")
IDS = ("trace_id", "span_id", "parent_span_id")
JSON_TEXTS = ("attributes", "resource_attributes")
FIRST_ROWS = "first_rows"
TOLD_FIRST = "select cast(span_id as bigint) as number, saying, reason from ({told})"
# What resources say beside what they hold; see spans.sql.
RESOURCE_SAYS = """
select [said_service_version, coalesce(said_template_hash, nullif(regexp_extract(
    said_pod, '-([bcdfghjklmnpqrstvwxz2456789]{6,10})-[bcdfghjklmnpqrstvwxz2456789]{5}$', 1
), ''))] as says
"""
READ_AHEAD = 2  # pieces: more would be quicker by a tenth, and take a tenth of a gigabyte each


def fits(
    columns: Mapping[str, str], types: Mapping[str, str], times: Times, selection: Selection
) -> bool:
    """Whether the columns of a file are lines as they are."""
    if selection.correlate is not None or selection.where is not None or "callee" in columns:
        return False
    forms = dict(times.forms)
    return (
        {"trace_id", "span_id"} <= columns.keys()
        and all(types[columns[n]] in TEXTS for n in (*IDS, *JSON_TEXTS) if n in columns)
        and all(form == WHOLE for form in forms.values())
        and not any(n.startswith("end_") for n in forms)
        and all(
            types[column] in (*TEXTS, *NUMBERS) for n, column in columns.items() if n not in forms
        )
        and len(set(columns.values())) == len(columns)
    )


@dataclass(frozen=True, slots=True)
class ReadRows:
    """A piece with its times and the numbers of its ids; and what its columns say, told apart."""

    table: pa.Table
    said: list[Indexed]
    ids: list[pa.Array]  # trace, span, parent
    start_ns: Ints
    duration_ns: Ints
    trace: Ints
    span: Ints
    up: Ints
    soft: Bools


class ParquetLines:
    """Files of one layout on their way into lines."""

    def __init__(
        self,
        engine: Engine,
        paths: Sequence[Path],
        columns: Mapping[str, str],
        types: Mapping[str, str],
        times: Times,
        format: str,
        selection: Selection,
        tally: Tally,
    ) -> None:
        self._engine, self._tally, self._selection = engine, tally, selection
        self._columns, self._unit = columns, times.unit
        received = received_rows(FIRST_ROWS, columns, types, times, format, "")
        self._received = received
        own = {n for n, _ in times.forms} | set(IDS) | set(JSON_TEXTS) | {"trace_state"}
        said = [c for n, c in columns.items() if n not in own]
        meant = {n: columns[n] for n in (*JSON_TEXTS, "trace_state") if n in columns}
        self._said = [*said, *meant.values()]
        told = [c for c in self._said if types[c] in TEXTS]
        ids = [columns[n] for n in IDS if n in columns and n != "trace_id"]
        needed = tuple(dict.fromkeys(columns.values()))
        self._groups = RowGroups(tuple(paths), needed, tuple(told), tuple(ids))
        self._meanings: list[Meanings | None] = [None] * len(said)
        self._meanings += [self._meaning_of(name) for name in meant]
        self._tuples = self._no_tuples()
        self._saying: Ints = np.empty(0, np.int64)
        self._most = 0

    def lines(self, key: bytes, *, skip: int, most: int) -> Iterator[Lines]:
        """All spans, a piece at a time; see Source."""
        self._engine.run(NO_SAYINGS)
        for read in ahead(self._read(key, skip, most), READ_AHEAD):
            yield self._lines(read, key)

    def _read(self, key: bytes, skip: int, most: int) -> Iterator[ReadRows]:
        """Pieces without their sayings: no engine is asked, so another thread may do it."""
        for table in self._groups.tables(most, skip):
            ids = [_short(self._column(table, n)) for n in IDS]
            start_ns, duration_ns = self._time(table, "start"), self._time(table, "duration")
            said = [indexed(_one(table[c])) for c in self._said]
            yield ReadRows(table, said, ids, start_ns, duration_ns, *id_numbers(ids, key))

    def _lines(self, read: ReadRows, key: bytes) -> Lines:
        table, start_ns, duration_ns = read.table, read.start_ns, read.duration_ns
        saying = self._sayings(table, read.said)
        texts = self._column(table, "attributes")
        rows = pa.table(
            [*read.ids, texts, start_ns, np.maximum(duration_ns, 0), saying], names=ROWS.names
        )
        lines = Lines(rows, read.trace, read.span, read.up, read.soft)
        if self._are_plain(lines, start_ns, duration_ns, saying, key):
            self._tally.add([{"reason": None, "rows": len(lines), "backwards": 0}])
            return lines
        roots = np.isin(lines.up, number_texts(ROOTS, key))
        if roots.any():
            parent = _without(read.ids[2], roots)
            rows = rows.set_column(ROWS.names.index("parent_span_id"), "parent_span_id", parent)
            lines = Lines(rows, lines.trace, lines.span, np.where(roots, -1, lines.up), lines.soft)
        reasons = self._reasons(table, lines, start_ns, saying, key)
        kept = self._count(reasons, start_ns, duration_ns)
        return lines if kept.all() else lines.take(np.flatnonzero(kept))

    def _are_plain(
        self, lines: Lines, start_ns: Ints, duration_ns: Ints, saying: Ints, key: bytes
    ) -> bool:
        """Whether all rows are spans that are wanted, as nearly always, and need no mending."""
        no_trace, no_span, no_up = (
            np.array(number_texts(ids, key), np.int64) for ids in (NO_TRACE, NO_SPAN, ROOTS)
        )
        low, high = self._selection.from_ns, self._selection.until_ns
        least_ns = 1 if low is None else max(1, low)
        most_ns = 2**63 - 1 if high is None else high - 1
        told = lines.trace, lines.span, lines.up, saying, start_ns, duration_ns
        return _are_plain(*told, no_trace, no_span, no_up, least_ns, most_ns)

    def _reasons(
        self, table: pa.Table, lines: Lines, start_ns: Ints, saying: Ints, key: bytes
    ) -> dict[str, Bools]:
        """Which rows are no spans, and why; a row is counted by the first of the reasons."""
        reasons = {
            "missing_trace_id": np.isin(lines.trace, [-1, *number_texts(NO_TRACE, key)]),
            "missing_span_id": np.isin(lines.span, [-1, *number_texts(NO_SPAN, key)]),
            "missing_service": saying < 0,
            "missing_time": start_ns <= 0,
        }
        bare = (lines.trace == -1) & (lines.span == -1) & (start_ns <= 0) & (saying < 0)
        if bare.any():
            needed = ("service", "start_" + (unit_of(self._columns, "start") or ""))
            for name in needed:
                bare &= table[self._columns[name]].is_null().to_numpy()
        return {"unreadable": bare} | reasons

    def _count(self, reasons: dict[str, Bools], start_ns: Ints, duration_ns: Ints) -> Bools:
        """Which rows are spans that are wanted; all that came are counted."""
        low, high = self._selection.from_ns, self._selection.until_ns
        wanted = np.ones(len(start_ns), bool)
        if low is not None:
            wanted &= start_ns >= low
        if high is not None:
            wanted &= start_ns < high
        kept = np.ones(len(start_ns), bool)
        for reason, these in reasons.items():
            if not these.any():
                continue
            here = these & kept
            counted = here if reason in ("unreadable", "missing_time") else here & wanted
            rows = int(counted.sum())
            if rows:
                self._tally.add([{"reason": reason, "rows": rows, "backwards": 0}])
            kept &= ~these
        kept &= wanted
        backwards = int((kept & (duration_ns < 0)).sum())
        self._tally.add([{"reason": None, "rows": int(kept.sum()), "backwards": backwards}])
        return kept

    def _sayings(self, table: pa.Table, said: Sequence[Indexed]) -> Ints:
        """The saying of every row, -1 = it names no service; [n]."""
        if self._tuples.full() or self._are_gone():
            self._forget()
        number, firsts = self._tuples.number(table.num_rows, said)
        if len(firsts):
            self._tell(table, firsts)
        return self._saying[number]

    def _tell(self, table: pa.Table, firsts: Ints) -> None:
        """Let the engine say what rows say, of the first that say it."""
        known = len(self._saying)
        first = table.take(pa.array(firsts))
        numbers = np.arange(known, known + len(firsts)).astype(str)
        for name, values in (("trace_id", ["t"] * len(firsts)), ("span_id", numbers.tolist())):
            place = first.schema.get_field_index(self._columns[name])
            first = first.set_column(place, self._columns[name], pa.array(values))
        start = self._columns[f"start_{unit_of(self._columns, 'start')}"]
        ones = pa.array(np.ones(len(firsts), np.int64))
        first = first.set_column(first.schema.get_field_index(start), start, ones)
        self._engine.append(FIRST_ROWS, first, passing=True)
        told = told_lines(self._engine, self._received, None, "true", whole=False)
        made = self._engine.query(TOLD_FIRST.format(told=told))
        self._engine.run(f"drop table {FIRST_ROWS}")
        is_span = made["reason"].is_null().to_numpy()
        sayings = np.full(len(firsts), -1, np.int64)
        sayings[made["number"].to_numpy()[is_span] - known] = made["saying"].to_numpy()[is_span]
        self._saying = np.append(self._saying, sayings)
        self._most = max(self._most, int(sayings.max(initial=0)))

    def _are_gone(self) -> bool:
        """Whether sayings were forgotten that are known here."""
        left = self._engine.query("select count(*) as n, max(saying) as most from sayings")
        here = len(np.unique(self._saying[self._saying >= 0]))
        return bool(here > left["n"][0].as_py() or self._most > (left["most"][0].as_py() or 0))

    def _forget(self) -> None:
        self._tuples = self._no_tuples()
        self._saying = np.empty(0, np.int64)
        self._most = 0

    def _no_tuples(self) -> Tuples:
        return Tuples([Column(meanings) for meanings in self._meanings])

    def _time(self, table: pa.Table, time: str) -> Ints:
        """Nanoseconds, 0 where there are none or too many; [n]."""
        unit = unit_of(self._columns, time)
        if unit is None:
            return np.zeros(table.num_rows, np.int64)
        column = _one(table[self._columns[f"{time}_{unit}"]]).cast(pa.int64())
        told: Ints = (column.fill_null(0) if column.null_count else column).to_numpy()
        starts = unit == unit_of(self._columns, "start")
        factor = UNITS_NS[self._unit if starts else unit]
        if factor == 1:
            return told
        fits = np.abs(told) <= (2**63 - 1) // factor
        return np.where(fits, told, 0) * factor

    def _column(self, table: pa.Table, name: str) -> pa.Array:
        if name not in self._columns:
            return pa.nulls(table.num_rows, pa.string())
        return _one(table[self._columns[name]])

    def _meaning_of(self, name: str) -> Meanings:
        """What texts of one column mean: those that mean the same make no new saying."""

        def meanings(texts: pa.Array) -> Sequence[Any]:
            given = pa.table({"place": np.arange(len(texts)), "text": texts.cast(pa.string())})
            self._engine.append("given_texts", given, passing=True)
            if name == "trace_state":
                said = PARTS["trace_state"].format("text")
                says = f"select place, [{said}] as says from given_texts"
            elif name == "attributes":
                read, _ = extracted("text", OF_SPAN)
                says = f"select place, {read.replace('text_said', 'says')} from given_texts"
            else:
                read, means = extracted("text", OF_RESOURCE)
                says = (
                    f"with read as (select place, {read} from given_texts), "
                    f"said as (select place, {', '.join(means)} from read) "
                    f"{RESOURCE_SAYS.replace('select ', 'select place, ')} from said"
                )
            told = self._engine.query(f"select says from ({says}) order by place")
            self._engine.run("drop table given_texts")
            return [None if row is None else tuple(row) for row in told["says"].to_pylist()]

        return meanings


def _one(column: pa.ChunkedArray) -> pa.Array:
    """A column in one piece; what is so already is not copied."""
    if column.num_chunks == 1:
        return column.chunk(0)
    joined = column.combine_chunks()
    return joined.chunk(0) if isinstance(joined, pa.ChunkedArray) else joined


def _short(texts: pa.Array) -> pa.Array:
    """Ids of bounded length."""
    longest = pc.max(pc.binary_length(_values(texts))).as_py() or 0
    if longest <= LONGEST_ID:
        return texts
    return pc.utf8_slice_codeunits(texts.cast(pa.string()), 0, LONGEST_ID)


def _values(texts: pa.Array) -> pa.Array:
    return texts.dictionary if pa.types.is_dictionary(texts.type) else texts


def _without(texts: pa.Array, gone: Bools) -> pa.Array:
    """The same texts, null at some places."""
    return pc.if_else(pa.array(gone), pa.scalar(None, texts.type), texts)


@compiled
def _are_plain(
    trace: Ints,
    span: Ints,
    up: Ints,
    saying: Ints,
    start_ns: Ints,
    duration_ns: Ints,
    no_trace: Ints,
    no_span: Ints,
    no_up: Ints,
    least_ns: int,
    most_ns: int,
) -> bool:
    plain = True
    for n in range(len(trace)):
        plain &= trace[n] >= 0 and span[n] >= 0 and saying[n] >= 0 and duration_ns[n] >= 0
        plain &= start_ns[n] >= least_ns and start_ns[n] <= most_ns
        for k in range(len(no_trace)):
            plain &= trace[n] != no_trace[k]
        for k in range(len(no_span)):
            plain &= span[n] != no_span[k]
        for k in range(len(no_up)):
            plain &= up[n] != no_up[k]
    return bool(plain)
