"""OTLP protobuf in files: messages after their lengths, or one bare message."""

from collections.abc import Iterator

import pyarrow as pa
from google.protobuf.message import DecodeError

from informer.spans.envelopes import Envelopes
from informer.spans.otlp_json import JsonRequests
from informer.spans.otlp_spans import PROTOBUF
from informer.spans.received import Tally
from informer.spans.span_batch import SpanBatch
from informer.spans.unpack import Content, unpacked


def read_frames(content: Content, tally: Tally) -> Iterator[pa.Table]:
    """Spans of messages that each follow their length, protobuf or JSON, perhaps packed alone."""
    envelopes, batch, requests = Envelopes(), SpanBatch(PROTOBUF), JsonRequests()
    for frame in content.frames():
        try:
            message = unpacked(frame)
            if message[:1] == b"{":
                yield from requests.add(message, tally)
            else:
                yield from batch.add(envelopes.open(message), tally)
        except (DecodeError, OSError, ValueError):
            tally.rejected["unreadable_message"] += 1
    yield from batch.rest(tally)
    yield from requests.rest(tally)


def read_message(content: Content, tally: Tally) -> Iterator[pa.Table]:
    """Spans of a file that is one protobuf message."""
    batch = SpanBatch(PROTOBUF)
    try:
        yield from batch.add(Envelopes().open(content.whole()), tally)
    except DecodeError:
        tally.rejected["unreadable_message"] += 1
    yield from batch.rest(tally)
