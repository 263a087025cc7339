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
from informer.spans.attribute_texts import Pairs, in_columns
from informer.spans.buffers import Bytes
from informer.spans.otlp_values import attributes_of, text_of
from informer.spans.rows import LARGEST_INT, Row
from informer.spans.span_batch import Columns, Origin, Reading
from informer.spans.span_walk import (
    CODE,
    END,
    FORM,
    KEY,
    KEY_END,
    KIND,
    NAME,
    NAME_END,
    OTHER,
    PAIR,
    PARENT,
    SPAN,
    SPAN_BYTES,
    START,
    STATE,
    STATE_END,
    TRACE,
    TRACE_BYTES,
    VALUE,
    VALUE_END,
    WORDS,
    walked,
)
from informer.spans.texts import Places, Text, cut_out, distinct, hexes

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
    said, wrong = _said(text.bytes, bounds, np.ascontiguousarray(pairs.T))
    return columns | said, odd | wrong


def _said(data: Bytes, bounds: Ints, pairs: Ints) -> tuple[Columns, Bools]:
    """What attributes say, and which spans are left to others."""
    key, firsts = distinct(data, pairs[KEY], pairs[KEY_END])
    names = [
        data[begin:end].tobytes().decode()
        for begin, end in zip(pairs[KEY][firsts], pairs[KEY_END][firsts], strict=True)
    ]
    others = np.flatnonzero(pairs[FORM] == OTHER)
    unread = np.zeros(0, np.int64)
    if len(others):
        data, unread = _read_others(data, pairs, others)
    columns, wrong = in_columns(
        Pairs(bounds, names, key, pairs[FORM], pairs[VALUE], pairs[VALUE_END], data)
    )
    wrong[np.searchsorted(bounds, unread, side="right") - 1] = True
    return columns, wrong


def _read_others(data: Bytes, pairs: Ints, others: Ints) -> tuple[Bytes, Ints]:
    """Let the library read what is no plain text, number or truth, each distinct value once.

    The texts are put behind the data, where the pairs find them; and which pairs it cannot read.
    """
    starts, ends = pairs[VALUE][others], pairs[VALUE_END][others]
    number, firsts = distinct(data, starts, ends)
    texts, known = [], np.ones(len(firsts), np.bool_)
    for place, first in enumerate(firsts):
        try:
            value = AnyValue.FromString(data[starts[first] : ends[first]].tobytes())
            texts.append(text_of(value).encode())
        except DecodeError:
            texts.append(b"")
            known[place] = False
    until = np.cumsum([len(data), *map(len, texts)])
    pairs[FORM, others] = WORDS
    pairs[VALUE, others], pairs[VALUE_END, others] = until[number], until[number + 1]
    return np.concatenate([data, np.frombuffer(b"".join(texts), np.uint8)]), others[~known[number]]


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
