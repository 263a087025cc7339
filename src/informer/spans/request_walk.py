"""Requests of OTLP protobuf walked once each, to count their spans before they are kept.

A compiled loop reads every field down to the deepest, so that what the protobuf library would
refuse is found. What is not plain is left to the library: see `spans_in`.
"""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from informer.core.compiled import compiled
from informer.core.types import Ints
from informer.spans.buffers import Bytes
from informer.spans.envelopes import MOST_OF_RESOURCE
from informer.spans.span_walk import (
    BYTES,
    FIXED32,
    FIXED64,
    SPAN_BYTES,
    TRACE_BYTES,
    VARINT,
    Place,
)
from informer.spans.texts import is_text

Forms: TypeAlias = npt.NDArray[np.int64]  # [message, tag]

DEEPEST = 32  # messages in messages; the library goes deeper
TAGS = 256  # those of fields up to 31
# What a field holds: nothing that is known, anything, a text; beyond these a message.
UNKNOWN, ANYTHING, TEXT, MESSAGE = 0, 1, 2, 3
# Numbers of messages that are looked into here; the others follow.
REQUEST, GROUP, RESOURCE, PART, SPAN, PAIR, VALUE = range(7)
IN_RESOURCE = 3  # messages around an attribute of a resource
LONGEST_LENGTH = 28  # bits before the last seven of a length
LONGEST_VARINT = 10  # bytes
NAME = np.frombuffer(b"service.name", np.uint8)
WIRES = {
    FieldDescriptor.TYPE_DOUBLE: FIXED64,
    FieldDescriptor.TYPE_FIXED64: FIXED64,
    FieldDescriptor.TYPE_SFIXED64: FIXED64,
    FieldDescriptor.TYPE_FLOAT: FIXED32,
    FieldDescriptor.TYPE_FIXED32: FIXED32,
    FieldDescriptor.TYPE_SFIXED32: FIXED32,
    FieldDescriptor.TYPE_STRING: BYTES,
    FieldDescriptor.TYPE_BYTES: BYTES,
    FieldDescriptor.TYPE_MESSAGE: BYTES,
}


def spans_in(message: bytes, most: int) -> tuple[int, int] | None:
    """How many spans a request has, and how many of them are of no use; None for odd ones.

    Of no use are spans without a trace id, a span id, a start, or a service of that name. Odd is
    what the protobuf library may refuse, has more than `most` spans and groups of them, fields
    that nobody knows, or fields twice that are there once: who takes more time is to say.
    """
    if not message:
        return 0, 0
    data = np.frombuffer(message, np.uint8)
    stack = np.empty((DEEPEST, 2), np.int64)
    spans, useless, plain = _counted(data, FORMS, stack, np.int64(most))
    return (int(spans), int(useless)) if plain else None


def _forms() -> Forms:
    """What each field of each message holds, as the library describes them."""
    first = (
        ExportTraceServiceRequest,
        ResourceSpans,
        Resource,
        ScopeSpans,
        Span,
        KeyValue,
        AnyValue,
    )
    known: list[Descriptor] = [message.DESCRIPTOR for message in first]
    held: dict[tuple[int, int], int] = {}
    for number, message in enumerate(known):  # it grows meanwhile
        for field in message.fields:
            wire = WIRES.get(field.type, VARINT)
            form = TEXT if field.type == FieldDescriptor.TYPE_STRING else ANYTHING
            if field.message_type is not None:
                if field.message_type not in known:
                    known.append(field.message_type)
                form = MESSAGE + known.index(field.message_type)
            held[number, field.number << 3 | wire] = form
    forms = np.full((len(known), TAGS), UNKNOWN, np.int64)
    for (number, tag), form in held.items():
        if tag < TAGS:
            forms[number, tag] = form
    return forms


