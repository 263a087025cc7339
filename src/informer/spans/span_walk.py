"""Spans of OTLP protobuf walked once each: where in their bytes lies what is read of them.

A compiled loop reads field by field. Nothing is read before a bound is checked, and what is not
plain is left to the protobuf library: see `walked`.
Source: the encoding of protocol buffers, https://protobuf.dev/programming-guides/encoding/
"""

from typing import TypeAlias

import numpy as np

from informer.core.compiled import compiled
from informer.core.types import Bools, Ints
from informer.spans.buffers import Bytes
from informer.spans.texts import Places, Text, is_text

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
LONGEST_VARINT = 5  # bytes that are read here; longer ones are somebody else's
MOST_FIELDS = 128  # of a span; events and links count as well
LARGEST_ENUM = 2**31 - 1  # the library cuts off what is above
MOST_IN_STATUS, MOST_IN_PAIR = 3, 2
TRACE_BYTES, SPAN_BYTES = 16, 8

Place: TypeAlias = np.int64
NO_FIELD = (np.int64(0), np.int64(0), np.int64(0), np.int64(0))
# Columns of what is found of a span. Places are -1 where there is nothing.
TRACE, SPAN, PARENT, STATE, STATE_END, NAME, NAME_END, KIND, START, END, CODE, PAIR = range(12)
FOUND = 12
# Columns of what is found of a pair of its attributes; a text lies at [VALUE, VALUE_END).
KEY, KEY_END, FORM, VALUE, VALUE_END = range(5)
IN_PAIR = 5
# Forms of values: nothing, a text, a truth and a number, whose value is in VALUE, anything else.
NOTHING, WORDS, TRUTH, NUMBER, OTHER = range(5)


def walked(text: Text) -> tuple[Ints, Ints, Bools]:
    """What is found of spans and of the pairs of their attributes, and which spans are odd.

    Odd ones are no protobuf, or have more than MOST_FIELDS fields, field numbers beyond 2,047,
    varints of more than LONGEST_VARINT bytes, groups, ids of another length, texts that are no
    UTF-8: all rare, and for a reader that takes its time. What is given of them is of no use.
    [n, FOUND]; [pairs, IN_PAIR], those of one span side by side, from its PAIR on; [n].
    """
    many = len(text.starts)
    found, odd = np.empty((many, FOUND), np.int64), np.zeros(many, np.bool_)
    pairs = np.empty((max(16 * many, 64), IN_PAIR), np.int64)
    done = used = 0
    while True:
        done, used = _walk(text.bytes, text.starts, text.ends, done, used, found, pairs, odd)
        if done == many:
            return found, pairs[:used], odd
        pairs = np.concatenate([pairs, np.empty_like(pairs)])


@compiled
def _varint(data: Bytes, at: Place, end: Place) -> tuple[Place, Place]:
    """A varint and where it ends; -1 where it is cut off or too long."""
    value, shift = np.int64(0), np.int64(0)
    for _ in range(LONGEST_VARINT):
        if at >= end:
            return np.int64(0), np.int64(-1)
        byte = np.int64(data[at])
        at += np.int64(1)
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += np.int64(7)
    return np.int64(0), np.int64(-1)


@compiled
def _field(data: Bytes, at: Place, end: Place) -> tuple[Place, Place, Place, Place]:
    """The tag of a field, where its value begins and ends, and that of a varint; a tag of 0 where
    there is none that can be read.
    """
    tag = np.int64(data[at])
    at += np.int64(1)
    if tag >= 0x80:
        if at >= end or data[at] >= 0x80:
            return NO_FIELD
        tag = (tag & 0x7F) | (np.int64(data[at]) << 7)
        at += np.int64(1)
    wire, value, until = tag & 7, np.int64(0), np.int64(-1)
    start = at
    if wire == BYTES:
        value, start = _varint(data, at, end)
        if start < 0:
            return NO_FIELD
        until = start + value
    elif wire == VARINT:
        value, until = _varint(data, at, end)
    elif wire == FIXED64:
        until = at + np.int64(8)
    elif wire == FIXED32:
        until = at + np.int64(4)
    if tag < 8 or until < 0 or until > end:
        return NO_FIELD
    return tag, start, until, value


