"""What was folded part by part, each part whole traces of its own, put together as if it were one.

Numbers of a part are its own. What they stand for is the same everywhere: a link by its names, an
outline by its sum, a trace by its secret number. So the order in which parts come is no matter.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.cell_counts import CellCounts
from informer.core.lines import Lines
from informer.core.ports import Engine
from informer.core.sql import read_sql
from informer.core.types import EVER, Ints
from informer.outlines import state
from informer.outlines.folding import Folding
from informer.outlines.slices import sliced

COUNTS = "part_counts"  # there are nearly as many as lines: they are added part by part
PLACES = "select there, cell from cell_places where part = $part"
# What is kept of a part, by the table that it goes into where parts meet.
FORMS = {
    "part_links": "select * from links",
    "part_outlines": "select * from outlines",
    "part_steps": "select * from outline_steps",
    "part_kinds": "select * from line_kinds",
    "part_cells": "select * from cells",
    "part_traces": "select * from kept_traces",
}
SPANS, LINES = "part_spans", "part_lines"  # of traces that may be kept whole
KEPT = (SPANS, LINES)
PASSING = (
    *(*FORMS, *KEPT, "link_places", "met_outlines", "outline_places", "kind_places"),
    *("cell_places", "chosen_traces", "named_lines"),
)
KEEP = """
insert into kept_spans by name select * exclude (part) from part_spans;
insert into kept_traces select * from chosen_traces
"""


def fold_part(
    engine: Engine, lines: Sequence[Lines], *, key: bytes, step_s: int, whole: str
) -> dict[str, pa.Table]:
    """Fold whole traces in an engine of their own; the tables of FORMS, COUNTS and KEPT."""
    folding = Folding(engine, key=key, step_s=step_s, whole=whole)
    here = sliced(lines, EVER)  # no line begins so late: all traces are closed
    folding.fold(here, here.sayings() > 0)
    made = {table: engine.query(sql) for table, sql in FORMS.items()}
    made[COUNTS] = engine.query("select * from cell_counts")
    made[SPANS] = engine.query("select * from kept_spans")
    named = read_sql("informer.outlines", "named_lines")
    made[LINES] = engine.query(named, salt=state.salt_of(key))
    return made


def wanted_of(table: pa.Table, traces: Ints) -> pa.Table:
    """The rows of one of KEPT that are of some traces."""
    return table.filter(pc.is_in(table["trace"], pa.array(traces)))


class Parts:
    """Parts on their way into the tables of `begin`, which are there and empty."""

    def __init__(self, engine: Engine, key: bytes) -> None:
        self._engine, self._salt = engine, state.salt_of(key)

    def meet(self, table: str, part: int, rows: pa.Table) -> None:
        """Take in one of FORMS or KEPT of a part."""
        numbers = pa.array(np.full(rows.num_rows, part, np.int32))
        self._engine.append(table, rows.append_column("part", numbers), passing=True)

    def join(self) -> Ints:
        """Number what all parts have met, when all of FORMS is there; which traces are kept."""
        most = state.MOST_OUTLINES
        self._make("merged_links")
        self._make("met_outlines")
        self._make("merged_outlines", most=most)
        met = self._engine.query("select count(*) as n from met_outlines")["n"][0].as_py()
        if met > most:
            self._make("merged_tail", most=most)
        for table in ("outline_places", "merged_steps", "merged_cells"):
            self._make(table)
        self._make("chosen_traces", examples=state.EXAMPLES, sample=state.SAMPLE)
        chosen: Ints = self._engine.query("select trace from chosen_traces")["trace"].to_numpy()
        return chosen

    def count(self, part: int, counts: pa.Table) -> None:
        """Add COUNTS of a part."""
        places = self._engine.query(PLACES, part=part)
        told = CellCounts.of(counts)
        cells = np.full(int(told.cell.max(initial=0)) + 1, -1, np.int32)
        known = places["there"].to_numpy()
        cells[known[known < len(cells)]] = places["cell"].to_numpy()[known < len(cells)]
        here = replace(told, cell=cells[told.cell])
        # Others are of outlines that are counted together.
        self._engine.append("cell_counts", here.taken(here.cell >= 0).rows())

    def keep(self) -> None:
        """Keep the traces that are wanted whole, when KEPT of them is there. It ends it."""
        self._engine.run(KEEP)
        self._make("merged_lines")
        self._make("lines_home", salt=self._salt)
        self._engine.run("; ".join(f"drop table {table}" for table in PASSING))

    def _make(self, table: str, **values: int) -> None:
        self._engine.run(read_sql("informer.outlines", table), **values)
