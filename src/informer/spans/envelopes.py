"""OTLP requests opened as far as their spans, which stay the bytes they came as.

The protobuf library reads requests by a description of ours in which a span is `bytes`, as it is on
the wire. So requests are opened at its speed, and spans are left to who reads many at once.
"""

from collections.abc import Iterator
from typing import Any

import orjson
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from informer.spans.otlp_values import attributes_of
from informer.spans.span_batch import Origin, Origins

MOST_OF_RESOURCE = 1_000  # attributes that are read


class Envelopes:
    """Opens requests."""

    def __init__(self) -> None:
        self._origins = Origins(_origin)

    def open(self, request: bytes) -> Iterator[tuple[Origin, list[bytes]]]:
        """Groups of spans. Errors: DecodeError before the first when the request is none."""
        opened: Any = Request.FromString(request)
        groups = [
            (self._origins.of(group.resource, part.scope), list(part.spans))
            for group in opened.resource_spans
            for part in group.scope_spans
        ]
        yield from groups


def pieces_of(request: bytes, most: int) -> int:
    """How many spans and groups of spans a request has; beyond `most` not all are counted.

    None of them is opened. Errors: DecodeError.
    """
    opened: Any = Request.FromString(request)
    pieces = len(opened.resource_spans)
    for group in opened.resource_spans if pieces <= most else ():
        pieces += len(group.scope_spans)
        if pieces > most:
            break
        pieces += sum(len(part.spans) for part in group.scope_spans)
    return pieces


def _origin(resource: bytes, scope: bytes) -> Origin:
    attributes = attributes_of(Resource.FromString(resource).attributes[:MOST_OF_RESOURCE])
    return Origin(
        attributes.get("service.name"),
        orjson.dumps(attributes).decode(),
        InstrumentationScope.FromString(scope).name,
    )


def _described() -> FileDescriptorProto:
    """ExportTraceServiceRequest down to the span; resources, scopes and spans are bytes."""
    file = FileDescriptorProto(name="informer/envelopes.proto", package="informer", syntax="proto3")
    for message, fields in (
        ("Request", (("resource_spans", 1, ".informer.Group"),)),
        ("Group", (("resource", 1, None), ("scope_spans", 2, ".informer.Part"))),
        ("Part", (("scope", 1, None), ("spans", 2, None))),
    ):
        made = file.message_type.add(name=message)
        for name, number, type_name in fields:
            many = name.endswith("s")
            made.field.add(
                name=name,
                number=number,
                label=FieldDescriptorProto.LABEL_REPEATED
                if many
                else FieldDescriptorProto.LABEL_OPTIONAL,
                type=FieldDescriptorProto.TYPE_MESSAGE
                if type_name
                else FieldDescriptorProto.TYPE_BYTES,
                type_name=type_name,
            )
    return file


_POOL = DescriptorPool()
_POOL.Add(_described())
Request = GetMessageClass(_POOL.FindMessageTypeByName("informer.Request"))
