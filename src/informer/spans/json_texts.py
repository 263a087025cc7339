"""Texts and numbers of JSON, for compiled loops that walk it.

Places have no sign. Behind the last text lie SPARE bytes, so that a few can be read past its end.
"""

import numpy as np

from informer.core.compiled import compiled
from informer.spans.buffers import Bytes
from informer.spans.texts import is_text
from informer.spans.words import ONE

BACKSLASH, UNICODE = np.uint8(ord("\\")), np.uint8(ord("u"))
ZERO, NINE, DOT, MINUS = (np.uint8(ord(c)) for c in "09.-")
FIRST_OF_TRUE, FIRST_OF_FALSE = np.uint8(ord("t")), np.uint8(ord("f"))
TWO, FOUR = np.uint64(2), np.uint64(4)
# What the letter behind a backslash stands for; 0 = it is no plain escape.
MEANT = np.zeros(256, np.uint8)
MEANT[[*b'"\\/bfnrt']] = [*b'"\\/\b\f\n\r\t']
HEX = np.full(256, 16, np.uint8)  # 16 = no digit
HEX[[*b"0123456789abcdef"]] = HEX[[*b"0123456789ABCDEF"]] = range(16)
NO_CODE = np.int64(-1)
ERROR = np.frombuffer(b"STATUS_CODE_ERROR", np.uint8)
MOST_DIGITS = np.uint64(19)  # of a number below 9 * 10 ** 18, which fits int64
# Up to so many digits there is one shortest way to write a number.
MOST_WHOLE, MOST_SIGNIFICANT = np.uint64(18), np.uint64(15)


@compiled
def mended(data: Bytes, at: np.uint64, close: np.uint64) -> np.uint64:
    """Write out the escapes of a text where they stand, which makes it shorter, and say where it
    ends; beyond `close` when they say nothing, or it is no UTF-8.
    """
    until = _written_out(data, at, close)
    if until > close or not is_text(data, np.int64(at), np.int64(until)):
        return close + ONE
    return until


@compiled
def number(data: Bytes, at: np.uint64, until: np.uint64) -> np.int64:
    """Digits as a number; -1 where there are none, too many, or anything else."""
    size, told = until - at, np.int64(0)
    if size < ONE or size > MOST_DIGITS or (size == MOST_DIGITS and data[at] == NINE):
        return np.int64(-1)
    for place in range(at, until):
        if data[place] < ZERO or data[place] > NINE:
            return np.int64(-1)
        told = np.int64(10) * told + np.int64(data[place] - ZERO)
    return told


@compiled
def is_error(data: Bytes, at: np.uint64, until: np.uint64) -> bool:
    """Whether the name of a status is that of failures."""
    if until - at != np.uint64(len(ERROR)):
        return False
    for letter in ERROR:
        if data[at] != letter:
            return False
        at += ONE
    return True


@compiled
def _written_out(data: Bytes, at: np.uint64, close: np.uint64) -> np.uint64:
    """Where a text ends when its escapes are written out; beyond its end when they say nothing."""
    to = at
    while at < close:
        byte = data[at]
        at += ONE
        if byte != BACKSLASH:
            data[to] = byte
            to += ONE
            continue
        byte = data[at]
        at += ONE
        if byte != UNICODE:
            data[to] = MEANT[byte]
            to += ONE
            if not MEANT[byte]:
                return close + ONE
            continue
        code = _code_at(data, at)
        at += FOUR
        if 0xD800 <= code < 0xDC00:
            low = NO_CODE
            if data[at] == BACKSLASH and data[at + ONE] == UNICODE:
                low = _code_at(data, at + TWO)
            at += TWO + FOUR
            if low < 0xDC00 or low > 0xDFFF:
                return close + ONE
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00)
        elif code == NO_CODE or 0xDC00 <= code < 0xE000:
            return close + ONE
        if at > close:
            return close + ONE
        to = _put(data, to, code)
    return to


@compiled
def _code_at(data: Bytes, at: np.uint64) -> np.int64:
    """Four hex digits as a number."""
    code = np.int64(0)
    for place in range(at, at + FOUR):
        digit = HEX[data[place]]
        if digit > 15:
            return NO_CODE
        code = code << np.int64(4) | np.int64(digit)
    return code


@compiled
def _put(data: Bytes, to: np.uint64, code: np.int64) -> np.uint64:
    """Write a letter as UTF-8; where the next one goes."""
    if code < 0x80:
        data[to] = code
        return to + ONE
    if code < 0x800:
        data[to] = 0xC0 | code >> 6
    else:
        if code < 0x10000:
            data[to] = 0xE0 | code >> 12
        else:
            data[to] = 0xF0 | code >> 18
            to += ONE
            data[to] = 0x80 | (code >> 12 & 0x3F)
        to += ONE
        data[to] = 0x80 | (code >> 6 & 0x3F)
    to += ONE
    data[to] = 0x80 | (code & 0x3F)
    return to + ONE


@compiled
def is_plain(data: Bytes, at: np.uint64, until: np.uint64) -> bool:
    """Whether what is no text is written as it would be written again: true, false, and numbers
    that are neither long nor large nor tiny.
    """
    if data[at] == FIRST_OF_TRUE or data[at] == FIRST_OF_FALSE:
        return True
    if data[at] == MINUS:
        at += ONE
        if data[at] == ZERO:
            return False
    whole = at
    while at < until and ZERO <= data[at] <= NINE:
        at += ONE
    if at == until:
        return bool(until - whole <= MOST_WHOLE)
    rest = at + ONE
    if data[at] != DOT or until - whole > MOST_SIGNIFICANT + ONE:
        return False
    for place in range(rest, until):
        if data[place] < ZERO or data[place] > NINE:
            return False
    if data[until - ONE] == ZERO:
        return bool(until - rest == ONE)  # 5.0, and no 5.50
    # What begins with 0.000 is written with an exponent.
    tiny = data[whole] == ZERO
    for place in range(rest, min(until, rest + np.uint64(3))):
        tiny &= data[place] == ZERO
    return bool(not tiny)
