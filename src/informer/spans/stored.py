"""Spans that lie in a table of somebody else's engine: how they are told, wherever that is done."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeAlias

import pyarrow as pa

from informer.core.errors import InformerError
from informer.core.lines import Lines
from informer.core.ports import PIECE_ROWS, Engine
from informer.core.types import NS_PER_S
from informer.core.utf8 import valid_batches, valid_texts
from informer.spans.clock import UNITS_NS, WORDS
from informer.spans.columns import received_rows
from informer.spans.condition import wanted
from informer.spans.layouts import mapped, recognised, unit_of
from informer.spans.received import Selection, Tally, lines_apart, stage_spans
from informer.spans.received_rows import Received
from informer.spans.times import WHOLE, Times, times_of

ROWS = "stored_rows"
# The table of the OpenTelemetry Collector's ClickHouse exporter, in our names.
OTEL_TRACES = {
    "trace_id": "TraceId",
    "span_id": "SpanId",
    "parent_span_id": "ParentSpanId",
    "trace_state": "TraceState",
    "service": "ServiceName",
    "operation": "SpanName",
    "kind": "SpanKind",
    "start_ns": "Timestamp",
    "duration_ns": "Duration",
    "otlp_status": "StatusCode",
    "scope": "ScopeName",
    "attributes": "SpanAttributes",
    "resource_attributes": "ResourceAttributes",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """The wanted range in the unit of a column of starts that holds whole numbers."""

    column: str
    low: int | None
    high: int | None
    a_second: int


# Rows of a table, in pieces of about so many.
Pieces: TypeAlias = Callable[[int, Bounds | None], Iterator[pa.RecordBatchReader]]


@dataclass(frozen=True, slots=True)
class Telling:
    """All that is needed to make spans of stored rows; plain data, so that it can travel."""

    format: str
    columns: tuple[tuple[str, str], ...]  # ours, theirs
    types: tuple[tuple[str, str], ...]
    times: Times
    selection: Selection
    wanted: str  # SQL of the selection
    key: str  # sets rows without a trace id apart from those of other sources

    def received(self, piece: str) -> Received:
        """Rows of the table ROWS with the columns of RECEIVED; `piece` is theirs alone."""
        key = f"{self.key}-{piece}"
        columns, types = dict(self.columns), dict(self.types)
        return received_rows(ROWS, columns, types, self.times, self.format, key)

    def bounds(self) -> Bounds | None:
        """The wanted range, where starts are whole numbers."""
        columns = dict(self.columns)
        told = unit_of(columns, "start")
        if told is None or dict(self.times.forms)[f"start_{told}"] != WHOLE:
            return None
        unit = UNITS_NS[self.times.unit]
        low, high = self.selection.from_ns, self.selection.until_ns
        return Bounds(
            columns[f"start_{told}"],
            None if low is None else low // unit,
            None if high is None else -(-high // unit),
            NS_PER_S // unit,
        )


class StoredSource:
    """A table of another engine, known there as `place`: its rows come here in pieces."""

    def __init__(
        self,
        name: str,
        place: str,
        sample: pa.Table,
        pieces: Pieces,
        selection: Selection,
        columns: Mapping[str, str] | None = None,
    ) -> None:
        self.format = "table"
        self.names = [name]
        self.place = place
        self.tally = Tally()
        self.rejected = self.tally.rejected
        self.notes = self.tally.notes
        self._sample = valid_texts(sample)
        self._pieces, self._selection = pieces, selection
        self._columns = self._layout(columns)

    def telling(self, engine: Engine) -> Telling:
        """How its rows are made spans, from a look at the first of them by an engine of ours."""
        engine.write(ROWS, self._sample)  # not a passing one: those cannot be streamed from
        described = engine.stream(f"describe select * from {ROWS}").read_all().to_pylist()
        types = {row["column_name"]: row["column_type"] for row in described}
        times = times_of(engine.query, ROWS, self._columns, types)
        engine.run(f"drop table {ROWS}")
        told = unit_of(self._columns, "start")
        if told is not None and times.unit != told:
            self.notes.append(f"{self.names[0]}: times are {WORDS[times.unit]}, not {WORDS[told]}")
        return Telling(
            self.format,
            tuple(self._columns.items()),
            tuple(types.items()),
            times,
            self._selection,
            wanted(engine, self._selection),
            blake2b(self.names[0].encode(), digest_size=6).hexdigest(),
        )

    @property
    def row_bytes(self) -> float:
        """How large a row of it is in memory."""
        size: float = self._sample.nbytes / max(1, self._sample.num_rows)
        return size

    def stage(
        self, engine: Engine, table: str, *, skip: int = 0, most: int = PIECE_ROWS
    ) -> Iterator[int]:
        """Put all spans into a table, a piece at a time; see Source."""
        telling = self.telling(engine)
        for received in self._received(engine, telling, skip, most):
            yield stage_spans(
                engine, table, received, telling.selection.correlate, telling.wanted, self.tally
            )
        self.tally.say_what_was_mended()

    def lines(
        self, engine: Engine, key: bytes, *, skip: int = 0, most: int = PIECE_ROWS
    ) -> Iterator[Lines]:
        """All spans apart from what they say; see Source."""
        telling = self.telling(engine)
        for received in self._received(engine, telling, skip, most):
            yield lines_apart(
                engine, received, telling.selection.correlate, telling.wanted, self.tally, key
            )
        self.tally.say_what_was_mended()

    def _received(
        self, engine: Engine, telling: Telling, skip: int, most: int
    ) -> Iterator[Received]:
        for number, rows in enumerate(self._pieces(most, telling.bounds())):
            if number < skip:
                continue
            engine.append(ROWS, valid_batches(rows), passing=True)
            yield telling.received(str(number))
            engine.run(f"drop table {ROWS}")

    def _layout(self, columns: Mapping[str, str] | None) -> dict[str, str]:
        have, name = self._sample.schema.names, self.names[0]
        if columns:
            return mapped(columns, have, name)
        layout = recognised(have)
        if layout is None:
            raise InformerError(
                f"{name} must have known columns, or be told which is which with "
                f"--columns trace_id=...,span_id=...,service=...,start_ns=...; it has "
                f"{', '.join(have)}"
            )
        if layout[0]:
            self.notes.append(f"columns as in the {layout[0]} layout")
        self.format = "skywalking" if layout[0] == "SkyWalking" else "table"
        return layout[1]
