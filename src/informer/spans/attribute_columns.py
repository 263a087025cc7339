"""What the attributes of spans say, as columns: from the places of their keys and values."""

from collections.abc import Callable

import numpy as np
import pyarrow as pa

from informer.core.types import Bools, Ints
from informer.spans.attribute_texts import Pairs, in_columns
from informer.spans.buffers import Bytes
from informer.spans.span_walk import FORM, KEY, KEY_END, OTHER, VALUE, VALUE_END, WORDS
from informer.spans.texts import distinct


def attribute_columns(
    data: Bytes, bounds: Ints, pairs: Ints, read: Callable[[bytes], str | None]
) -> tuple[dict[str, pa.Array], Bools]:
    """`attributes`, `meant` and `in_bounds` of spans, and which are left to others. [n].

    `bounds` tells which pairs are whose, [n + 1]; `pairs` is [pairs, IN_PAIR]. `read` makes text of
    a value of the form OTHER, None where it cannot.
    """
    pairs = np.ascontiguousarray(pairs.T)
    key, firsts = distinct(data, pairs[KEY], pairs[KEY_END])
    names = [
        data[begin:end].tobytes().decode()
        for begin, end in zip(pairs[KEY][firsts], pairs[KEY_END][firsts], strict=True)
    ]
    others = np.flatnonzero(pairs[FORM] == OTHER)
    unread = np.zeros(0, np.int64)
    if len(others):
        data, unread = _read_others(data, pairs, others, read)
    columns, wrong = in_columns(
        Pairs(bounds, names, key, pairs[FORM], pairs[VALUE], pairs[VALUE_END], data)
    )
    wrong[np.searchsorted(bounds, unread, side="right") - 1] = True
    return columns, wrong


def _read_others(
    data: Bytes, pairs: Ints, others: Ints, read: Callable[[bytes], str | None]
) -> tuple[Bytes, Ints]:
    """Read each distinct value once.

    The texts are put behind the data, where the pairs find them; and which pairs cannot be read.
    """
    starts, ends = pairs[VALUE][others], pairs[VALUE_END][others]
    number, firsts = distinct(data, starts, ends)
    told = [read(data[starts[first] : ends[first]].tobytes()) for first in firsts]
    texts = [(text or "").encode() for text in told]
    until = np.cumsum([len(data), *map(len, texts)])
    pairs[FORM, others] = WORDS
    pairs[VALUE, others], pairs[VALUE_END, others] = until[number], until[number + 1]
    known = np.array([text is not None for text in told])
    return np.concatenate([data, np.frombuffer(b"".join(texts), np.uint8)]), others[~known[number]]
