"""Attributes as JSON objects of texts, for thousands of spans at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa

from informer.core.compiled import compiled
from informer.core.types import Bools, Ints
from informer.spans.buffers import Bytes, Offsets
from informer.spans.meanings import LONGEST_OBJECT, LONGEST_VALUE, MEANT, MOST_KEYS, OF_SPAN
from informer.spans.span_walk import NUMBER, TRUTH, WORDS
from informer.spans.texts import LETTERS, Places, column, offsets_of

# What keys are, as bits.
IS_AWKWARD, IS_MEANT, IS_ROUTE, IS_PATH = 1, 2, 4, 8
# What stands behind the backslash of a byte in JSON; 0 = it stands for itself.
ESCAPES = np.zeros(256, np.uint8)
ESCAPES[:0x20] = ord("u")
ESCAPES[[*b'"\\\b\t\n\f\r']] = [*b'"\\btnfr']
TRUTHS = np.frombuffer(b"falsetrue", np.uint8)


@dataclass(frozen=True, slots=True)
class Pairs:
    """Keys and values of spans; those of one lie side by side, in order."""

    bounds: Ints  # [n + 1], which pairs are a span's
    names: Sequence[str]
    key: Ints  # [pairs], which of the names
    form: Ints  # [pairs], see span_walk; none is OTHER
    value: Ints  # [pairs], where a text begins; a truth, or a number from zero on
    value_end: Ints  # [pairs]
    data: Bytes  # in which texts lie, all of them UTF-8


def in_columns(pairs: Pairs) -> tuple[dict[str, pa.Array], Bools]:
    """`attributes`, `meant` and `in_bounds` of spans, and which have a key twice. [n].

    Errors: pa.ArrowInvalid where they are more text than a column holds.
    """
    many = len(pairs.bounds) - 1
    in_json = [orjson.dumps(name) for name in pairs.names]
    told = np.array([_told(*both) for both in zip(pairs.names, in_json, strict=True)], np.uint8)
    ends = np.cumsum([0, *map(len, in_json)])
    names = np.frombuffer(b"".join(in_json) or b"\0", np.uint8)
    sizes_whole, sizes_meant = np.zeros(many, np.int64), np.zeros(many, np.int64)
    in_bounds, twice = np.zeros(many, np.bool_), np.zeros(many, np.bool_)
    is_meant = np.zeros(len(pairs.key), np.bool_)
    parts = (pairs.bounds, pairs.key, pairs.form, pairs.value, pairs.value_end, pairs.data)
    _measure(*parts, told, ends, ESCAPES, sizes_whole, sizes_meant, in_bounds, twice, is_meant)
    whole, meant = offsets_of(sizes_whole), offsets_of(sizes_meant)
    everything = np.ones(len(pairs.key), np.bool_)
    shown = (names, ends, ESCAPES, LETTERS, TRUTHS)
    return {
        "attributes": column(whole, _written(*parts, everything, *shown, whole)),
        "meant": column(meant, _written(*parts, is_meant, *shown, meant)),
        "in_bounds": pa.array(in_bounds),
    }, twice


def _told(name: str, in_json: bytes) -> int:
    """What a key is."""
    told = IS_AWKWARD * (name == "x-request-id" or len(name) + 2 < len(in_json.decode()))
    told |= IS_MEANT * (name in MEANT)
    told |= IS_ROUTE * (name in OF_SPAN["route"])
    return told | IS_PATH * (name in OF_SPAN["path"])


@compiled
def _digits(number: int) -> int:
    """How many letters a number takes that is not below zero."""
    many = 1
    while number > 9:
        number //= 10
        many += 1
    return many


@compiled
def _measure(
    bounds: Ints,
    key: Ints,
    form: Ints,
    value: Ints,
    value_end: Ints,
    data: Bytes,
    told: Bytes,
    ends: Places,
    escapes: Bytes,
    whole: Ints,
    meant: Ints,
    in_bounds: Bools,
    twice: Bools,
    is_meant: Bools,
) -> None:
    """How long the objects of spans are, and what is said of them."""
    last = np.full(len(ends), -1, np.int64)  # by key: the span that had it
    sizes = np.empty(len(key), np.int64)
    for n in range(len(bounds) - 1):
        size, meaning, good, has_route = np.int64(2), np.int64(2), True, False
        for pair in range(bounds[n], bounds[n + 1]):
            name = key[pair]
            if last[name] == n:
                twice[n] = True
            last[name] = n
            long, escaped = np.int64(0), False
            if form[pair] == WORDS:
                long = value_end[pair] - value[pair]
                for at in range(value[pair], value_end[pair]):
                    escape = escapes[data[at]]
                    if escape:
                        escaped = True
                        long += 5 if escape == 117 else 1
            elif form[pair] == TRUTH:
                long = np.int64(4 if value[pair] else 5)
            elif form[pair] == NUMBER:
                long = np.int64(_digits(value[pair]))
            if escaped or long > LONGEST_VALUE or told[name] & IS_AWKWARD:
                good = False
            if long and told[name] & IS_ROUTE:
                has_route = True
            sizes[pair] = ends[name + 1] - ends[name] + 3 + long
            size += sizes[pair] + (pair > bounds[n])
        some = False
        for pair in range(bounds[n], bounds[n + 1]):
            what = told[key[pair]]
            if what & IS_MEANT and not (has_route and what & IS_PATH):
                is_meant[pair] = True
                meaning += sizes[pair] + some
                some = True
        many = bounds[n + 1] - bounds[n]
        in_bounds[n] = good and many <= MOST_KEYS and size <= LONGEST_OBJECT
        whole[n], meant[n] = size, meaning


@compiled
def _written(
    bounds: Ints,
    key: Ints,
    form: Ints,
    value: Ints,
    value_end: Ints,
    data: Bytes,
    chosen: Bools,
    names: Bytes,
    ends: Places,
    escapes: Bytes,
    letters: Bytes,
    truths: Bytes,
    offsets: Offsets,
) -> Bytes:
    """The objects of spans, of the pairs that are chosen."""
    made = np.empty(offsets[-1], np.uint8)
    for n in range(len(bounds) - 1):
        place, some = offsets[n], False
        made[place] = 123  # {
        place += 1
        for pair in range(bounds[n], bounds[n + 1]):
            if not chosen[pair]:
                continue
            if some:
                made[place] = 44  # ,
                place += 1
            some = True
            for at in range(ends[key[pair]], ends[key[pair] + 1]):
                made[place] = names[at]
                place += 1
            made[place], made[place + 1] = 58, 34  # :"
            place += 2
            if form[pair] == WORDS:
                for at in range(value[pair], value_end[pair]):
                    byte = data[at]
                    escape = escapes[byte]
                    if escape:
                        made[place], made[place + 1] = 92, escape
                        place += 2
                        if escape == 117:
                            made[place], made[place + 1] = 48, 48
                            made[place + 2], made[place + 3] = (
                                letters[byte >> 4],
                                letters[byte & 15],
                            )
                            place += 4
                    else:
                        made[place] = byte
                        place += 1
            elif form[pair] == TRUTH:
                first, until = (5, 9) if value[pair] else (0, 5)
                for at in range(first, until):
                    made[place] = truths[at]
                    place += 1
            elif form[pair] == NUMBER:
                number, long = value[pair], _digits(value[pair])
                for back in range(1, long + 1):
                    made[place + long - back] = letters[number % 10]
                    number //= 10
                place += long
            made[place] = 34
            place += 1
        made[place] = 125  # }
    return made
