"""Attributes of OTLP protobuf as JSON objects of texts, for thousands of spans at a time."""

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from google.protobuf.message import DecodeError
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from informer.core.types import Ints
from informer.spans.meanings import LONGEST_OBJECT, LONGEST_VALUE, MEANT, MOST_KEYS, OF_SPAN
from informer.spans.otlp_values import text_of
from informer.spans.wire import BYTES, VARINT, Fields, Flags, Places, Text, fields_of

STRING, BOOL, INT = (1 << 3) + BYTES, (2 << 3) + VARINT, (3 << 3) + VARINT  # tags of AnyValue
OTHER = -1
TO_ESCAPE = np.zeros(256, bool)
TO_ESCAPE[[*range(0x20), *b'"\\']] = True


def attribute_texts(text: Text, pairs: Fields, many: int) -> tuple[dict[str, pa.Array], Flags]:
    """`attributes`, `meant` and `in_bounds` of `many` spans, and which spans are left to others.

    Errors: pa.ArrowInvalid where a text is no UTF-8.
    """
    order = np.argsort(pairs.start, kind="stable")
    keys, values, odd_pairs = _keys_and_values(text, pairs.start[order], pairs.end[order])
    return in_columns(keys, values, pairs.owner[order], odd_pairs, many)


def in_columns(
    keys: pa.DictionaryArray, values: pa.Array, owner: Places, odd_pairs: Flags, many: int
) -> tuple[dict[str, pa.Array], Flags]:
    """The same of keys and values as texts; those of one span lie side by side, in order."""
    names, ids = keys.dictionary.to_pylist(), keys.indices.to_numpy()
    odd = np.zeros(many, bool)
    odd[owner[odd_pairs | _again(owner, ids, len(names))]] = True
    said = lengths(values) > 0
    values, escaped = _escaped(values)
    in_json = [orjson.dumps(name).decode() for name in names]
    beginnings = pa.array([f'{name}:"' for name in in_json], pa.string()).take(keys.indices)
    pieces = pc.binary_join_element_wise(beginnings, values, '"', "")
    attributes = _objects(pieces, owner, many)
    awkward = [
        name == "x-request-id" or len(f'"{name}"') < len(in_json[n]) for n, name in enumerate(names)
    ]
    bounded = np.bincount(owner, minlength=many) <= MOST_KEYS
    bounded &= lengths(attributes) <= LONGEST_OBJECT
    long = lengths(values) > LONGEST_VALUE
    bounded[owner[escaped | long | np.array(awkward, bool)[ids]]] = False
    meant = _meant(names, ids, owner, said)
    return {
        "attributes": attributes,
        "meant": _objects(pieces.take(pa.array(meant)), owner[meant], many),
        "in_bounds": pa.array(bounded),
    }, odd


def slices(text: Text, starts: Places, ends: Places) -> pa.Array:
    """The bytes at each [start, end) as a binary column; none begins before the one before ends."""
    places = np.zeros(2 * len(starts) + 1, np.int32)
    places[0:-1:2], places[1::2] = starts, ends
    places[-1] = places[-2:][0]  # of none, zero
    with_gaps = pa.Array.from_buffers(
        pa.binary(), 2 * len(starts), [None, pa.py_buffer(places), pa.py_buffer(text.bytes)]
    )
    return with_gaps.take(pa.array(np.arange(0, 2 * len(starts), 2)))


def lengths(texts: pa.Array) -> Ints:
    """Bytes of each."""
    found: Ints = pc.binary_length(texts).to_numpy(zero_copy_only=False)
    return found


def _keys_and_values(
    text: Text, starts: Places, ends: Places
) -> tuple[pa.DictionaryArray, pa.Array, Flags]:
    """Of pairs: keys, values as texts, and which pairs are no plain ones."""
    halves, odd = fields_of(text, starts, ends, rounds=2)
    # What is absent is the empty text at the place where it would be.
    key, value = (starts.copy(), starts.copy()), (ends.copy(), ends.copy())
    for number, (start, end) in ((1, key), (2, value)):
        half = halves.of(number, BYTES)
        start[half.owner], end[half.owner] = half.start, half.end
        odd |= np.bincount(half.owner, minlength=len(starts)) > 1
    values, unread = _values(text, *value)
    keys = pc.cast(slices(text, *key), pa.string()).dictionary_encode()
    return keys, values, odd | unread


