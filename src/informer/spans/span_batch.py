"""Spans of OTLP on their way into tables, thousands at a time, whatever they were written in."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np
import pyarrow as pa

from informer.core.types import Bools, Ints
from informer.spans.received import Tally
from informer.spans.rows import READ, Row, table_of

BATCH_SPANS = 2_000  # their bytes, and what is found in them, stay in the processor's cache
BATCH_BYTES = 32 << 20
MOST_AT_ONCE = 1_000
REMEMBERED = 4_096  # origins; they come again with every message
LONGEST_REMEMBERED = 4_096  # bytes

S = TypeVar("S")
Columns: TypeAlias = dict[str, pa.Array]


class Origin(NamedTuple):
    """What a group of spans shares."""

    service: str | None
    resource: str  # a JSON object
    scope: str | None


class Origins:
    """Reads what groups of spans share: once, as the same few come again and again."""

    def __init__(self, read: Callable[[bytes, bytes], Origin]) -> None:
        """`read` takes a resource and a scope as they were written."""
        self._read = read
        self._known: dict[tuple[bytes, bytes], Origin] = {}

    def of(self, resource: bytes, scope: bytes) -> Origin:
        """The origin of a group. Errors: those of `read`."""
        key = (resource, scope)
        known = self._known.get(key)
        if known is None:
            known = self._read(resource, scope)
            if len(resource) + len(scope) <= LONGEST_REMEMBERED:
                if len(self._known) >= REMEMBERED:
                    self._known.clear()
                self._known[key] = known
        return known


@dataclass(frozen=True, slots=True)
class Reading(Generic[S]):
    """How spans of one writing are read, many at once and one by one."""

    size: Callable[[S], int]  # about how many bytes a span holds
    # Columns of a TableReader with one row a span, but for what the origin says, and which spans
    # are left to `row`: what is given of these means nothing.
    # Errors: pa.ArrowInvalid where a text is no UTF-8.
    columns: Callable[[list[S]], tuple[Columns, Bools]]
    row: Callable[[S, Origin], Row]
    malformed: tuple[type[Exception], ...]  # errors of `row` for what is no span


class SpanBatch(Generic[S]):
    """Spans that wait for others, as many as are read at once."""

    def __init__(self, reading: Reading[S]) -> None:
        self._reading = reading
        self._begin()

    def add(self, groups: Iterable[tuple[Origin, list[S]]], tally: Tally) -> Iterator[pa.Table]:
        """Take in groups of spans; gives tables as they are full, in the form of a TableReader."""
        for origin, spans in groups:
            for start in range(0, len(spans), MOST_AT_ONCE):
                some = spans[start : start + MOST_AT_ONCE]
                self._spans += some
                self._origins.append(origin)
                self._counts.append(len(some))
                self._size += sum(map(self._reading.size, some))
                if len(self._spans) >= BATCH_SPANS or self._size >= BATCH_BYTES:
                    yield from self.rest(tally)

    def rest(self, tally: Tally) -> Iterator[pa.Table]:
        """What was taken in since."""
        spans, origins = self._spans, np.repeat(np.arange(len(self._origins)), self._counts)
        of = self._origins
        self._begin()
        yield from _tables(self._reading, spans, of, origins, tally)

    def _begin(self) -> None:
        self._spans: list[S] = []
        self._origins: list[Origin] = []
        self._counts: list[int] = []
        self._size = 0


def _tables(
    reading: Reading[S], spans: list[S], origins: list[Origin], origin: Ints, tally: Tally
) -> Iterator[pa.Table]:
    """Spans and the number of the origin of each, as tables."""
    if not spans:
        return
    try:
        columns, odd = reading.columns(spans)
    except pa.ArrowInvalid:  # some text is no UTF-8: whose, halving finds
        half = len(spans) // 2
        if half:
            yield from _tables(reading, spans[:half], origins, origin[:half], tally)
            yield from _tables(reading, spans[half:], origins, origin[half:], tally)
        else:
            tally.rejected["malformed_span"] += 1
        return
    for name, values in zip(Origin._fields, zip(*origins, strict=True), strict=True):
        columns[name] = pa.array(values, pa.string()).take(pa.array(origin))
    for field in READ:
        columns.setdefault(field.name, pa.nulls(len(spans), field.type))
    table = pa.table([columns[name] for name in READ.names], schema=READ)
    yield table.filter(pa.array(~odd)) if odd.any() else table
    rows = []
    for n in np.flatnonzero(odd):
        try:
            rows.append(reading.row(spans[n], origins[origin[n]]))
        except reading.malformed:
            tally.rejected["malformed_span"] += 1
    if rows:
        yield table_of(rows)
