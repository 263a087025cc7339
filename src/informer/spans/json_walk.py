"""Spans of OTLP/JSON walked once each: where in their text lies what is read of them.

One compiled loop over tokens; a state says what the next is part of. It hands on no arrays where
all is plain, which costs more than the walk. What it is given is JSON, but for its UTF-8, so commas
and colons say nothing; it holds every place against the end of the span for all that.
"""

import numpy as np

from informer.core.compiled import compiled
from informer.core.types import Bools, Ints
from informer.spans.buffers import Bytes
from informer.spans.json_texts import is_error, is_plain, mended, number
from informer.spans.span_walk import (
    FORM,
    IN_PAIR,
    KEY,
    KEY_END,
    MOST_FIELDS,
    OTHER,
    VALUE,
    VALUE_END,
    WORDS,
)
from informer.spans.texts import Text
from informer.spans.words import EIGHT, HIGHS, LOWS, ONE, Words, first_of, whole_word, zeros_in

# Columns of what is found of a span, first its texts, each [start, end) or -1 where it is null.
TRACE, SPAN, PARENT, NAME, KIND, STATE = range(0, 12, 2)
START, END, FAILED, PAIR = range(12, 16)
FOUND = 16
STATUS, ATTRIBUTES, CODE, ELSE = 16, 17, 18, 19  # fields that are no column
FIELDS = {
    b"traceId": TRACE,
    b"spanId": SPAN,
    b"parentSpanId": PARENT,
    b"name": NAME,
    b"kind": KIND,
    b"startTimeUnixNano": START,
    b"endTimeUnixNano": END,
    b"attributes": ATTRIBUTES,
    b"status": STATUS,
    b"traceState": STATE,
}
# What the next token belongs to. From KEY_NAME on one follows the other.
NOTHING, FIELD_NAME, FIELD_VALUE, IN_STATUS, PASSING, IN_LIST = range(6)
KEY_NAME, KEY_TEXT, VALUE_NAME, VALUE_START, KIND_NAME, INNER, VALUE_STOP, PAIR_STOP = range(6, 14)

QUOTE, BACKSLASH, COLON, COMMA = (np.uint8(ord(c)) for c in '"\\:,')
OBJECT, OBJECT_END, LIST, LIST_END = (np.uint8(ord(c)) for c in "{}[]")
BLANK, FIRST_OF_NULL, TWO = (np.uint8(ord(c)) for c in " n2")
QUOTES, BACKSLASHES = np.uint64(QUOTE) * LOWS, np.uint64(BACKSLASH) * LOWS
KINDS = np.zeros(256, np.bool_)  # first letters of stringValue, intValue and so on: no list, no map
KINDS[[*b"sibd"]] = True


def _word(text: bytes) -> np.uint64:
    """The first eight bytes of a text, as they lie; of a shorter one the rest is zero."""
    return np.uint64(int.from_bytes(text[:8], "little"))


KEY_WORD, VALUE_WORD, CODE_WORD = map(_word, (b"key", b"value", b"code"))
FIELD_WORDS: Words = np.array([*map(_word, FIELDS)])
FIELD_NAMES = np.frombuffer(b"".join(FIELDS), np.uint8)
FIELD_ENDS = np.cumsum([0, *map(len, FIELDS)]).astype(np.uint64)
FIELD_MEANS = np.array([*FIELDS.values()])


def walked(text: Text) -> tuple[Ints, Ints, Bools]:
    """What is found of spans and of the pairs of their attributes, and which spans are odd.

    Odd ones have a field twice or of an unusual type, a field's name with escapes, a time that is
    no plain number, more than MOST_FIELDS attributes, one that is a list or a map or anything but a
    key and then a value, or a text that is no UTF-8. What is given of them is of no use.
    [n, FOUND]; [pairs, IN_PAIR], those of one span side by side, from its PAIR on; [n]. A value of
    the form OTHER is a number in JSON.
    """
    many = len(text.starts)
    found, odd = np.empty((many, FOUND), np.int64), np.zeros(many, np.bool_)
    pairs = np.empty((max(16 * many, 2 * MOST_FIELDS), IN_PAIR), np.int64)
    done = used = 0
    starts, ends = text.starts.astype(np.uint64), text.ends.astype(np.uint64)
    while True:
        done, used = _walk(text.bytes, starts, ends, done, used, found, pairs, odd)
        if done == many:
            return found, pairs[:used], odd
        pairs = np.concatenate([pairs, np.empty_like(pairs)])


