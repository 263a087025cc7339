"""A log file that grows: where reading it goes on, whatever becomes of its name."""

import os
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

CHUNK_BYTES = 256 << 10
LONGEST_LINE = 1 << 20
HEAD_BYTES = 256  # that tell a file from another with the same inode
TIME = re.compile(rb"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?")


@dataclass(frozen=True, slots=True)
class Chunk:
    """Whole lines of a file, and where the next begins."""

    text: bytes
    end: int
    too_long: bool = False  # it begins with a line that is left out


@dataclass(slots=True)
class LogFile:
    """One file, told by its inode; open, so that what was renamed or removed is read to its end."""

    path: Path  # under which it was found
    file: BinaryIO
    key: str
    has_header: bool = False  # if its first line is no JSON, it names columns
    offset: int = 0
    header: bytes = b""
    head: tuple[int, str] = (0, "")
    gone_s: float | None = field(default=None)  # since when its name is another's

    @classmethod
    def open(cls, path: Path, *, has_header: bool) -> "LogFile":
        """At its beginning. Errors: OSError."""
        file = path.open("rb", buffering=0)
        return cls(path, file, key_of(os.fstat(file.fileno())), has_header)

    @property
    def size(self) -> int:
        """Bytes that it has now."""
        return os.fstat(self.file.fileno()).st_size

    def place(self, offset: int) -> dict[str, Any]:
        """What is needed to go on at an offset, after a restart too."""
        count, digest = self.head
        if count < min(offset, HEAD_BYTES):
            count = min(offset, HEAD_BYTES)
            digest = self.head_of(count)
        return {"path": str(self.path), "offset": offset, "bytes": count, "head": digest}

    def go_on(self, place: dict[str, Any]) -> bool:
        """Go on at a place, if this is the file that it was of."""
        count, digest = int(place["bytes"]), str(place["head"])
        if self.size < place["offset"] or self.head_of(count) != digest:
            return False
        self.offset, self.head = int(place["offset"]), (count, digest)
        self._read_header()
        return True

    def go_to_end(self) -> None:
        """Begin behind the last whole line."""
        size = self.size
        since = max(size - LONGEST_LINE, 0)
        rest = os.pread(self.file.fileno(), size - since, since)
        self.offset = since + rest.rfind(b"\n") + 1
        self._read_header()

    def moved(self, place: dict[str, Any]) -> None:
        """What comes before a place is kept."""
        self.offset, self.head = place["offset"], (place["bytes"], place["head"])

    def begins_again(self) -> bool:
        """Whether it was emptied in place; then it is read from its beginning."""
        if self.size >= self.offset and self.head_of(self.head[0]) == self.head[1]:
            return False
        self.offset, self.header, self.head = 0, b"", (0, "")
        return True

    def head_of(self, count: int) -> str:
        """What tells its first bytes."""
        if count == 0:
            return ""
        return blake2b(os.pread(self.file.fileno(), count, 0), digest_size=8).hexdigest()

    def read(self, *, to_end: bool) -> Chunk | None:
        """The next whole lines; None = there are none now. With `to_end`, nothing more comes."""
        self._read_header()
        start, length = self.offset, CHUNK_BYTES
        while True:
            data = os.pread(self.file.fileno(), length, start)
            end = data.rfind(b"\n") + 1
            if end:
                return Chunk(data[:end], start + end)
            if len(data) < length:
                if to_end and data:
                    return Chunk(data + b"\n", start + len(data))
                return None
            if length >= LONGEST_LINE:
                return Chunk(b"", start + length, too_long=True)
            length = LONGEST_LINE

    def _read_header(self) -> None:
        if not self.has_header or self.header:
            return
        first, newline, _ = os.pread(self.file.fileno(), LONGEST_LINE, 0).partition(b"\n")
        if newline and not first.lstrip().startswith(b"{"):
            self.header = first + newline
            self.offset = max(self.offset, len(self.header))


def key_of(stat: os.stat_result) -> str:
    """What tells a file while it is there."""
    return f"file/{stat.st_dev}/{stat.st_ino}"


def time_s(line: bytes) -> float | None:
    """The first time that a line speaks of, seconds since 1970; None = none that is told plainly.

    >>> time_s(b'[2026-06-01T00:00:01.5Z] "GET / HTTP/1.1" 200')
    1780272001.5
    """
    found = TIME.search(line)
    if found is None:
        return None
    try:
        moment = datetime.fromisoformat(found[0].decode())
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def up_to(chunk: Chunk, limit_s: float) -> tuple[Chunk | None, float | None]:
    """The first lines of a chunk, none later than a time; and the time of the line behind them."""
    place = 0
    while place < len(chunk.text):
        line_end = chunk.text.index(b"\n", place) + 1
        at_s = time_s(chunk.text[place:line_end])
        if at_s is not None and at_s > limit_s:
            taken = chunk.text[:place]
            return (Chunk(taken, chunk.end - len(chunk.text) + place) if taken else None), at_s
        place = line_end
    return chunk, None