def _values(text: Text, starts: Places, ends: Places) -> tuple[pa.Array, Flags]:
    """Values as texts, and which are none."""
    many = len(starts)
    held, odd = fields_of(text, starts, ends, rounds=1)
    tags = np.zeros(many, np.int64)
    tags[held.owner] = held.tag
    tags[odd | ~np.isin(tags, (0, STRING, BOOL, INT))] = OTHER
    strings = held.of(1, BYTES)
    start, end = starts.copy(), starts.copy()
    start[strings.owner], end[strings.owner] = strings.start, strings.end
    texts = [pc.cast(slices(text, start, end), pa.string())]
    place = np.arange(many)
    unread = np.zeros(many, bool)
    if len(strings.owner) < many:
        number = np.zeros(many, np.int64)
        number[held.owner] = held.value
        texts.append(pa.array(["", "false", "true"], pa.string()))
        place[tags == 0] = many
        place[tags == BOOL] = many + 1 + (number[tags == BOOL] != 0)
        ints, others = np.flatnonzero(tags == INT), np.flatnonzero(tags == OTHER)
        texts.append(pc.cast(pa.array(number[ints]), pa.string()))
        place[ints] = many + 3 + np.arange(len(ints))
        read, known = _others(slices(text, starts[others], ends[others]))
        texts.append(read)
        place[others] = many + 3 + len(ints) + np.arange(len(others))
        unread[others[~known]] = True
    return pa.concat_arrays(texts).take(pa.array(place)), unread


def _others(values: pa.Array) -> tuple[pa.Array, Flags]:
    """What is no plain text, number or truth, read by the library; each distinct value once."""
    coded = values.dictionary_encode()
    texts: list[str | None] = []
    for value in coded.dictionary.to_pylist():
        try:
            texts.append(text_of(AnyValue.FromString(value)))
        except DecodeError:
            texts.append(None)
    read = pa.array(texts, pa.string()).take(coded.indices)
    return pc.fill_null(read, ""), read.is_valid().to_numpy(zero_copy_only=False)


def _again(owner: Places, ids: Ints, many_ids: int) -> Flags:
    """Pairs of which one before, of the same span, has the same key."""
    pairs = owner * many_ids + ids
    order = np.argsort(pairs, kind="stable")
    again = np.zeros(len(pairs), bool)
    again[order[1:]] = pairs[order[1:]] == pairs[order[:-1]]
    return again


def _escaped(values: pa.Array) -> tuple[pa.Array, Flags]:
    """Texts as they stand between the quotes of JSON, and which had to be changed."""
    changed = np.zeros(len(values), bool)
    _, offsets, data = values.buffers()
    if data is None or not len(values):
        return values, changed
    places = np.frombuffer(offsets, np.int32)[values.offset : values.offset + len(values) + 1]
    held = np.frombuffer(data, np.uint8)[places[0] : places[-1]]
    where = np.flatnonzero(TO_ESCAPE[held]) + places[0]
    changed[np.searchsorted(places, where, side="right") - 1] = True
    if changed.any():
        mask = pa.array(changed)
        in_json = [orjson.dumps(value)[1:-1].decode() for value in values.filter(mask).to_pylist()]
        values = pc.replace_with_mask(values, mask, pa.array(in_json, pa.string()))
    return values, changed


def _objects(pieces: pa.Array, owner: Places, many: int) -> pa.Array:
    """JSON objects of pieces `"key":"value"`; those of one object lie side by side, in order."""
    offsets = np.searchsorted(owner, np.arange(many + 1)).astype(np.int32)
    members = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), pieces), ",")
    return pc.binary_join_element_wise("{", members, "}", "")


def _meant(names: list[str], ids: Ints, owner: Places, said: Flags) -> Ints:
    """Pairs whose key has a meaning. Beside a route, a path tells apart what is alike."""
    routes, paths = (
        np.array([name in OF_SPAN[meaning] for name in names], bool)[ids]
        for meaning in ("route", "path")
    )
    has_route = np.zeros(int(owner.max(initial=-1)) + 1, bool)
    has_route[owner[routes & said]] = True
    meant = np.array([name in MEANT for name in names], bool)[ids]
    return np.flatnonzero(meant & ~(paths & has_route[owner]))
