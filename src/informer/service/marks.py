"""Frames of the spool that hold no spans of OTLP: how far a source came, and lines of a log.

Both are protobuf messages of fields that OTLP does not have. Whoever reads a segment as OTLP finds
no spans in them. Only messages that begin as requests do are kept of senders (`reception.py`), so
that nobody else writes such frames.
"""

from dataclasses import dataclass
from typing import Any, TypeAlias

import orjson

# By place (a partition, a file): what its source needs to go on behind what was kept; None = the
# place is gone.
Places: TypeAlias = dict[str, Any]

# Fields 1000 and 1001, both of bytes: far beyond what OTLP has.
MARK, LINES = b"\xc2\x3e", b"\xca\x3e"
PREFIX_BYTES = 2


@dataclass(frozen=True, slots=True)
class Mark:
    """What stands before a group of frames: all of it was kept, or nothing."""

    places: Places  # after the group
    size: int  # bytes of the frames that belong to it


@dataclass(frozen=True, slots=True)
class Lines:
    """Whole lines of one log file."""

    format: str
    name: str  # of the file: it may tell whose log it is
    head: bytes  # a first line that names columns; empty = none
    text: bytes


def mark_message(mark: Mark) -> bytes:
    """A mark as a message of the spool."""
    return MARK + _sized(orjson.dumps({"places": mark.places, "size": mark.size}))


def mark_of(message: bytes) -> Mark:
    """The mark in a message that begins with MARK. Errors: ValueError for one that is damaged."""
    match orjson.loads(_inner(message)[0]):
        case {"places": dict() as places, "size": int() as size} if size >= 0:
            return Mark(places, size)
    raise ValueError("a mark of the spool is damaged")


def lines_message(lines: Lines) -> bytes:
    """Lines as a message of the spool."""
    about = {"format": lines.format, "name": lines.name, "head": lines.head.decode("latin-1")}
    return LINES + _sized(orjson.dumps(about)) + LINES + _sized(lines.text)


def lines_of(message: bytes) -> Lines:
    """The lines in a message that begins with LINES. Errors: ValueError for damaged ones."""
    about, rest = _inner(message)
    match orjson.loads(about):
        case {"format": str() as format, "name": str() as name, "head": str() as head}:
            return Lines(format, name, head.encode("latin-1"), _inner(rest)[0])
    raise ValueError("lines of the spool are damaged")


def moved(places: Places, more: Places) -> Places:
    """Places after some have moved on, and some have gone."""
    return {name: at for name, at in (places | more).items() if at is not None}


def _sized(data: bytes) -> bytes:
    size, sized = len(data), bytearray()
    while size > 0x7F:
        sized.append(size & 0x7F | 0x80)
        size >>= 7
    sized.append(size)
    return bytes(sized) + data


def _inner(message: bytes) -> tuple[bytes, bytes]:
    """The bytes of the first field, and all behind it."""
    size = shift = 0
    for place in range(PREFIX_BYTES, len(message)):
        size |= (message[place] & 0x7F) << shift
        shift += 7
        if message[place] < 0x80:
            end = place + 1 + size
            if end <= len(message):
                return message[place + 1 : end], message[end:]
            break
    raise ValueError("a frame of the spool is cut off")
