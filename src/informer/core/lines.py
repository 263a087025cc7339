"""Spans of a piece in numbers, apart from what they say: what sources give and outlines fold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from informer.core.types import Bools, Ints

# Rows behind the numbers. Texts may be dictionaries; the attributes are still as they came.
ROWS = pa.schema(
    [
        *((n, pa.string()) for n in ("trace_id", "span_id", "parent_span_id", "all_attributes")),
        *((n, pa.int64()) for n in ("start_ns", "duration_ns", "saying")),
    ]
)


@dataclass(frozen=True, slots=True)
class Lines:
    """Spans and, for each, secret numbers that stand for its ids; `rows` has the columns of ROWS.

    Different ids have different numbers, as far as chance goes: 63 bits of it.
    """

    rows: pa.Table
    trace: Ints  # [n] of the trace id
    span: Ints  # [n] of the span id
    up: Ints  # [n] of the id of the span that it hangs below, -1 = none
    soft: Bools  # [n] that span may well be missing

    def __len__(self) -> int:
        return len(self.trace)

    def column(self, name: str) -> Ints:
        """One of the numbers that the rows hold; [n]."""
        column = self.rows[name]
        return column.chunk(0).to_numpy() if column.num_chunks else np.empty(0, np.int64)

    def take(self, places: Ints) -> "Lines":
        """The lines at some places."""
        rows = _light(self.rows.take(pa.array(places)).combine_chunks())
        return Lines(
            rows, self.trace[places], self.span[places], self.up[places], self.soft[places]
        )


def plain_rows(parts: Sequence[pa.Table]) -> pa.Table:
    """Rows of several pieces as one table of texts and numbers."""
    plain = [part.select(ROWS.names).cast(ROWS) for part in parts]
    return pa.concat_tables(plain) if plain else ROWS.empty_table()


def _light(rows: pa.Table) -> pa.Table:
    """Without dictionaries that are larger than what they tell."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_dictionary(field.type) and rows.num_rows:
            told = rows.column(place)
            if len(told.chunk(0).dictionary) > rows.num_rows:
                rows = rows.set_column(place, field.name, told.cast(pa.string()))
    return rows
