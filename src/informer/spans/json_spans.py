"""Spans of OTLP/JSON, thousands at a time: from what is read of them to columns of rows."""

import msgspec
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.types import Bools, Ints
from informer.spans.json_attributes import attribute_columns
from informer.spans.json_envelopes import JsonSpan
from informer.spans.json_values import BASE64, FAILED, NO_SPAN, in_hex, row_of
from informer.spans.rows import Row
from informer.spans.span_batch import Columns, Origin, Reading

NUMBER = "^(?:[0-9]{1,18}|[0-8][0-9]{18})$"  # below 9 * 10 ** 18, which fits int64


def columns_of(spans: list[JsonSpan]) -> tuple[Columns, Bools]:
    """See Reading."""
    ids = [
        pa.array([span.traceId for span in spans], pa.string()),
        pa.array([span.spanId for span in spans], pa.string()),
        pa.array([span.parentSpanId for span in spans], pa.string()),
    ]
    in_base64 = pc.fill_null(pc.ends_with(ids[1], BASE64), False)
    if pc.any(in_base64).as_py():
        for n, part in enumerate(ids):
            hexes = [in_hex(text) for text in part.filter(in_base64).to_pylist()]
            ids[n] = pc.replace_with_mask(part, in_base64, pa.array(hexes, pa.string()))
    start, odd_start = _times([span.startTimeUnixNano for span in spans])
    end, odd_end = _times([span.endTimeUnixNano for span in spans])
    said, odd = attribute_columns([span.attributes for span in spans])
    columns = {
        **dict(zip(("trace_id", "span_id", "parent_span_id"), ids, strict=True)),
        "operation": pa.array([span.name for span in spans], pa.string()),
        "kind": _texts([span.kind for span in spans]),
        "start": pa.array(start),
        "duration": pa.array(end - start, mask=end == 0),
        "failed": pa.array(
            [span.status is not None and span.status.code in FAILED for span in spans]
        ),
        "trace_state": pa.array([span.traceState for span in spans], pa.string()),
    }
    return columns | said, odd | odd_start | odd_end


def _row(span: JsonSpan, origin: Origin) -> Row:
    read = msgspec.structs.asdict(span) | {"attributes": orjson.loads(bytes(span.attributes))}
    if span.status is not None:
        read["status"] = {"code": span.status.code}
    return row_of(read, origin.service, origin.resource.encode(), origin.scope)


def _times(times: list[int | str | None]) -> tuple[Ints, Bools]:
    """Nanoseconds, and which are no plain number."""
    texts = pc.fill_null(_texts(times), "0")
    plain = pc.match_substring_regex(texts, NUMBER)
    odd = ~plain.to_numpy(zero_copy_only=False)
    if odd.any():
        texts = pc.if_else(plain, texts, "0")
    read: Ints = pc.cast(texts, pa.int64()).to_numpy()
    return read, odd


def _texts(values: list[int | str | None]) -> pa.Array:
    try:
        return pa.array(values, pa.string())
    except pa.ArrowTypeError:  # numbers are among them
        return pa.array([None if v is None else str(v) for v in values], pa.string())


JSON = Reading(lambda span: len(span.attributes), columns_of, _row, NO_SPAN)