# One loop for all, as to hand arrays on costs more than to read a field (decision 27).
@compiled
def _counted(data: Bytes, forms: Forms, stack: Ints, most: Place) -> tuple[Place, Place, bool]:
    """Spans, those of no use, and whether it is plain."""
    at, end, message, depth = np.int64(0), np.int64(len(data)), np.int64(REQUEST), np.int64(0)
    pieces, spans, useless = np.int64(0), np.int64(0), np.int64(0)
    here = bad = pairs = np.int64(0)  # of a group
    resources, named, is_name, has_text = np.int64(0), False, False, False
    trace = span = begins = False
    odd = (np.int64(0), np.int64(0), False)
    while True:
        while at == end:  # a message is over
            if message == SPAN:
                here += 1
                bad += not (trace and span and begins)
            elif message == GROUP:
                spans += here
                useless += bad if named else here
            elif message == PAIR and depth == IN_RESOURCE:
                named = named or bool(is_name and has_text and pairs <= MOST_OF_RESOURCE)
            if depth == 0:
                return spans, useless, True
            depth -= 1
            message, end = stack[depth, 0], stack[depth, 1]

        tag = np.int64(data[np.uint64(at)])
        at += 1
        if tag >= 0x80:
            if at >= end or data[np.uint64(at)] > 1:
                return odd
            tag = (tag & 0x7F) | (np.int64(data[np.uint64(at)]) << 7)
            at += 1
        form, wire = forms[np.uint64(message), np.uint64(tag)], tag & 7
        start = at
        if form == UNKNOWN:
            return odd
        if wire == BYTES:
            until, shift = np.int64(0), np.int64(0)
            while True:
                if at >= end or shift > LONGEST_LENGTH:
                    return odd
                byte = np.int64(data[np.uint64(at)])
                at += 1
                until |= (byte & 0x7F) << shift
                if byte < 0x80:
                    break
                shift += 7
            start = at
            until += at
        elif wire == VARINT:
            until = at
            while True:
                if until >= end or until >= at + LONGEST_VARINT:
                    return odd
                until += 1
                if data[np.uint64(until - 1)] < 0x80:
                    break
            if until == at + LONGEST_VARINT and data[np.uint64(until - 1)] > 1:
                return odd  # beyond 64 bits
        else:
            until = at + (8 if wire == FIXED64 else 4)
        if until > end:
            return odd
        at = until

        if form == TEXT:
            every = np.uint8(0)
            for place in range(np.uint64(start), np.uint64(until)):
                every |= data[place]
            if every >= 0x80 and not is_text(data, start, until):
                return odd
        if message == SPAN:
            if tag == 10 or tag == 18 or tag == 57:
                every = np.uint8(0)
                for place in range(np.uint64(start), np.uint64(until)):
                    every |= data[place]
                if tag == 10:
                    trace = until - start == TRACE_BYTES and every != 0
                elif tag == 18:
                    span = until - start == SPAN_BYTES and every != 0
                else:
                    begins = every != 0
        elif message == PAIR and depth == IN_RESOURCE:
            if tag == 10:
                is_name = until - start == len(NAME)
                for letter in range(len(NAME)):
                    is_name = is_name and data[np.uint64(start + letter)] == NAME[letter]
        elif message == VALUE and depth == IN_RESOURCE + 1:
            has_text = bool(tag == 10 and until > start)  # the last of its values counts

        if form >= MESSAGE:
            if depth == DEEPEST:
                return odd
            stack[depth, 0], stack[depth, 1] = message, end
            depth += 1
            message, at, end = form - MESSAGE, start, until
            if message == SPAN:
                pieces += 1
                trace = span = begins = False
            elif message == PAIR and depth == IN_RESOURCE:
                pairs += 1
                is_name = has_text = False
            elif message == RESOURCE:
                resources += 1
            elif message in (PART, GROUP):
                pieces += 1
                if message == GROUP:
                    here = bad = pairs = resources = np.int64(0)
                    named = False
            if resources > 1 or pieces > most:
                return odd


FORMS: Any = _forms()
