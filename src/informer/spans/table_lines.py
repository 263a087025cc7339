"""Tables of spans as lines: which of their columns are ids, times, and what rows say."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from informer.core.lines import Lines
from informer.core.ports import Engine
from informer.spans.columns import received_rows
from informer.spans.layouts import unit_of
from informer.spans.pieces import Piece
from informer.spans.received import Selection, Tally
from informer.spans.received_rows import Received
from informer.spans.said_lines import FIRST_ROWS, READ_AHEAD, SaidLines
from informer.spans.times import Times

IDS = ("trace_id", "span_id", "parent_span_id")
JSON_TEXTS = ("attributes", "resource_attributes")
TEXTS = ("VARCHAR", "JSON")
NUMBERS = ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "DOUBLE", "FLOAT")


@dataclass(frozen=True, slots=True)
class TableColumns:
    """The columns of tables: by our names, their types (absent = text), and how times are."""

    columns: Mapping[str, str]
    types: Mapping[str, str]
    times: Times
    format: str

    def fit(self, selection: Selection) -> bool:
        """Whether rows are spans, and those wanted can be told by their times alone."""
        return (
            selection.correlate is None
            and selection.where is None
            and "callee" not in self.columns
            and {"trace_id", "span_id"} <= self.columns.keys()
            and all(self.types.get(c, TEXTS[0]) in (*TEXTS, *NUMBERS) for c in self.named())
            and self.types.get(self.columns.get("trace_state", ""), TEXTS[0]) in TEXTS
            and len(set(self.columns.values())) == len(self.columns)
        )

    def named(self) -> list[str]:
        """The columns of which sayings are made as they are."""
        own = {n for n, _ in self.times.forms} | {*IDS, *JSON_TEXTS, "trace_state"}
        return [column for name, column in self.columns.items() if name not in own]

    def meant(self) -> dict[str, str]:
        """The columns of which sayings are made by what their texts mean."""
        names = (*JSON_TEXTS, "trace_state")
        return {name: self.columns[name] for name in names if name in self.columns}

    def said(self) -> list[str]:
        """All columns of which sayings are made."""
        return [*self.named(), *self.meant().values()]

    def start(self) -> str:
        """The column of starts."""
        return self.columns[f"start_{unit_of(self.columns, 'start')}"]

    def rows_of(self, scan: str) -> Received:
        """Rows of a scan as the columns of RECEIVED."""
        return received_rows(scan, self.columns, self.types, self.times, self.format, "")

    def lines(
        self,
        engine: Engine,
        pieces: Iterator[Piece],
        selection: Selection,
        tally: Tally,
        key: bytes,
        read_ahead: int = READ_AHEAD,
    ) -> Iterator[Lines]:
        """Pieces, in which JSON is text, as lines; see Source."""
        texts = dict.fromkeys(self.meant().values(), "VARCHAR")
        plain = TableColumns(self.columns, {**self.types, **texts}, self.times, self.format)
        received = plain.rows_of(FIRST_ROWS)
        said = SaidLines(engine, received, self.said(), self.meant(), selection, tally)
        return said.lines(pieces, key, read_ahead)
