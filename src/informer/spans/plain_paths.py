"""Paths without what is in no two of them alike: else each would make a saying of its own."""

import re
from functools import lru_cache
from typing import Any

import orjson
import pyarrow as pa

from informer.spans.meanings import OF_SPAN
from informer.spans.trie import ANY, is_path, masked, segments_of

# As spans.sql takes the path out of an address.
ADDRESS = re.compile(r"((?:[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*)?)([^?#]*)", re.DOTALL)
PLACES = ("path", "url")  # of OF_SPAN
KEYS = tuple(key for place in PLACES for key in OF_SPAN[place])
LONGEST = 200  # letters: with its verb, a longer one might be cut where it is told; see shown.py
REMEMBERED = 1 << 15


def plain_path(address: str) -> str:
    """A path or an address, obvious ids in it as `{}`, without its query.

    It stands for the same method as before. A gRPC method is none, and stays as it is.

    >>> plain_path("/orders/17?page=2"), plain_path("https://shop/orders/17")
    ('/orders/{}', 'https://shop/orders/{}')
    """
    match = ADDRESS.match(address)
    before, path = match.groups() if match else ("", address)
    plain = before + (path if len(path) > LONGEST else _without_ids(path))
    return plain or address  # a query alone says that there is a path


@lru_cache(REMEMBERED)
def _without_ids(path: str) -> str:
    if not is_path(path):
        return path
    segments = segments_of(path)
    # What would lose more of itself the next time stands for another method.
    settled = all(part == ANY or masked(part) == part for part in segments if ANY in part)
    return "/" + "/".join(segments) if settled else path


def plain_attributes(texts: pa.Array) -> pa.Array:
    """JSON objects of attributes with plain paths; what is no object stays as it is."""
    return pa.array([_plain(text) for text in texts.cast(pa.string()).to_pylist()], pa.string())


def _plain(text: str | None) -> str | None:
    if text is None or not any(key in text for key in KEYS):
        return text
    try:
        attributes: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if not isinstance(attributes, dict):
        return text
    plain = {
        key: plain_path(attributes[key]) for key in KEYS if isinstance(attributes.get(key), str)
    }
    return orjson.dumps(attributes | plain).decode() if plain else text
