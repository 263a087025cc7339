"""Spans of OTLP/JSON, thousands at a time: from their text to columns of rows.

What is rare is read by orjson, one span at a time. Both ways give the same, which a test holds.
"""

import msgspec
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.types import Bools
from informer.spans.attribute_columns import attribute_columns
from informer.spans.json_values import BASE64, UNREADABLE, in_hex, row_of, text_of
from informer.spans.json_walk import (
    END,
    FAILED,
    KIND,
    NAME,
    PAIR,
    PARENT,
    SPAN,
    START,
    STATE,
    TRACE,
    walked,
)
from informer.spans.rows import Row
from informer.spans.span_batch import Columns, Origin, Reading
from informer.spans.texts import Text, cut_out

TEXTS = {
    "trace_id": TRACE,
    "span_id": SPAN,
    "parent_span_id": PARENT,
    "operation": NAME,
    "kind": KIND,
    "trace_state": STATE,
}
IDS = ("trace_id", "span_id", "parent_span_id")


def columns_of(spans: list[msgspec.Raw]) -> tuple[Columns, Bools]:
    """See Reading."""
    text = Text(spans)
    found, pairs, odd = walked(text)
    columns: Columns = {}
    for name, place in TEXTS.items():
        starts = found[:, place]
        texts, missing = cut_out(text.bytes, starts, found[:, place + 1]), starts < 0
        columns[name] = pc.if_else(pa.array(missing), None, texts) if missing.any() else texts
    in_base64 = pc.fill_null(pc.ends_with(columns["span_id"], BASE64), False)
    if pc.any(in_base64).as_py():
        for name in IDS:
            ids = columns[name]
            hexes = [in_hex(text) for text in ids.filter(in_base64).to_pylist()]
            columns[name] = pc.replace_with_mask(ids, in_base64, pa.array(hexes, pa.string()))
    start, end = found[:, START], found[:, END]
    columns["start"] = pa.array(start)
    columns["duration"] = pa.array(end - start, mask=end == 0)
    columns["failed"] = pa.array(found[:, FAILED] > 0)
    bounds = np.append(found[:, PAIR], len(pairs))
    said, wrong = attribute_columns(text.bytes, bounds, pairs, _text_of)
    return columns | said, odd | wrong


def _text_of(number: bytes) -> str | None:
    try:
        return text_of(orjson.loads(number))
    except orjson.JSONDecodeError:
        return None


def _row(span: msgspec.Raw, origin: Origin) -> Row:
    return row_of(orjson.loads(bytes(span)), origin.service, origin.resource.encode(), origin.scope)


JSON = Reading(len, columns_of, _row, UNREADABLE)
