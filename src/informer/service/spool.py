"""The spool: every message that was accepted, in files, until all steps it belongs to are closed.

A message is handed to the operating system before it is acknowledged: it outlives the process,
`kill -9` included. Against a loss of power a segment is made sure of when it is sealed.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import disk_usage
from typing import BinaryIO

from informer.core.errors import InformerError

SUFFIX = ".otlp"
log = logging.getLogger(__name__)
SEGMENT_BYTES, SEGMENTS = 16 << 20, 64  # at most so large, at least so many in a full spool
LENGTH_BYTES = 4  # of a message, big-endian, as collectors write it


class SpoolFullError(Exception):
    """There is no room for a message: who sent it is to try again later."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A file of messages that gets no more of them."""

    number: int
    path: Path
    size: int  # bytes


class Spool:
    """Messages in segments, in order; `add` and all else may be called from different threads."""

    def __init__(
        self,
        folder: Path,
        *,
        most_bytes: int,
        segment_bytes: int | None = None,
        segment_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A segment is sealed when it holds so many bytes or is so old; it goes as a whole, so
        that a spool holds many of them.

        Errors: InformerError when the folder cannot be written.
        """
        self._folder = folder
        self._most_bytes, self._segment_s = most_bytes, segment_s
        self._segment_bytes = segment_bytes or min(SEGMENT_BYTES, most_bytes // SEGMENTS)
        self._clock = clock
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._began = 0.0
        self._written = 0  # bytes of the open segment
        self.torn = 0  # messages that a kill cut off; nobody was told that they had arrived
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._sealed = [self._mended(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
        except OSError as error:
            raise InformerError(f"{folder} cannot be written: {error.strerror}") from error
        self._sealed = [segment for segment in self._sealed if segment.size]
        self._number = max([self._last_number(), *(s.number for s in self._sealed)])

    @property
    def size(self) -> int:
        """Bytes that wait, in all segments."""
        with self._lock:
            return self._size()

    @property
    def is_full(self) -> bool:
        """Whether another segment would find no room, here or on the disk."""
        left = min(self._most_bytes - self.size, disk_usage(self._folder).free)
        return left < self._segment_bytes

    def add(self, message: bytes) -> None:
        """Keep a message. Errors: SpoolFullError when there is no room, here or on the disk."""
        frame = len(message).to_bytes(LENGTH_BYTES, "big") + message
        with self._lock:
            if self._size() + len(frame) > self._most_bytes:
                raise SpoolFullError
            try:
                if self._file is None:
                    self._begin()
                assert self._file is not None
                if self._file.write(frame) != len(frame):
                    raise OSError("the disk took a part of a message")
            except OSError as error:
                self._take_back()
                raise SpoolFullError from error
            self._written += len(frame)
            if self._written >= self._segment_bytes:
                self._seal()

    def sealed(self) -> list[Segment]:
        """Segments that get no more messages, in order; one that is due is sealed first."""
        with self._lock:
            if self._file is not None and self._clock() - self._began >= self._segment_s:
                self._seal()
            return list(self._sealed)

    def forget(self, number: int) -> None:
        """Nothing of this segment is needed any more."""
        with self._lock:
            for segment in self._sealed:
                if segment.number == number:
                    self._keep_number(number)
                    segment.path.unlink(missing_ok=True)
            self._sealed = [s for s in self._sealed if s.number != number]

    def close(self) -> None:
        """Seal what is open: nothing more comes."""
        with self._lock:
            if self._file is not None:
                self._seal()

    def _size(self) -> int:
        return self._written + sum(s.size for s in self._sealed)

    def _begin(self) -> None:
        path = self._path(self._number + 1)
        # Unbuffered: what was written is the system's, whatever becomes of this process.
        self._file = path.open("xb", buffering=0)
        self._number += 1
        self._began = self._clock()
        self._written = 0

    def _take_back(self) -> None:
        """A message of which a part was written is none."""
        if self._file is not None:
            self._file.truncate(self._written)
            self._file.seek(self._written)

    def _seal(self) -> None:
        assert self._file is not None
        file, self._file = self._file, None
        with file:
            try:
                os.fsync(file.fileno())
            except OSError as error:  # what was written is there unless the power goes
                log.error("a segment could not be made sure of: %s", error.strerror)
        if self._written:
            self._sealed.append(Segment(self._number, self._path(self._number), self._written))
        else:
            self._path(self._number).unlink()
        self._written = 0

    def _mended(self, path: Path) -> Segment:
        """A segment of before, without a last message that is not whole."""
        size, whole = path.stat().st_size, 0
        with path.open("rb+") as file:
            while whole + LENGTH_BYTES <= size:
                length = int.from_bytes(file.read(LENGTH_BYTES), "big")
                if whole + LENGTH_BYTES + length > size:
                    break
                whole += LENGTH_BYTES + length
                file.seek(whole)
            if whole < size:
                self.torn += 1
                file.truncate(whole)
        if whole == 0:
            path.unlink()
        return Segment(int(path.stem), path, whole)

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}{SUFFIX}"

    def _last_number(self) -> int:
        """Numbers are never used again: what was closed says up to which one it came."""
        note = self._folder / "last"
        return int(note.read_text()) if note.exists() else 0

    def _keep_number(self, number: int) -> None:
        note = self._folder / "last"
        unfinished = note.with_suffix(".part")
        unfinished.write_text(str(max(number, self._last_number())))
        unfinished.rename(note)