@compiled
def _walk(
    data: Bytes,
    starts: Places,
    ends: Places,
    begin: int,
    used: int,
    found: Ints,
    pairs: Ints,
    odd: Bools,
) -> tuple[int, int]:
    """Walk spans from one on, until there is no room for the pairs of one; how far it came, and
    how many pairs there are.
    """
    for n in range(begin, len(starts)):
        if used + MOST_FIELDS > len(pairs):
            return n, used
        at, end = starts[n], ends[n]
        _forget(found, n, used)
        good, fields, answers = True, 0, 0
        while at < end and good:
            tag, start, until, value = _field(data, at, end)
            fields += 1
            if tag == 0 or fields > MOST_FIELDS:
                good = False
                break
            if tag == 74:  # attributes
                good = _pair(data, start, until, pairs, used)
                used += 1
            elif tag == 10:
                good = bool(value == TRACE_BYTES or value == 0)
                found[n, TRACE] = start if value else -1
            elif tag == 18:
                good = bool(value == SPAN_BYTES or value == 0)
                found[n, SPAN] = start if value else -1
            elif tag == 34:
                good = bool(value == SPAN_BYTES or value == 0)
                found[n, PARENT] = start if value else -1
            elif tag == 26:
                good = is_text(data, start, until)
                found[n, STATE], found[n, STATE_END] = start, until
            elif tag == 42:
                good = is_text(data, start, until)
                found[n, NAME], found[n, NAME_END] = start, until
            elif tag == 48:
                good = bool(value <= LARGEST_ENUM)
                found[n, KIND] = value
            elif tag == 57:
                found[n, START] = start
            elif tag == 65:
                found[n, END] = start
            elif tag == 122:
                answers += 1
                code = _code(data, start, until)
                good = bool(code >= 0) and answers == 1
                found[n, CODE] = code
            at = until
        if not good:
            odd[n] = True
            used = found[n, PAIR]
            _forget(found, n, used)
    return len(starts), used


@compiled
def _forget(found: Ints, n: int, pair: int) -> None:
    for column in range(FOUND):
        found[n, column] = -1
    found[n, KIND], found[n, CODE], found[n, PAIR] = 0, 0, pair


@compiled
def _code(data: Bytes, at: Place, end: Place) -> Place:
    """The code of a status; -1 where it is for others."""
    code, fields = np.int64(0), 0
    while at < end:
        tag, _, until, value = _field(data, at, end)
        fields += 1
        if tag == 0 or fields > MOST_IN_STATUS or (tag == 24 and value > LARGEST_ENUM):
            return np.int64(-1)
        if tag == 24:
            code = value
        at = until
    return code


@compiled
def _pair(data: Bytes, at: Place, end: Place, pairs: Ints, n: int) -> bool:
    """A key and its value; whether they are plain."""
    pairs[n, KEY], pairs[n, KEY_END], pairs[n, FORM], pairs[n, VALUE], pairs[n, VALUE_END] = (
        at,
        at,
        NOTHING,
        at,
        at,
    )
    fields, keys, values = 0, 0, 0
    while at < end:
        tag, start, until, _ = _field(data, at, end)
        fields += 1
        if tag == 0 or fields > MOST_IN_PAIR:
            return False
        if tag == 10:
            keys += 1
            pairs[n, KEY], pairs[n, KEY_END] = start, until
        elif tag == 18:
            values += 1
            _value(data, start, until, pairs, n)
        at = until
    if keys > 1 or values > 1 or not is_text(data, pairs[n, KEY], pairs[n, KEY_END]):
        return False
    return pairs[n, FORM] != WORDS or is_text(data, pairs[n, VALUE], pairs[n, VALUE_END])


@compiled
def _value(data: Bytes, at: Place, end: Place, pairs: Ints, n: int) -> None:
    pairs[n, FORM], pairs[n, VALUE], pairs[n, VALUE_END] = NOTHING, at, end
    if at == end:
        return
    tag, start, until, value = _field(data, at, end)
    pairs[n, FORM] = OTHER
    if until != end:  # more than one, or it cannot be read
        return
    if tag == 10:
        pairs[n, FORM], pairs[n, VALUE], pairs[n, VALUE_END] = WORDS, start, until
    elif tag == 16:
        pairs[n, FORM], pairs[n, VALUE] = TRUTH, value
    elif tag == 24:
        pairs[n, FORM], pairs[n, VALUE] = NUMBER, value
