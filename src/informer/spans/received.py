"""Spans as a reader finds them, and the SQL that makes rows of the `spans` table of them."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from informer.core.lines import ROWS, Lines
from informer.core.ports import Engine
from informer.core.tables import SPANS
from informer.core.types import Json
from informer.spans.received_rows import Apart, Received
from informer.spans.sayings import NO_SAYINGS, told_lines

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
FATE = pa.schema([("reason", pa.string()), ("rows", pa.int64()), ("backwards", pa.int64())])


@dataclass(frozen=True, slots=True)
class Selection:
    """Which spans are wanted, what joins them into requests, and how they are told apart."""

    correlate: str | None = None  # an attribute that takes the place of the trace id
    where: str | None = None  # as the user wrote it
    from_ns: int | None = None
    until_ns: int | None = None
    whole_paths: bool = False  # operations keep the ids in their paths, where lines are read


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

    def count_damage(self, path: Path, damage: str) -> None:
        """Count a file that is damaged further down."""
        self.rejected["damaged_file"] += 1
        self.notes.append(f"{path}: {damage}; what could be read before was used")

    def told(self) -> pa.Table:
        """All of it as fates that `add` takes, for a tally of more than this."""
        backwards = self.mended["negative_duration"]
        spans = self.rows - self.rejected.total()
        rows: list[Json] = [{"reason": None, "rows": spans, "backwards": backwards}]
        rows += [{"reason": r, "rows": n, "backwards": 0} for r, n in self.rejected.items()]
        return pa.Table.from_pylist(rows, FATE)

    def merge(self, other: "Tally") -> None:
        """Count what was counted apart."""
        self.rows += other.rows
        self.rejected.update(other.rejected)
        self.mended.update(other.mended)
        self.notes.extend(other.notes)

    def taken(self) -> "Tally":
        """What was counted so far; it begins anew."""
        taken = Tally(self.rows, self.rejected.copy(), self.mended.copy(), self.notes.copy())
        self.rows = 0
        for counted in (self.rejected, self.mended, self.notes):
            counted.clear()
        return taken

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
    received: Received | Apart,
    correlate: str | None,
    wanted: str,
    tally: Tally,
) -> int:
    """Add a piece of spans to the passing table `table`; how many they are.

    `received` holds at most some million rows, `wanted` is checked SQL, `correlate` an attribute
    that takes the place of the trace id.
    Errors: InformerError for a file that is damaged where it was not looked at.
    """
    engine.append(table, SPANS.empty(), passing=True)
    columns = ", ".join(SPANS.names)
    told = told_sql(engine, received, correlate, wanted)
    before = _count(engine, table)
    engine.run(f"insert into {table} by name select {columns} from ({told}) where reason is null")
    spans = _count(engine, table) - before
    if isinstance(received, Apart) and spans == _count(engine, received.lines):
        backwards = _count(engine, f"{received.lines} where duration_ns < 0")
        tally.add([{"reason": None, "rows": spans, "backwards": backwards}])
    else:  # told again, with few columns: to set all of them aside in between costs more
        tally.add(engine.query(f"{FATES} from ({told}) group by reason").to_pylist())
    # Sayings are for lines; who reads on for ever must not keep all that was ever said.
    engine.run("drop table sayings; drop table known_sayings")
    return spans


def lines_apart(
    engine: Engine,
    received: Received | Apart,
    correlate: str | None,
    wanted: str,
    tally: Tally,
    key: bytes,
) -> Lines:
    """A piece of spans apart from what they say, which is in the table `sayings`.

    `key` makes the numbers of ids secret; the rest is as in `stage_spans`.
    """
    # Compiled loops take a while to load: who does not learn goes without them.
    from informer.spans.numbers import numbered

    engine.run(NO_SAYINGS)
    lines = told_lines(engine, received, correlate, wanted, whole=False)
    columns = ", ".join([*ROWS.names, "reason", "backwards"])
    told = engine.query(f"select {columns} from ({lines})")
    is_span = pc.is_null(told["reason"])
    backwards = pc.sum(pc.and_(told["backwards"], is_span)).as_py() or 0
    fates = pc.value_counts(told["reason"]).to_pylist()
    tally.add(
        {
            "reason": fate["values"],
            "rows": fate["counts"],
            "backwards": 0 if fate["values"] else backwards,
        }
        for fate in fates
    )
    kept = told.filter(is_span) if told["reason"].null_count < told.num_rows else told
    return numbered(kept.select(ROWS.names).cast(ROWS), key)


def _count(engine: Engine, rows: str) -> int:
    return int(engine.query(f"select count(*) as n from {rows}")["n"][0].as_py())


def told_sql(engine: Engine, received: Received | Apart, correlate: str | None, wanted: str) -> str:
    """A SELECT of the columns of `spans`, why a row is rejected (`reason`), and `backwards`."""
    engine.run(NO_SAYINGS)
    columns = ", ".join([*SPANS.names, "reason", "backwards"])
    return f"select {columns} from ({told_lines(engine, received, correlate, wanted, whole=True)})"
