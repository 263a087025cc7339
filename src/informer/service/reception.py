"""Reception: what comes in by OTLP is read as far as needed to count it, kept, and answered."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import orjson
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from informer.service.gaps import Gaps
from informer.service.limits import MOST_SPANS
from informer.service.spool import BehindError, Spool, SpoolFullError
from informer.spans.envelopes import MOST_OF_RESOURCE, pieces_of
from informer.spans.request_walk import spans_in
from informer.spans.span_walk import SPAN_BYTES, TRACE_BYTES

SMALLEST = b"\x0a\x00"
# The one field that a request has. In the spool other beginnings mean something else: JSON, packed
# messages, lines of a log, or how far a source came, and no sender is to say that.
FIRST_FIELD = b"\x0a"
NO_TRACE, NO_SPAN = bytes(TRACE_BYTES), bytes(SPAN_BYTES)


CROWDED = ("too_many_calls", "too_much_at_once")
COME_AGAIN = ("no_room", "behind", *CROWDED)  # the same message, later


class RefusedError(Exception):
    """A message that is not taken: why, in one of few words, and whether it may come again."""

    def __init__(self, reason: str, words: str) -> None:
        super().__init__(words)
        self.reason, self.again = reason, reason in COME_AGAIN


@dataclass(frozen=True, slots=True)
class Checked:
    """A message that may be kept, and what is in it."""

    message: bytes
    spans: int
    malformed: int  # of them


@dataclass(slots=True)
class Received:
    """Counts since the start; written by one thread."""

    messages: int = 0
    spans: int = 0  # in messages that were taken
    malformed: int = 0  # of them, told back and left out later
    refused: Counter[str] = field(default_factory=Counter)  # messages, by reason
    sent_away: Counter[str] = field(default_factory=Counter)  # spans that may come again, by reason

    def count(self, checked: Checked) -> None:
        """Count a message that was kept."""
        self.messages += 1
        self.spans += checked.spans
        self.malformed += checked.malformed


class Reception:
    """Takes messages into the spool."""

    def __init__(
        self,
        spool: Spool,
        *,
        most_message_bytes: int,
        gaps: Gaps | None = None,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`gaps` hears when spans are sent away."""
        self.received = Received()
        self.most_message_bytes = most_message_bytes
        self._spool, self._gaps, self._clock_ns = spool, gaps, clock_ns
        counted(SMALLEST)  # compiled at once, and not while the first sender waits

    def take(self, message: bytes, *, is_json: bool = False) -> ExportTraceServiceResponse:
        """Keep an ExportTraceServiceRequest, protobuf or JSON; says what of it is of no use.

        Errors: RefusedError.
        """
        try:
            answer = self._take(message, is_json)
        except RefusedError as refused:
            self.received.refused[refused.reason] += 1
            raise
        return answer

    def _take(self, message: bytes, is_json: bool) -> ExportTraceServiceResponse:
        checked = check_message(message, is_json, self.most_message_bytes)
        if checked.spans:
            try:
                self._spool.add(checked.message)
            except SpoolFullError as error:
                words = "no room for spans at the moment, try again later"
                raise self._sent_away("no_room", words, checked) from error
            except BehindError as error:
                words = "spans wait for too long to be judged at the moment, try again later"
                raise self._sent_away("behind", words, checked) from error
        self.received.count(checked)
        answer = ExportTraceServiceResponse()
        if checked.malformed:
            answer.partial_success.rejected_spans = checked.malformed
            answer.partial_success.error_message = (
                "left out: spans without a trace id of 16 bytes, a span id of 8 bytes, "
                "a service.name or a start"
            )
        return answer

    def _sent_away(self, reason: str, words: str, checked: Checked) -> RefusedError:
        self.received.sent_away[reason] += checked.spans
        if self._gaps is not None:
            self._gaps.add(self._clock_ns())
        return RefusedError(reason, words)


def check_message(message: bytes, is_json: bool, most_bytes: int) -> Checked:
    """What is in an ExportTraceServiceRequest. Errors: RefusedError for what is none, or large."""
    if len(message) > most_bytes:
        words = f"a message may have {most_bytes} bytes, got {len(message)}"
        raise RefusedError("too_large", words)
    if is_json:
        message = message.lstrip()  # in the spool, JSON is told by its first byte
    spans, malformed = counted_json(message) if is_json else counted(message)
    if spans and not is_json and not message.startswith(FIRST_FIELD):
        raise RefusedError("malformed", "the body must begin with the resourceSpans of a request")
    return Checked(message, spans, malformed)


def counted(message: bytes) -> tuple[int, int]:
    """Spans of a protobuf message, and how many of them are of no use.

    Errors: RefusedError for what is no such message.
    """
    quick = spans_in(message, MOST_SPANS)
    return counted_by_library(message) if quick is None else quick


def counted_by_library(message: bytes) -> tuple[int, int]:
    """The same for any message. Errors: RefusedError."""
    try:
        # Opened, a span takes a hundred times the two bytes that it may have come in.
        _check_many(pieces_of(message, MOST_SPANS))
        request = ExportTraceServiceRequest.FromString(message)
    except DecodeError as error:
        raise RefusedError("malformed", "the body must be an ExportTraceServiceRequest") from error
    spans = malformed = 0
    for group in request.resource_spans:
        named = any(
            a.key == "service.name" and a.value.string_value
            for a in group.resource.attributes[:MOST_OF_RESOURCE]
        )
        for part in group.scope_spans:
            spans += len(part.spans)
            if not named:
                malformed += len(part.spans)
                continue
            for span in part.spans:
                trace_id, span_id = span.trace_id, span.span_id
                malformed += not (
                    len(trace_id) == TRACE_BYTES
                    and len(span_id) == SPAN_BYTES
                    and trace_id != NO_TRACE
                    and span_id != NO_SPAN
                    and span.start_time_unix_nano
                )
    return spans, malformed


def _check_many(spans: int) -> None:
    if spans > MOST_SPANS:
        words = f"a message may have {MOST_SPANS} spans, groups of them included"
        raise RefusedError("too_many_spans", words)


def counted_json(message: bytes) -> tuple[int, int]:
    """The same of a JSON message; what is malformed in it is found when it is read."""
    try:
        request = orjson.loads(message)
        groups = request.get("resourceSpans") or ()
        parts = [part for group in groups for part in group.get("scopeSpans") or ()]
        spans = sum(len(part.get("spans") or ()) for part in parts)
    except (orjson.JSONDecodeError, AttributeError, TypeError) as error:
        raise RefusedError("malformed", "the body must be an ExportTraceServiceRequest") from error
    _check_many(spans)
    return spans, 0
