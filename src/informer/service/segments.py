"""Segments of the spool: files of messages, each behind its length, made whole after a kill."""

import logging
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from informer.service.marks import LINES, MARK, PREFIX_BYTES, Places, mark_of

SUFFIX = ".otlp"
LENGTH_BYTES = 4  # of a message, big-endian, as collectors write it
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of messages that gets no more of them."""

    number: int
    path: Path
    size: int  # bytes
    has_lines: bool = False  # of log files, besides messages of OTLP
    replayable: bool = False  # all of it comes from sources that can go back
    places: Places = field(default_factory=dict)  # up to which those came in it
    sealed_s: float = 0.0  # when its last message came, by the clock of the spool


@dataclass(slots=True)
class Held:
    """What a segment holds so far."""

    size: int = 0
    has_lines: bool = False
    has_others: bool = False  # messages that nobody will send again
    places: Places = field(default_factory=dict)

    def segment(self, number: int, path: Path, sealed_s: float) -> Segment:
        """The segment that it is now."""
        replayable = bool(self.places) and not self.has_others
        return Segment(number, path, self.size, self.has_lines, replayable, self.places, sealed_s)


def framed(message: bytes) -> bytes:
    """A message behind its length."""
    return len(message).to_bytes(LENGTH_BYTES, "big") + message


def mended(path: Path, now_s: float) -> Segment:
    """A segment of before, without a last message or group that is not whole; it may be empty.

    An empty one is removed. After a kill nobody was told that what is cut off had arrived.
    """
    size, old_s = path.stat().st_size, max(0.0, time.time() - path.stat().st_mtime)
    with path.open("rb+") as file:
        held = _whole(file, size)
        if held.size < size:
            log.warning(
                "%s: %d bytes behind the last whole message are left out", path, size - held.size
            )
            file.truncate(held.size)
    if held.size == 0:
        path.unlink()
    return held.segment(int(path.stem), path, now_s - old_s)


def _whole(file: BinaryIO, size: int) -> Held:
    held, group_end = Held(), 0
    while held.size + LENGTH_BYTES <= size:
        file.seek(held.size)
        length = int.from_bytes(file.read(LENGTH_BYTES), "big")
        end = held.size + LENGTH_BYTES + length
        if end > size:
            break
        begins = file.read(min(length, PREFIX_BYTES))
        if begins == MARK:
            try:
                mark = mark_of(begins + file.read(length - PREFIX_BYTES))
            except ValueError:
                break
            if end + mark.size > size:
                break
            held.places, group_end = held.places | mark.places, end + mark.size
        elif begins == LINES:
            held.has_lines = True
        elif end > group_end:
            held.has_others = True
        held.size = end
    return held
