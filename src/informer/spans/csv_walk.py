"""The loops that find records and fields in the bytes of CSV.

A record ends at a line end outside quotes (LF, CR or both). A field that begins with a quote,
blanks before it left out, goes on to the next quote that is not doubled; anywhere else a quote is
a letter.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from informer.core.compiled import compiled
from informer.spans.buffers import Bytes
from informer.spans.texts import is_text
from informer.spans.words import EIGHT, HIGHS, LOWS, ONE, first_of, whole_word, zeros_in

Small: TypeAlias = npt.NDArray[np.int32]
Fields: TypeAlias = npt.NDArray[np.int32]  # [used column, record]

LF, CR, BLANK, QUOTE = (np.uint8(ord(c)) for c in '\n\r "')
# Where in a record that is too long the next byte stands.
AT_FIELD, IN_FIELD, IN_QUOTES, AT_QUOTE, OVER = range(5)


@compiled
def walk(
    data: Bytes,
    begin: np.uint64,
    end: np.uint64,
    is_last: bool,
    delimiter: np.uint8,
    slots: Small,
    known: int,
    starts: Fields,
    ends: Fields,
) -> tuple[int, np.int64, int]:
    """Note where the fields of whole records in [begin, end) lie, from record `known` on.

    `slots` tells for each column of the file its row of `starts` and `ends`, -1 = it is not used.
    An end of ~e is an end of e of a text in which quotes are doubled. What is no record of so many
    columns, or no UTF-8, is left out; one empty column more is let pass. Gives how many records are
    known, the first byte that is not read yet (what begins there has no end, or no room), and how
    many lines were left out.
    """
    bad, at, columns = 0, begin, len(slots)
    last = end - EIGHT if end > EIGHT else np.uint64(0)  # where a whole word is there
    quotes, delimiters = np.uint64(QUOTE) * LOWS, np.uint64(delimiter) * LOWS
    lfs, crs = np.uint64(LF) * LOWS, np.uint64(CR) * LOWS
    while at < end and known < starts.shape[1]:
        if data[at] == LF or data[at] == CR:  # blank, or the rest of a line end
            at += ONE
            continue
        first, column, good, sound, whole = at, 0, True, True, True
        every = np.uint64(0)  # of its bytes, and maybe of some behind it
        while True:
            start, stop, doubled = at, at, False
            if at < end and (data[at] == BLANK or data[at] == QUOTE):
                while at < end and data[at] == BLANK:
                    at += ONE
                if at == end or data[at] != QUOTE:
                    at = start
            if at < end and data[at] == QUOTE:
                at += ONE
                start = at
                while True:
                    while at < last:
                        word = whole_word(data, at)
                        every |= word
                        told = zeros_in(word ^ quotes)
                        if told:
                            at += first_of(told)
                            break
                        at += EIGHT
                    while at < end and data[at] != QUOTE:
                        every |= np.uint64(data[at])
                        at += ONE
                    if at + ONE < end and data[at + ONE] == QUOTE:
                        doubled = True
                        at += ONE + ONE
                        continue
                    break
                stop = at
                if at == end:  # it is never closed
                    sound = False
                else:
                    at += ONE
                while at < end and data[at] == BLANK:
                    at += ONE
                if at < end and data[at] != delimiter and data[at] != LF and data[at] != CR:
                    sound = False
                    while at < end and data[at] != LF and data[at] != CR:
                        at += ONE
            else:
                while at < last:
                    word = whole_word(data, at)
                    every |= word
                    told = zeros_in(word ^ delimiters) | zeros_in(word ^ lfs) | zeros_in(word ^ crs)
                    if told:
                        at += first_of(told)
                        break
                    at += EIGHT
                while at < end and data[at] != delimiter and data[at] != LF and data[at] != CR:
                    every |= np.uint64(data[at])
                    at += ONE
                stop = at
            if at == end and not is_last:
                whole = False
                break
            if column < columns:
                slot = slots[column]
                if slot >= 0:
                    starts[slot, known] = start
                    ends[slot, known] = ~np.int64(stop) if doubled else np.int64(stop)
            elif column > columns or stop > start:
                good = False
            column += 1
            if not sound or at == end or data[at] != delimiter:
                break
            at += ONE
        if not whole:
            return known, np.int64(first), bad
        good &= sound and column >= columns
        if good and (not every & HIGHS or is_text(data, np.int64(first), np.int64(at))):
            known += 1
        else:
            bad += data[at - ONE] != LF
            for place in range(first, at):
                bad += data[place] == LF
    return known, np.int64(at), bad


@compiled
def pass_by(
    data: Bytes, begin: np.uint64, end: np.uint64, state: int, delimiter: np.uint8
) -> tuple[np.int64, int, int]:
    """Go on in a record that is too long: up to where, in which state, and the lines it took."""
    lines, at = 0, begin
    while at < end and state != OVER:
        byte = data[at]
        at += ONE
        if state == IN_QUOTES:
            lines += byte == LF
            if byte == QUOTE:
                state = AT_QUOTE
        elif byte in (LF, CR):
            state = OVER
            lines += 1
        elif state == AT_QUOTE and byte == QUOTE:
            state = IN_QUOTES
        elif byte == delimiter:
            state = AT_FIELD
        elif state == AT_FIELD and byte == QUOTE:
            state = IN_QUOTES
        elif state != AT_FIELD or byte != BLANK:
            state = IN_FIELD
    return np.int64(at), state, lines


def slots_of(columns: tuple[str, ...], used: list[str]) -> Small:
    """The row of each column among those that are used, -1 for others."""
    places = {column: place for place, column in enumerate(used)}
    return np.array([places.get(column, -1) for column in columns], np.int32)
