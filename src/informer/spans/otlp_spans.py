"""Spans of OTLP protobuf, thousands at a time: from their bytes to columns of rows.

What is rare (a span with more fields than most, an attribute twice, a varint of ten bytes) is read
by the protobuf library, one span at a time. Both ways give the same, which a test holds.
"""

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import DecodeError
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from informer.core.types import Ints
from informer.spans.attribute_texts import attribute_texts, slices
from informer.spans.otlp_values import attributes_of
from informer.spans.rows import LARGEST_INT, Row
from informer.spans.span_batch import Columns, Origin, Reading
from informer.spans.wire import BYTES, FIXED64, VARINT, Fields, Flags, Text, fields_of

MOST_FIELDS = 128  # of a span; events and links count as well
MOST_IN_STATUS = 3
ERROR = 2
HEX = np.frombuffer(bytes(range(256)).hex().encode(), np.uint16)  # two letters a byte


def columns_of(spans: list[bytes]) -> tuple[Columns, Flags]:
    """See Reading."""
    many, text = len(spans), Text(spans)
    fields, odd = fields_of(text, text.starts, text.ends, rounds=MOST_FIELDS)
    columns: Columns = {}
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


PROTOBUF = Reading(len, columns_of, row_of, (DecodeError,))
