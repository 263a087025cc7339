"""OTLP/JSON: requests, one a line or one document, on their way into tables."""

from collections.abc import Iterator

import orjson
import pyarrow as pa

from informer.spans.json_envelopes import UNEXPECTED, JsonEnvelopes
from informer.spans.json_lines import texts
from informer.spans.json_spans import JSON
from informer.spans.json_values import rows_of
from informer.spans.received import Tally
from informer.spans.rows import RowGroups
from informer.spans.span_batch import BATCH_BYTES, SpanBatch
from informer.spans.unpack import Content


def read(content: Content, tally: Tally) -> Iterator[pa.Table]:
    """Spans of OTLP/JSON: one ExportTraceServiceRequest a line, or one document."""
    requests = JsonRequests()
    for text in texts(content):
        yield from requests.add(text, tally)
    yield from requests.rest(tally)


class JsonRequests:
    """Requests that wait until their spans are as many as are read at once."""

    def __init__(self) -> None:
        self._envelopes, self._batch, self._rows = JsonEnvelopes(), SpanBatch(JSON), RowGroups()
        self._held = 0  # bytes of texts: attributes are parts of them

    def add(self, text: bytes, tally: Tally) -> Iterator[pa.Table]:
        """Take in a request; gives tables as they are full, in the form of a TableReader."""
        try:
            groups = self._envelopes.open(text)
        except UNEXPECTED:
            try:
                request = orjson.loads(text)
            except orjson.JSONDecodeError:
                tally.rejected["not_json"] += 1
            else:
                yield from self._rows.add(rows_of(request, tally))
            return
        yield from self._batch.add(groups, tally)
        self._held += len(text)
        if self._held >= BATCH_BYTES:
            yield from self._batch.rest(tally)
            self._held = 0

    def rest(self, tally: Tally) -> Iterator[pa.Table]:
        """What was taken in since."""
        yield from self._batch.rest(tally)
        yield from self._rows.rest()
