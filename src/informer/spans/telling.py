"""Pieces of spans made into rows of `spans` in memory: what was said before is not asked again.

A saying is told by SQL once, when the first span comes that has it, and is remembered with the
number of it. Nearly all sayings of live traffic were told a moment ago.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.ports import Engine
from informer.core.tables import SPANS
from informer.core.types import Bools, Ints
from informer.spans.apart import SAID_BY, said_columns
from informer.spans.ids import NO_SPAN, NO_TRACE, ROOTS, shortened
from informer.spans.received import Tally
from informer.spans.sayings import TOLD, told_sayings
from informer.spans.shown import bounded

MOST_SAYINGS, MOST_BYTES = 50_000, 64 << 20  # that are remembered; with more it begins anew
SHOWN = "to_be_shown"
GUID, REQUEST_ID = '"guid:x-request-id"', '"x-request-id"'


@dataclass(frozen=True, slots=True)
class Remembered:
    """Sayings as they are told, in the order of their numbers."""

    rows: pa.Table  # the columns of TOLD
    has_service: Bools


class Telling:
    """Remembers what was said, from piece to piece; one engine and one thread at a time."""

    def __init__(self) -> None:
        self._begin()

    def _begin(self) -> None:
        # Compiled loops take a while to load: who reads tables goes without them.
        from informer.spans.indexed import indexed
        from informer.spans.tuples import Column, Tuples

        self._indexed = indexed
        self._tuples = Tuples({name: Column() for name in SAID_BY})
        types = {column.name: column.type for column in SPANS.columns}
        rows = pa.schema([(name, types[name]) for name in TOLD]).empty_table()
        self._known = Remembered(rows, np.zeros(0, bool))
        self._bytes = 0

    def append(self, engine: Engine, table: str, read: pa.Table, tally: Tally) -> int:
        """Add spans to the passing table `table`; how many. `read` has those of IN_NANOSECONDS."""
        if not read.num_rows:  # all that a message held was damaged
            return 0
        said = said_columns(read)
        if self._tuples.known > MOST_SAYINGS or self._bytes > MOST_BYTES:
            self._begin()
        told = [self._indexed(name, column) for name, column in zip(SAID_BY, said, strict=True)]
        number, firsts = self._tuples.number(read.num_rows, told)
        if len(firsts):
            self._tell(engine, pa.table(said, names=list(SAID_BY)).take(pa.array(firsts)))
        rows, kept = self._rows(engine, read, number.astype(np.int64), tally)
        if not kept.all():
            rows = rows.filter(pa.array(kept))
        engine.append(table, rows, passing=True)
        return int(kept.sum())

    def _tell(self, engine: Engine, new: pa.Table) -> None:
        """Let the engine say what they say."""
        told = told_sayings(engine, new)
        service = pc.fill_null(new["service"], "")
        has_service = pc.not_equal(service, "").to_numpy(zero_copy_only=False)
        rows = pa.concat_tables([self._known.rows, told]).combine_chunks()
        self._known = Remembered(rows, np.concatenate([self._known.has_service, has_service]))
        self._bytes += new.nbytes

    def _rows(
        self, engine: Engine, read: pa.Table, number: Ints, tally: Tally
    ) -> tuple[pa.Table, Bools]:
        """Rows of `spans`, and which of them are spans; those that are not are counted."""
        trace, span, parent = (
            shortened(read[n].combine_chunks()) for n in ("trace_id", "span_id", "parent_span_id")
        )
        start_ns = _numbers(read["start_ns"])
        duration_ns = _numbers(read["duration_ns"])
        has_service = self._known.has_service[number]
        no_trace, no_span = _in(trace, NO_TRACE), _in(span, NO_SPAN)
        reasons = {
            "unreadable": _all_null(read),
            "missing_trace_id": no_trace,
            "missing_span_id": no_span,
            "missing_service": ~has_service,
            "missing_time": start_ns <= 0,
        }
        kept = np.ones(read.num_rows, bool)
        for reason, these in reasons.items():
            rows = int((these & kept).sum())
            if rows:
                tally.add([{"reason": reason, "rows": rows, "backwards": 0}])
                kept &= ~these
        backwards = int((kept & (duration_ns < 0)).sum())
        tally.add([{"reason": None, "rows": int(kept.sum()), "backwards": backwards}])
        columns = {
            "trace_id": trace,
            "span_id": span,
            "parent_span_id": pc.if_else(
                pa.array(_in(parent, ROOTS)), pa.scalar(None, pa.string()), parent
            ),
            "start_ns": pa.array(start_ns),
            "duration_ns": pa.array(np.maximum(duration_ns, 0)),
            "attributes": _shown(engine, read),
        }
        indices = pa.array(number)
        for name in TOLD:
            told = self._known.rows[name].combine_chunks()
            columns[name] = (
                pa.DictionaryArray.from_arrays(indices, told)
                if pa.types.is_string(told.type) and len(told) < read.num_rows
                else told.take(indices)
            )
        return pa.table({name: columns[name] for name in SPANS.names}), kept


def _shown(engine: Engine, read: pa.Table) -> pa.Array:
    """Attributes with few keys and short values; the engine cuts those that are not so."""
    texts = read["attributes"].combine_chunks()
    in_bounds = pc.fill_null(read["in_bounds"].combine_chunks(), False)
    if pc.any(pc.match_substring(texts, GUID)).as_py():
        texts = pc.replace_substring(texts, GUID, REQUEST_ID)
    if pc.all(in_bounds).as_py() is not False:
        return texts
    places = np.flatnonzero(~in_bounds.to_numpy(zero_copy_only=False))
    given = pa.table({"place": places, "attributes": read["attributes"].take(pa.array(places))})
    engine.append(SHOWN, given, passing=True)
    made = engine.query(f"select {bounded()} as attributes from {SHOWN} order by place")
    engine.run(f"drop table {SHOWN}")
    mask = pc.invert(in_bounds)
    return pc.replace_with_mask(texts, mask, made["attributes"].combine_chunks())


def _all_null(read: pa.Table) -> Bools:
    nothing = np.ones(read.num_rows, bool)
    for name in ("trace_id", "span_id", "service", "start_ns"):
        column = read[name]
        if column.null_count == 0:
            return np.zeros(read.num_rows, bool)
        nothing &= column.is_null().to_numpy()
    return nothing


def _in(texts: pa.Array, some: Sequence[str]) -> Bools:
    """Which are null or among some."""
    found: Bools = pc.is_in(texts, value_set=pa.array(some)).to_numpy(zero_copy_only=False)
    found |= texts.is_null().to_numpy(zero_copy_only=False)
    return found


def _numbers(column: pa.ChunkedArray) -> Ints:
    found: Ints = column.combine_chunks().fill_null(0).to_numpy()
    return found
