"""OTLP protobuf in files: messages after their lengths, or one bare message."""

from collections.abc import Iterator

import orjson
import pyarrow as pa
from google.protobuf.message import DecodeError

from informer.spans.envelopes import Envelopes
from informer.spans.otlp_json import rows_of
from informer.spans.otlp_spans import SpanBatch
from informer.spans.received import Tally
from informer.spans.rows import table_of
from informer.spans.unpack import Content, unpacked


def read_frames(content: Content, tally: Tally) -> Iterator[pa.Table]:
    """Spans of messages that each follow their length, protobuf or JSON, perhaps packed alone."""
    envelopes, batch = Envelopes(), SpanBatch()
    for frame in content.frames():
        try:
            message = unpacked(frame)
            if message[:1] == b"{":
                rows = list(rows_of(orjson.loads(message), tally))
                yield from [table_of(rows)] if rows else []
            else:
                yield from batch.add(envelopes.open(message), tally)
        except (DecodeError, OSError, ValueError):
            tally.rejected["unreadable_message"] += 1
    yield from batch.rest(tally)


def read_message(content: Content, tally: Tally) -> Iterator[pa.Table]:
    """Spans of a file that is one protobuf message."""
    batch = SpanBatch()
    try:
        yield from batch.add(Envelopes().open(content.whole()), tally)
    except DecodeError:
        tally.rejected["unreadable_message"] += 1
    yield from batch.rest(tally)
