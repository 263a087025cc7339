"""JSON values of a file: one a line, or one document over many lines."""

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

import orjson

from informer.spans.received import Tally
from informer.spans.unpack import BOM, Content


def values(content: Content, tally: Tally) -> Iterator[Any]:
    """Every value; a line that is no JSON is counted. Errors: as `texts`."""
    for text in texts(content):
        try:
            yield orjson.loads(text)
        except orjson.JSONDecodeError:
            tally.rejected["not_json"] += 1


def texts(content: Content) -> Iterator[bytes]:
    """What ought to be a value each. One document over many lines is read whole.

    Errors: InformerError for a document too large to be read whole.
    """
    lines = content.lines()
    begun = list(islice(lines, 2))
    first, second, *_ = *begun, b"", b""
    if first.strip() in (b"[", b"{") or not (is_json(first) or is_json(second)):
        document = content.whole().removeprefix(BOM)
        if is_json(document):
            yield document
            return
        del document  # lines after all, the first two of them broken
    yield from chain(begun, lines)


def is_json(line: bytes) -> bool:
    """Whether a line is a JSON value by itself."""
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True
