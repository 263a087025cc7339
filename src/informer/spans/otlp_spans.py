"""Spans of OTLP protobuf, thousands at a time: from their bytes to columns of rows.

What is rare (a span with more fields than most, an attribute twice, a varint of ten bytes) is read
by the protobuf library, one span at a time. Both ways give the same, which a test holds.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import DecodeError
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from informer.core.types import Ints
from informer.spans.attribute_texts import attribute_texts, slices
from informer.spans.envelopes import Origin
from informer.spans.otlp_values import attributes_of
from informer.spans.received import Tally
from informer.spans.rows import LARGEST_INT, READ, Row, table_of
from informer.spans.wire import BYTES, FIXED64, VARINT, Fields, Flags, Text, fields_of

BATCH_SPANS = 8_000
BATCH_BYTES = 32 << 20
MOST_AT_ONCE = 1_000
MOST_FIELDS = 128  # of a span; events and links count as well
MOST_IN_STATUS = 3
ERROR = 2
HEX = np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)  # two letters a byte


class SpanBatch:
    """Spans on their way into tables, thousands at a time."""

    def __init__(self) -> None:
        self._begin()

    def add(self, groups: Iterable[tuple[Origin, list[bytes]]], tally: Tally) -> Iterator[pa.Table]:
        """Take in groups of spans; gives tables as they are full, in the form of a TableReader."""
        for origin, spans in groups:
            for start in range(0, len(spans), MOST_AT_ONCE):
                some = spans[start : start + MOST_AT_ONCE]
                self._spans += some
                self._origins.append(origin)
                self._counts.append(len(some))
                self._size += sum(map(len, some))
                if len(self._spans) >= BATCH_SPANS or self._size >= BATCH_BYTES:
                    yield from self.rest(tally)

    def rest(self, tally: Tally) -> Iterator[pa.Table]:
        """What was taken in since."""
        spans, origins = self._spans, np.repeat(np.arange(len(self._origins)), self._counts)
        of = self._origins
        self._begin()
        yield from _tables(spans, of, origins, tally)

    def _begin(self) -> None:
        self._spans: list[bytes] = []
        self._origins: list[Origin] = []
        self._counts: list[int] = []
        self._size = 0


def _tables(
    spans: list[bytes], origins: list[Origin], origin: Ints, tally: Tally
) -> Iterator[pa.Table]:
    """Spans and the number of the origin of each, as tables."""
    if not spans:
        return
    try:
        columns, odd = _columns(spans)
    except pa.ArrowInvalid:  # some text is no UTF-8: whose, halving finds
        half = len(spans) // 2
        if half:
            yield from _tables(spans[:half], origins, origin[:half], tally)
            yield from _tables(spans[half:], origins, origin[half:], tally)
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
            rows.append(row_of(spans[n], origins[origin[n]]))
        except DecodeError:
            tally.rejected["malformed_span"] += 1
    if rows:
        yield table_of(rows)


def _columns(spans: list[bytes]) -> tuple[dict[str, pa.Array], Flags]:
    """Columns with one row a span, and which spans are left to `row_of`.

    Columns are those of a TableReader, but for what the origin says. Rows of spans that are left
    mean nothing.
    Errors: pa.ArrowInvalid where a text is no UTF-8.
    """
    many, text = len(spans), Text(spans)
    fields, odd = fields_of(text, text.starts, text.ends, rounds=MOST_FIELDS)
    columns: dict[str, pa.Array] = {}
    for name, number, size in (("trace_id", 1, 16), ("span_id", 2, 8), ("parent_span_id", 4, 8)):
        columns[name], wrong = _ids(text, fields.of(number, BYTES), many, size)
        odd |= wrong
    for name, number in (("trace_state", 3), ("operation", 5)):
        columns[name] = _texts(text, fields.of(number, BYTES), many)
    columns["kind"] = pc.cast(pa.array(_last(fields.of(6, VARINT), many)), pa.string())
    start, end = (_words(text, fields.of(number, FIXED64), many) for number in (7, 8))
    columns["start"] = pa.array(start, mask=start < 0)
    columns["duration"] = pa.array(end - start, mask=(end <= 0) | (start < 0))
    status = fields.of(15, BYTES)
    inner, unread = fields_of(text, status.start, status.end, rounds=MOST_IN_STATUS)
    odd[status.owner[unread]] = True
    odd |= np.bincount(status.owner, minlength=many) > 1
    code = np.zeros(many, np.int64)
    codes = inner.of(3, VARINT)
    code[status.owner[codes.owner]] = codes.value
    columns["failed"] = pa.array(code == ERROR)
    said, wrong = attribute_texts(text, fields.of(9, BYTES), many)
    return columns | said, odd | wrong


def row_of(span: bytes, origin: Origin) -> Row:
    """The row of one span. Errors: DecodeError."""
    read = Span.FromString(span)
    start, end = (
        time if time <= LARGEST_INT else None
        for time in (read.start_time_unix_nano, read.end_time_unix_nano)
    )
    return Row(
        read.trace_id.hex(),
        read.span_id.hex(),
        read.parent_span_id.hex(),
        origin.service,
        read.name,
        str(read.kind),
        None,
        start,
        None if start is None or not end else end - start,
        None,
        read.status.code == ERROR,
        None,
        origin.scope,
        read.trace_state,
        orjson.dumps(attributes_of(read.attributes)),
        origin.resource.encode(),
    )


def _ids(text: Text, found: Fields, many: int, size: int) -> tuple[pa.Array, Flags]:
    """Ids of `size` bytes as hex, absent ones as empty texts; and which have another size."""
    length = np.zeros(many, np.int64)
    length[found.owner] = found.value
    place = np.full(many, len(text.bytes) - size)  # the spare bytes at the end
    whole = length[found.owner] == size
    place[found.owner[whole]] = found.start[whole]
    hexes = HEX[text.bytes[place[:, None] + np.arange(size)]]
    there = length == size
    offsets = np.concatenate([[0], np.cumsum(there * 2 * size)]).astype(np.int32)
    data = np.ascontiguousarray(hexes[there])
    ids = pa.Array.from_buffers(
        pa.string(), many, [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    return ids, ~there & (length > 0)


def _texts(text: Text, found: Fields, many: int) -> pa.Array:
    start, end = text.ends.copy(), text.ends.copy()
    start[found.owner], end[found.owner] = found.start, found.end
    return pc.cast(slices(text, start, end), pa.string())


def _last(found: Fields, many: int) -> Ints:
    last = np.zeros(many, np.int64)
    last[found.owner] = found.value
    return last


def _words(text: Text, found: Fields, many: int) -> Ints:
    """Of numbers of eight bytes, those beyond int64 are negative."""
    last = np.zeros(many, np.int64)
    last[found.owner] = text.words[found.start]
    return last
