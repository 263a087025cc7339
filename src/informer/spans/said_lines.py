"""Lines out of columns, mostly without SQL, whatever file the columns come from.

A saying is told by SQL once, when the first row comes that has it; see `sayings_of`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.ahead import ahead
from informer.core.lines import ROWS, Lines
from informer.core.ports import Engine
from informer.core.types import Bools, Ints
from informer.spans.indexed import Indexed, Small
from informer.spans.meanings import named
from informer.spans.pieces import Numbered, Piece
from informer.spans.plain_paths import plain_attributes
from informer.spans.plain_rows import Plain
from informer.spans.received import Selection, Tally
from informer.spans.received_rows import Received
from informer.spans.sayings import NO_SAYINGS, sayings_of, times_forgotten
from informer.spans.text_meanings import meaning_of
from informer.spans.tuples import Column, Meanings, Tuples

FIRST_ROWS, FIRST = "first_rows", "informer first"
READ_AHEAD = 1  # piece of each of two threads: more of the largest would take 100 MB each


@dataclass(frozen=True, slots=True)
class _ToldApart:
    """A piece whose rows are told apart by what they say."""

    read: Numbered
    generation: int  # of tuples: each begins anew
    number: Small  # of the tuple of each row; [n]
    new: Mapping[str, pa.Array]  # what the first rows of new tuples say, empty = there are none


@dataclass(slots=True)
class _Known:
    """What tuples of one generation say."""

    generation: int
    forgotten: int  # how often sayings were, when it began
    saying: Ints = field(default_factory=lambda: np.empty(0, np.int64))  # of each tuple


class SaidLines:
    """Pieces of one form on their way into lines.

    `received` says what the columns of `said` mean, over rows of the table FIRST_ROWS; `meant`
    are those of them that hold attributes, resources and states of traces, by our names of these.
    """

    def __init__(
        self,
        engine: Engine,
        received: Received,
        said: Sequence[str],
        meant: Mapping[str, str],
        selection: Selection,
        tally: Tally,
    ) -> None:
        self._engine, self._tally, self._selection = engine, tally, selection
        self._received = received
        whole_paths = selection.whole_paths
        self._plain = None if whole_paths else meant.get("attributes")
        self._meanings: dict[str, Meanings | None] = dict.fromkeys(said)
        for name, column in meant.items():
            self._meanings[column] = meaning_of(engine, name, whole_paths=whole_paths)
        self._asked_anew = Event()
        self._known = _Known(0, times_forgotten(engine))

    def lines(
        self, pieces: Iterator[Piece], key: bytes, read_ahead: int = READ_AHEAD
    ) -> Iterator[Lines]:
        """All spans, a piece at a time; see Source.

        Another thread reads the next pieces, and one more tells apart what is in those before.
        """
        self._engine.run(NO_SAYINGS)
        plain = Plain.of(self._selection, key)
        read = ahead(pieces, read_ahead)
        for told_apart in ahead(self._told_apart(read, key, plain), read_ahead):
            yield self._lines(told_apart, plain)

    def _told_apart(
        self, pieces: Iterator[Piece], key: bytes, plain: Plain
    ) -> Iterator[_ToldApart]:
        """By a thread of its own, which asks the engine by streams alone: see `meaning_of`."""
        tuples, generation = self._no_tuples(), 1
        for piece in pieces:
            if tuples.full() or self._asked_anew.is_set():
                self._asked_anew.clear()
                tuples, generation = self._no_tuples(), generation + 1
            read = Numbered.of(piece, key, plain)
            number, firsts = tuples.number(len(read.trace), read.said)
            yield _ToldApart(read, generation, number, _rows(read.said, firsts))

    def _lines(self, told_apart: _ToldApart, plain: Plain) -> Lines:
        read = told_apart.read
        piece = read.piece
        if piece.found is not None:
            self._tally.merge(piece.found)
        start_ns, duration_ns = piece.start_ns, piece.duration_ns
        saying = self._sayings(told_apart)
        rows = pa.table(
            [*piece.ids, piece.attributes, start_ns, np.maximum(duration_ns, 0), saying],
            names=ROWS.names,
        )
        lines = Lines(rows, read.trace, read.span, read.up, read.soft)
        if read.plain and saying.min(initial=0) >= 0:
            self._tally.add([{"reason": None, "rows": len(lines), "backwards": 0}])
            return lines
        roots = np.isin(lines.up, plain.roots)
        if roots.any():
            parent = _without(piece.ids[2], roots)
            rows = rows.set_column(ROWS.names.index("parent_span_id"), "parent_span_id", parent)
            lines = Lines(rows, lines.trace, lines.span, np.where(roots, -1, lines.up), lines.soft)
        reasons = self._reasons(piece, lines, saying, plain)
        kept = self._count(reasons, start_ns, duration_ns)
        return lines if kept.all() else lines.take(np.flatnonzero(kept))

    def _reasons(self, piece: Piece, lines: Lines, saying: Ints, plain: Plain) -> dict[str, Bools]:
        """Which rows are no spans, and why; a row is counted by the first of the reasons."""
        start_ns = piece.start_ns
        reasons = {
            "missing_trace_id": np.isin(lines.trace, [-1, *plain.no_trace]),
            "missing_span_id": np.isin(lines.span, [-1, *plain.no_span]),
            "missing_service": saying < 0,
            "missing_time": start_ns <= 0,
        }
        bare = (lines.trace == -1) & (lines.span == -1) & (start_ns <= 0) & (saying < 0)
        if bare.any():
            for column in piece.needed:
                bare &= column.is_null().to_numpy(zero_copy_only=False)
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

    def _sayings(self, told_apart: _ToldApart) -> Ints:
        """The saying of every row, -1 = it names no service; [n]."""
        forgotten = times_forgotten(self._engine)
        if told_apart.generation != self._known.generation:
            self._known = _Known(told_apart.generation, forgotten)
        known = self._known
        if known.forgotten != forgotten:
            # Pieces that are on their way are told apart once more, each for itself.
            self._asked_anew.set()
            said = told_apart.read.said
            number, firsts = self._no_tuples().number(len(told_apart.number), said)
            return self._tell(_rows(said, firsts))[number]
        if told_apart.new:
            known.saying = np.append(known.saying, self._tell(told_apart.new))
        return known.saying[told_apart.number]

    def _tell(self, columns: Mapping[str, pa.Array]) -> Ints:
        """Let the engine say what rows say, of the first that say it; [rows]."""
        if self._plain is not None:
            columns = {**columns, self._plain: plain_attributes(columns[self._plain])}
        first = pa.table(dict(columns))
        first = first.append_column(FIRST, pa.array(np.arange(len(first))))
        self._engine.append(FIRST_ROWS, first, passing=True)
        told = sayings_of(self._engine, self._received, named(FIRST))
        self._engine.run(f"drop table {FIRST_ROWS}")
        names_service = pc.fill_null(pc.not_equal(told["service"], ""), False).to_numpy()
        sayings = np.full(len(first), -1, np.int64)
        sayings[told["number"].to_numpy()] = np.where(names_service, told["saying"], -1)
        return sayings

    def _no_tuples(self) -> Tuples:
        return Tuples({column: Column(means) for column, means in self._meanings.items()})


def _rows(said: Sequence[Indexed], places: Ints) -> dict[str, pa.Array]:
    """What all columns hold in some rows; none of them is nothing."""
    if not len(places):
        return {}
    return {name: held for told in said for name, held in told.rows(places).items()}


def _without(texts: pa.Array, gone: Bools) -> pa.Array:
    """The same texts, null at some places."""
    return pc.if_else(pa.array(gone), pa.scalar(None, texts.type), texts)
