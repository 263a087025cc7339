"""Spans of OTLP protobuf, thousands at a time: from their bytes to columns of rows.

What is rare (a span with more fields than most, an attribute twice, a varint of ten bytes) is read
by the protobuf library, one span at a time. Both ways give the same, which a test holds.
"""

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from informer.core.types import Bools, Ints
from informer.spans.attribute_columns import attribute_columns
from informer.spans.otlp_values import attributes_of, text_of
from informer.spans.rows import LARGEST_INT, Row
from informer.spans.span_batch import Columns, Origin, Reading
from informer.spans.span_walk import (
    CODE,
    END,
    KIND,
    NAME,
    NAME_END,
    PAIR,
    PARENT,
    SPAN,
    SPAN_BYTES,
    START,
    STATE,
    STATE_END,
    TRACE,
    TRACE_BYTES,
    walked,
)
from informer.spans.texts import Places, Text, cut_out, hexes

ERROR = 2


def columns_of(spans: list[bytes]) -> tuple[Columns, Bools]:
    """See Reading."""
    text = Text(spans)
    found, pairs, odd = walked(text)
    start, end = (_words(text, found[:, column]) for column in (START, END))
    columns: Columns = {
        "trace_id": hexes(text.bytes, found[:, TRACE], TRACE_BYTES),
        "span_id": hexes(text.bytes, found[:, SPAN], SPAN_BYTES),
        "parent_span_id": hexes(text.bytes, found[:, PARENT], SPAN_BYTES),
        "trace_state": cut_out(text.bytes, found[:, STATE], found[:, STATE_END]),
        "operation": cut_out(text.bytes, found[:, NAME], found[:, NAME_END]),
        "kind": pc.cast(pa.array(found[:, KIND]), pa.string()),
        "start": pa.array(start, mask=start < 0),
        "duration": pa.array(end - start, mask=(end <= 0) | (start < 0)),
        "failed": pa.array(found[:, CODE] == ERROR),
    }
    bounds = np.append(found[:, PAIR], len(pairs))
    said, wrong = attribute_columns(text.bytes, bounds, pairs, _text_of)
    return columns | said, odd | wrong


def _text_of(value: bytes) -> str | None:
    try:
        return text_of(AnyValue.FromString(value))
    except DecodeError:
        return None


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


def _words(text: Text, places: Places) -> Ints:
    """Numbers of eight bytes, 0 where there is none; those beyond int64 are negative."""
    return np.where(places < 0, 0, text.words[places])


PROTOBUF = Reading(len, columns_of, row_of, (DecodeError,))
