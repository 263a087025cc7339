"""OTLP/JSON requests opened as far as their spans, which stay the text they came as.

A parser that is told what to expect makes no dictionaries of a million attributes. What it does not
expect is left to who takes more time.
"""

import msgspec
import orjson

from informer.spans.json_values import UNREADABLE, attributes_of
from informer.spans.span_batch import Origin, Origins

# What `JsonEnvelopes.open` raises. The text may be a request for all that.
UNEXPECTED = (*UNREADABLE, msgspec.DecodeError, RecursionError)
NOTHING = msgspec.Raw(b"null")


class Part(msgspec.Struct, gc=False):
    """Spans of one scope, under its new name or its older one."""

    scope: msgspec.Raw = NOTHING
    instrumentationLibrary: msgspec.Raw = NOTHING  # noqa: N815
    spans: list[msgspec.Raw] | None = None


class Group(msgspec.Struct, gc=False):
    """Spans of one resource."""

    resource: msgspec.Raw = NOTHING
    scopeSpans: list[Part] | None = None  # noqa: N815
    instrumentationLibrarySpans: list[Part] | None = None  # noqa: N815


class Request(msgspec.Struct, gc=False):
    """A message; Tempo calls its groups batches."""

    resourceSpans: list[Group] | None = None  # noqa: N815
    batches: list[Group] | None = None


class JsonEnvelopes:
    """Opens requests."""

    def __init__(self) -> None:
        self._decoder = msgspec.json.Decoder(Request)
        self._origins = Origins(_origin)

    def open(self, text: bytes) -> list[tuple[Origin, list[msgspec.Raw]]]:
        """Groups of spans. Errors: those in UNEXPECTED."""
        request = self._decoder.decode(text)
        return [
            (self._origin(group, part), part.spans)
            for group in request.resourceSpans or request.batches or ()
            for part in group.scopeSpans or group.instrumentationLibrarySpans or ()
            if part.spans
        ]

    def _origin(self, group: Group, part: Part) -> Origin:
        scope = bytes(part.scope)
        if scope in (b"null", b"{}"):
            scope = bytes(part.instrumentationLibrary)
        return self._origins.of(bytes(group.resource), scope)


def _origin(resource: bytes, scope: bytes) -> Origin:
    attributes = attributes_of((orjson.loads(resource) or {}).get("attributes"))
    name = (orjson.loads(scope) or {}).get("name")
    return Origin(
        attributes.get("service.name"),
        orjson.dumps(attributes).decode(),
        name if isinstance(name, str) else None,
    )
