"""Lines out of columns, mostly without SQL, whatever file the columns come from.

A saying is told by SQL once, when the first row comes that has it; see `sayings_of`.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.ahead import ahead
from informer.core.compiled import compiled
from informer.core.lines import ROWS, Lines
from informer.core.ports import Engine
from informer.core.types import Bools, Ints
from informer.spans.indexed import Indexed
from informer.spans.meanings import named
from informer.spans.numbers import number_texts
from informer.spans.pieces import Numbered, Piece
from informer.spans.plain_paths import plain_attributes
from informer.spans.received import Selection, Tally
from informer.spans.received_rows import Received
from informer.spans.sayings import NO_SAYINGS, sayings_of
from informer.spans.text_meanings import meaning_of
from informer.spans.tuples import Column, Meanings, Tuples

ROOTS = ("", "root", "-1", "0000000000000000")
NO_TRACE, NO_SPAN = ("", "0" * 32), ("", "0" * 16)
FIRST_ROWS, FIRST = "first_rows", "informer first"
READ_AHEAD = 1  # piece of each of two threads: more of the largest would take 100 MB each


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
        self._tuples = self._no_tuples()
        self._saying: Ints = np.empty(0, np.int64)
        self._most = 0
        self._seen = -1  # change of the engine, up to which no saying is gone

    def lines(
        self, pieces: Iterator[Piece], key: bytes, read_ahead: int = READ_AHEAD
    ) -> Iterator[Lines]:
        """All spans, a piece at a time; see Source.

        Another thread reads the next pieces, and one more tells apart what is in those before.
        """
        self._engine.run(NO_SAYINGS)
        read = ahead(pieces, read_ahead)
        for numbered in ahead((Numbered.of(piece, key) for piece in read), read_ahead):
            yield self._lines(numbered, key)

    def _lines(self, read: Numbered, key: bytes) -> Lines:
        piece = read.piece
        if piece.found is not None:
            self._tally.merge(piece.found)
        start_ns, duration_ns = piece.start_ns, piece.duration_ns
        saying = self._sayings(len(start_ns), read.said)
        rows = pa.table(
            [*piece.ids, piece.attributes, start_ns, np.maximum(duration_ns, 0), saying],
            names=ROWS.names,
        )
        lines = Lines(rows, read.trace, read.span, read.up, read.soft)
        if self._are_plain(lines, start_ns, duration_ns, saying, key):
            self._tally.add([{"reason": None, "rows": len(lines), "backwards": 0}])
            return lines
        roots = np.isin(lines.up, number_texts(ROOTS, key))
        if roots.any():
            parent = _without(piece.ids[2], roots)
            rows = rows.set_column(ROWS.names.index("parent_span_id"), "parent_span_id", parent)
            lines = Lines(rows, lines.trace, lines.span, np.where(roots, -1, lines.up), lines.soft)
        reasons = self._reasons(piece, lines, saying, key)
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

    def _reasons(self, piece: Piece, lines: Lines, saying: Ints, key: bytes) -> dict[str, Bools]:
        """Which rows are no spans, and why; a row is counted by the first of the reasons."""
        start_ns = piece.start_ns
        reasons = {
            "missing_trace_id": np.isin(lines.trace, [-1, *number_texts(NO_TRACE, key)]),
            "missing_span_id": np.isin(lines.span, [-1, *number_texts(NO_SPAN, key)]),
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

    def _sayings(self, rows: int, said: Sequence[Indexed]) -> Ints:
        """The saying of every row, -1 = it names no service; [n]."""
        if self._tuples.full() or self._are_gone():
            self._forget()
        number, firsts = self._tuples.number(rows, said)
        if len(firsts):
            self._tell({n: c for told in said for n, c in told.rows(firsts).items()})
        self._seen = self._engine.changes
        return self._saying[number]

    def _tell(self, columns: Mapping[str, pa.Array]) -> None:
        """Let the engine say what rows say, of the first that say it."""
        if self._plain is not None:
            columns = {**columns, self._plain: plain_attributes(columns[self._plain])}
        first, known = pa.table(dict(columns)), len(self._saying)
        numbers = pa.array(np.arange(known, known + len(first)))
        first = first.append_column(FIRST, numbers)
        self._engine.append(FIRST_ROWS, first, passing=True)
        told = sayings_of(self._engine, self._received, named(FIRST))
        self._engine.run(f"drop table {FIRST_ROWS}")
        names_service = pc.fill_null(pc.not_equal(told["service"], ""), False).to_numpy()
        sayings = np.full(len(first), -1, np.int64)
        sayings[told["number"].to_numpy() - known] = np.where(names_service, told["saying"], -1)
        self._saying = np.append(self._saying, sayings)
        self._most = max(self._most, int(sayings.max(initial=0)))

    def _are_gone(self) -> bool:
        """Whether sayings were forgotten that are known here. To ask costs, piece by piece."""
        if self._engine.changes == self._seen:
            return False
        left = self._engine.query("select count(*) as n, max(saying) as most from sayings")
        here = len(np.unique(self._saying[self._saying >= 0]))
        return bool(here > left["n"][0].as_py() or self._most > (left["most"][0].as_py() or 0))

    def _forget(self) -> None:
        self._tuples = self._no_tuples()
        self._saying = np.empty(0, np.int64)
        self._most = 0

    def _no_tuples(self) -> Tuples:
        return Tuples({column: Column(means) for column, means in self._meanings.items()})


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