@compiled
def _walk(
    data: Bytes,
    starts: Words,
    ends: Words,
    begin: int,
    used: int,
    found: Ints,
    pairs: Ints,
    odd: Bools,
) -> tuple[int, int]:
    """Walk spans from one on, until there is no room for the pairs of one; how far it came, and
    how many pairs there are.

    Behind the last span lie SPARE bytes, so that eight can be read at any place before its end.
    """
    for n in range(begin, len(starts)):
        if used + MOST_FIELDS > len(pairs):
            return n, used
        for column in range(FOUND):
            found[n, column] = -1 if column < START else 0
        found[n, PAIR] = used
        at, end = starts[n] + ONE, ends[n]
        good, seen, depth, field = data[starts[n]] == OBJECT, 0, 0, ELSE
        state = back = FIELD_NAME
        while good and state != NOTHING:
            while at < end and (data[at] <= BLANK or data[at] == COMMA or data[at] == COLON):
                at += ONE
            if at >= end:
                good = False
                break
            token, first, until = data[at], at, at + ONE
            word = np.uint64(0)
            if token == QUOTE:
                first += ONE
                at = first
                word = whole_word(data, at)
                every, escaped = np.uint64(0), False
                while at < end:
                    some = whole_word(data, at)
                    every |= some
                    told = zeros_in(some ^ QUOTES) | zeros_in(some ^ BACKSLASHES)
                    if not told:
                        at += EIGHT
                        continue
                    at += first_of(told)
                    if at >= end or data[at] == QUOTE:
                        break
                    escaped = True
                    at += ONE + ONE
                if at >= end:
                    good = False
                    break
                until = at
                if escaped or every & HIGHS:
                    if state in (KEY_TEXT, INNER) or (state == FIELD_VALUE and field != ELSE):
                        until = mended(data, first, at)
                        good = until <= at
                    else:  # the name of a field may be written with escapes
                        good = not escaped or state in (FIELD_VALUE, PASSING)
                at += ONE
                if until - first < EIGHT:
                    word &= (ONE << ((until - first) << np.uint64(3))) - ONE
            elif token not in (OBJECT, OBJECT_END, LIST, LIST_END):
                while at < end and data[at] != COMMA and data[at] > BLANK:
                    if data[at] == OBJECT_END or data[at] == LIST_END:
                        break
                    at += ONE
                until = at
            else:
                at += ONE

            if state >= KEY_NAME:
                if state == KEY_NAME:
                    good &= token == QUOTE and word == KEY_WORD
                elif state == KEY_TEXT:
                    good &= token == QUOTE
                    pairs[used, KEY], pairs[used, KEY_END] = first, until
                elif state == VALUE_NAME:
                    good &= token == QUOTE and word == VALUE_WORD
                elif state == VALUE_START:
                    good &= token == OBJECT
                elif state == KIND_NAME:
                    good &= token == QUOTE and KINDS[data[first]]
                elif state == INNER:
                    pairs[used, FORM] = WORDS
                    if token == FIRST_OF_NULL:
                        until = first
                    elif token != QUOTE:
                        good &= token not in (OBJECT, OBJECT_END, LIST, LIST_END)
                        if not is_plain(data, first, until):
                            pairs[used, FORM] = OTHER
                    pairs[used, VALUE], pairs[used, VALUE_END] = first, until
                else:
                    good &= token == OBJECT_END
                state += 1
                if state > PAIR_STOP:
                    used += 1
                    state = IN_LIST
            elif state == IN_LIST:
                if token == LIST_END:
                    state = FIELD_NAME
                else:
                    good &= token == OBJECT and used < found[n, PAIR] + MOST_FIELDS
                    state = KEY_NAME
            elif state == PASSING:
                if token in (OBJECT, LIST):
                    depth += 1
                elif token in (OBJECT_END, LIST_END):
                    depth -= 1
                    if depth == 0:
                        state = back
            elif state == IN_STATUS:
                if token == OBJECT_END:
                    state = FIELD_NAME
                else:
                    good &= token == QUOTE
                    field = CODE if word == CODE_WORD else ELSE
                    state, back = FIELD_VALUE, IN_STATUS
            elif state == FIELD_NAME:
                if token == OBJECT_END:
                    state = NOTHING
                else:
                    good &= token == QUOTE
                    field, size = ELSE, until - first
                    for name in range(len(FIELD_MEANS)):
                        if word == FIELD_WORDS[name]:
                            letter = FIELD_ENDS[name]
                            if FIELD_ENDS[name + 1] - letter == size:
                                place = EIGHT
                                while (
                                    place < size
                                    and data[first + place] == FIELD_NAMES[letter + place]
                                ):
                                    place += ONE
                                if place >= size:
                                    field = FIELD_MEANS[name]
                    state, back = FIELD_VALUE, FIELD_NAME
            else:
                state = back
                if field == ELSE:
                    if token in (OBJECT, LIST):
                        state, depth = PASSING, 1
                else:
                    good &= not seen >> field & 1
                    seen |= 1 << field
                    if token == FIRST_OF_NULL:
                        pass
                    elif field == ATTRIBUTES:
                        good &= token == LIST
                        state = IN_LIST
                    elif field == STATUS:
                        good &= token == OBJECT
                        state = IN_STATUS
                    elif field in (START, END):
                        found[n, field] = number(data, first, until)
                        good &= found[n, field] >= 0
                    elif field == CODE:
                        if token == QUOTE:
                            found[n, FAILED] = is_error(data, first, until)
                        else:
                            found[n, FAILED] = token == TWO and until - first == ONE
                            good &= number(data, first, until) >= 0
                    else:
                        good &= token == QUOTE or (
                            field == KIND and number(data, first, until) >= 0
                        )
                        found[n, field], found[n, field + 1] = first, until
        if not good:
            odd[n] = True
            used = found[n, PAIR]
            for column in range(START):
                found[n, column] = -1
    return len(starts), used
