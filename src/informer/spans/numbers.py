"""Numbers for the ids of spans: quick, and secret, so that no two ids can be made to look alike."""

import hashlib
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from informer.core.compiled import compiled
from informer.core.lines import ROWS, Lines
from informer.core.types import Bools, Ints
from informer.spans.buffers import Bytes, Offsets, bytes_in, numbers_in, there_in
from informer.spans.words import Words, last_word, whole_word

Small: TypeAlias = npt.NDArray[np.int32]

WORD = 8
SECRETS = 66  # two for the length, and two for each eight bytes of the longest id
SOFT = ord("?")  # a parent that may be missing is told so by its first character


def numbered(rows: pa.Table, key: bytes) -> Lines:
    """The spans of a piece with numbers for their ids; `rows` has the columns of ROWS."""
    rows = rows.combine_chunks()
    return Lines(rows, *id_numbers([_only(rows, name) for name in ROWS.names[:3]], key))


def id_numbers(ids: Sequence[pa.Array], key: bytes) -> tuple[Ints, Ints, Ints, Bools]:
    """Numbers of the ids of traces, spans and parents, -1 for null; which parents are soft. [n]."""
    trace, span, parent = ids
    secrets = _secrets(key)
    of_trace, of_span = (_numbers(ids, secrets)[0] for ids in (trace, span))
    return of_trace, of_span, *_numbers(parent, secrets, parents=True)


def number_texts(texts: Sequence[str], key: bytes) -> list[int]:
    """The numbers of some ids."""
    numbers: list[int] = numbers_of(pa.array(texts, pa.string()), key).tolist()
    return numbers


def numbers_of(texts: pa.Array, key: bytes) -> Ints:
    """A number >= 0 for each text, -1 for null; [n]."""
    return _numbers(texts, _secrets(key))[0]


def _secrets(key: bytes) -> Words:
    digest = hashlib.blake2b(b"ids", key=key).digest()
    made = np.frombuffer(hashlib.shake_256(digest).digest(WORD * SECRETS), np.uint64)
    return made | np.uint64(1)


def _numbers(texts: pa.Array, secrets: Words, *, parents: bool = False) -> tuple[Ints, Bools]:
    """A number >= 0 for each text, -1 for null; and for parents, which are soft."""
    if pa.types.is_dictionary(texts.type):
        number, soft = _numbers(texts.dictionary, secrets, parents=parents)
        places = texts.indices.cast(pa.int32())
        return _by_place(numbers_in(places, np.int32), *there_in(places), number, soft)
    offsets, data = bytes_in(texts)
    number, soft = _number_texts(offsets, data, secrets, parents)
    if texts.null_count:
        empty = texts.is_null().to_numpy(zero_copy_only=False)
        number[empty], soft[empty] = -1, False
    return number, soft


@compiled
def _number_texts(
    offsets: Offsets, data: Bytes, secrets: Words, parents: bool
) -> tuple[Ints, Bools]:
    """Differences between texts are multiplied by secrets, word by word."""
    rows = len(offsets) - 1
    found, soft = np.empty(rows, np.int64), np.zeros(rows, np.bool_)
    for row in range(rows):
        # Places that cannot be negative: so they need no look, and eight bytes are one load.
        at, end = np.uint64(offsets[row]), np.uint64(offsets[row + 1])
        if parents and end > at and data[at] == SOFT:
            soft[row] = True
            at += np.uint64(1)
        number, place = end - at, 0
        while at < end:
            if end - at >= np.uint64(WORD):
                word = whole_word(data, at)
                at += np.uint64(WORD)
            else:
                word = last_word(data, at, end)
                at = end
            number = (number + word) * secrets[place]
            number ^= number >> np.uint64(32)
            number *= secrets[place + 1]
            number ^= number >> np.uint64(29)
            place += 2
            if place == SECRETS:
                place = 0
        found[row] = np.int64(number >> np.uint64(1))
    return found, soft


def _only(rows: pa.Table, name: str) -> pa.Array:
    column = rows[name]
    return column.chunk(0) if column.num_chunks else pa.array([], column.type)


@compiled
def _by_place(
    places: Small, there: Bytes, begin: int, number: Ints, soft: Bools
) -> tuple[Ints, Bools]:
    """The numbers of texts that are told by their places in a dictionary."""
    found, softs = np.empty(len(places), np.int64), np.empty(len(places), np.bool_)
    for n in range(len(places)):
        if len(there) and not (there[(begin + n) >> 3] >> ((begin + n) & 7)) & 1:
            found[n], softs[n] = -1, False
        else:
            found[n], softs[n] = number[places[n]], soft[places[n]]
    return found, softs
