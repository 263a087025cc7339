"""Attributes of OTLP/JSON as columns, for thousands of spans at a time.

`[{"key":"K","value":{"stringValue":"V"}},...]` is known by the places of its quotes: where what
lies between them is as it should be, keys and values are cut out, and nothing else is parsed.
"""

from dataclasses import dataclass

import msgspec
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.types import Bools
from informer.spans.attribute_texts import Pairs, in_columns
from informer.spans.buffers import bytes_in
from informer.spans.json_values import text_of
from informer.spans.span_walk import WORDS
from informer.spans.texts import Places, Text

QUOTE, BACKSLASH = b'"\\'
QUOTED, BARE = 10, 8  # quotes of a pair: its value is a text, or a number or a truth
KINDS = ('"str', '"int', '"boo', '"dou', '"byt')  # how the kinds begin whose values are plain


def _word(text: str) -> int:
    return int.from_bytes(text.encode(), "little")


def _are(text: Text, places: Places, what: str) -> Bools:
    """Whether `what`, at most eight bytes, is at the places."""
    mask = (1 << 8 * len(what)) - 1 if len(what) < 8 else -1
    found: Bools = text.words[places] & mask == _word(what)
    return found


def attribute_columns(lists: list[msgspec.Raw]) -> tuple[dict[str, pa.Array], Bools]:
    """`attributes`, `meant` and `in_bounds` of spans, and which are left to others.

    The lists are valid JSON, but for their UTF-8. Errors: pa.ArrowInvalid where a text is none.
    """
    text = _without_spaces(lists)
    places, odd = _places_of(text)
    keys = pc.cast(_slices(text, *places.key), pa.string()).dictionary_encode()
    values, unread = _values(text, places)
    odd[places.owner[unread]] = True
    ends, data = bytes_in(values)
    pairs = Pairs(
        np.searchsorted(places.owner, np.arange(len(lists) + 1)),
        keys.dictionary.to_pylist(),
        keys.indices.to_numpy().astype(np.int64),
        np.full(len(values), WORDS),
        ends[:-1].astype(np.int64),
        ends[1:].astype(np.int64),
        data,
    )
    columns, twice = in_columns(pairs)
    return columns, odd | twice


@dataclass(frozen=True, slots=True)
class PairPlaces:
    """Where keys and values lie; those of which that cannot be said have empty ones."""

    owner: Places  # which list
    key: tuple[Places, Places]
    value: tuple[Places, Places]
    is_bare: Bools
    is_escaped: Bools  # the value has escapes


def _without_spaces(lists: list[msgspec.Raw]) -> Text:
    text = Text(lists)
    tight = _are(text, text.starts, '[{"key":') & _are(text, text.starts + 8, '"')
    spaced = ~tight & (text.ends - text.starts > len("[]"))
    if not spaced.any():
        return text
    packed: list[bytes] = [*map(bytes, lists)]
    for n in np.flatnonzero(spaced):
        packed[n] = msgspec.json.format(packed[n], indent=-1)
    return Text(packed)


def _places_of(text: Text) -> tuple[PairPlaces, Bools]:
    """All pairs, and which lists are not made of them alone."""
    size = int(text.ends[-1])
    found = np.flatnonzero(text.bytes == QUOTE)
    quotes = np.concatenate([found, np.full(QUOTED, size)])
    apart = np.diff(quotes)
    first = np.flatnonzero((apart[:-1] == len('"key')) & (apart[1:] == len('":')))
    first = first[_are(text, quotes[first], '"key":"')]  # the first quote of each pair
    begin = quotes[first]
    owner = np.searchsorted(text.ends, begin, side="right")
    last = np.append(owner[1:] != owner[:-1], True)[: len(owner)]
    until = np.where(last, text.ends[owner], np.append(begin[1:], 0)[: len(begin)])
    close = until - np.where(last, len("}}]"), len("}},{"))
    many = np.searchsorted(found, until) - first

    is_first = np.append(True, last[:-1])[: len(last)]
    good = ~is_first | (begin == text.starts[owner] + len("[{"))
    good[is_first] &= _are(text, begin[is_first] - len("[{"), "[{")
    good &= np.where(last, _are(text, close, "}}]"), _are(text, close, "}},{"))
    key_end = quotes[first + 3]
    good &= _are(text, key_end, '","value')
    good &= _are(text, np.minimum(key_end + 8, size), '":{"')
    kind = np.minimum(key_end + len('","value":{'), size)
    start_of_kind = text.words[kind] & 0xFFFFFFFF
    good &= np.isin(start_of_kind, [_word(name) for name in KINDS])
    behind_kind = quotes[first + 7] + len('":')
    good &= _are(text, quotes[first + 7], '":')
    quoted = (many == QUOTED) & (quotes[first + 8] == behind_kind)
    quoted &= quotes[first + 9] == close - 1
    bare = (many == BARE) & (behind_kind < close)
    good &= quoted | bare

    escapes = np.flatnonzero(text.bytes == BACKSLASH)
    at = np.maximum(np.searchsorted(begin, escapes, side="right") - 1, 0)
    is_escaped = np.zeros(len(first), bool)
    odd = np.bincount(owner[good], minlength=len(text.ends)) == 0
    odd &= ~_are(text, text.starts, "[]")
    odd[owner[~good]] = True
    if len(escapes):
        # A quote behind a backslash may end a text or be part of it: that takes a parser.
        odd[np.searchsorted(text.ends, escapes[text.bytes[escapes + 1] == QUOTE], "right")] = True
        if len(first):
            odd[owner[at[escapes < key_end[at]]]] = True
            is_escaped[at] = True
    good &= ~odd[owner]
    key = np.where(good, begin + len('"key":"'), begin), np.where(good, key_end, begin)
    value = (
        np.where(good, behind_kind + quoted, begin),
        np.where(good, close - quoted, begin),
    )
    return PairPlaces(owner, key, value, bare & good, is_escaped & good), odd


def _slices(text: Text, starts: Places, ends: Places) -> pa.Array:
    """The bytes at each [start, end) as a binary column; none begins before the one before ends."""
    places = np.zeros(2 * len(starts) + 1, np.int32)
    places[0:-1:2], places[1::2] = starts, ends
    places[-1] = places[-2:][0]  # of none, zero
    with_gaps = pa.Array.from_buffers(
        pa.binary(), 2 * len(starts), [None, pa.py_buffer(places), pa.py_buffer(text.bytes)]
    )
    return with_gaps.take(pa.array(np.arange(0, 2 * len(starts), 2)))


def _values(text: Text, pairs: PairPlaces) -> tuple[pa.Array, Bools]:
    """Values as texts, and which are none."""
    values = pc.cast(_slices(text, *pairs.value), pa.string())
    unread = np.zeros(len(values), bool)
    for which, form in ((pairs.is_bare, "{}"), (pairs.is_escaped, '"{}"')):
        if which.any():
            mask = pa.array(which)
            coded = values.filter(mask).dictionary_encode()
            told = [_plain(form.format(value)) for value in coded.dictionary.to_pylist()]
            read = pa.array(told, pa.string()).take(coded.indices)
            unread[np.flatnonzero(which)[read.is_null().to_numpy(zero_copy_only=False)]] = True
            values = pc.replace_with_mask(values, mask, pc.fill_null(read, ""))
    return values, unread


def _plain(text: str) -> str | None:
    """A value in JSON as text; None where it is a list, a map or no JSON."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return None if isinstance(value, list | dict) else text_of(value)
