"""The spool: every message that was accepted, in files, until all steps it belongs to are closed.

A message is handed to the operating system before it is acknowledged: it outlives the process,
`kill -9` included. Against a loss of power a segment is made sure of when it is sealed.

A source that can go back (a topic, a file) hands over a group of messages with the places up to
which it came by them. Both are kept, or neither: after a kill it goes on behind what is here.
"""

import logging
import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from shutil import disk_usage
from typing import BinaryIO

from informer.core.errors import InformerError
from informer.service.backlog import Backlog
from informer.service.marks import LINES, PREFIX_BYTES, Mark, Places, mark_message, moved
from informer.service.segments import SUFFIX, Held, Segment, framed, mended
from informer.service.spool_note import SpoolNote, read_note, write_note

log = logging.getLogger(__name__)
SEGMENT_BYTES, SEGMENTS = 16 << 20, 64  # at most so large, at least so many in a full spool
# Kept free, so that on a full disk what is closed can be noted, and make room.
RESERVE, RESERVE_BYTES = "reserve", 64 << 10


class SpoolFullError(Exception):
    """There is no room for a message: who sent it is to try again later."""


class BehindError(Exception):
    """What came before waits for too long already: who sends more is to try again later."""


class Spool:
    """Messages in segments, in order; `add` and all else may be called from different threads."""

    def __init__(
        self,
        folder: Path,
        *,
        most_bytes: int,
        segment_bytes: int | None = None,
        segment_s: float = 1.0,
        most_wait_s: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A segment is sealed when it holds so many bytes or is so old; it goes as a whole, so
        that a spool holds many of them. What is not taken in after `most_wait_s` lets no more in.

        Errors: InformerError when the folder cannot be written.
        """
        self._folder = folder
        self._most_bytes, self._segment_s = most_bytes, segment_s
        self._segment_bytes = segment_bytes or min(SEGMENT_BYTES, most_bytes // SEGMENTS)
        self._clock, self._backlog = clock, Backlog(most_wait_s, clock)
        self._lock = threading.Lock()
        self._file: BinaryIO | None = None
        self._began = 0.0
        self._held = Held()  # of the open segment
        self._is_whole = True  # nothing of a message that was not taken is behind what is held
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._sealed = [mended(path, clock()) for path in sorted(folder.glob(f"*{SUFFIX}"))]
            self._reserve()
        except OSError as error:
            raise InformerError(f"{folder} cannot be written: {error.strerror}") from error
        self._sealed = [segment for segment in self._sealed if segment.size]
        note = read_note(folder)
        self._places = note.places
        # A number up to which places were taken is used as well: its new ones would not count.
        self._number = max([note.last, note.upto, *(s.number for s in self._sealed)])
        for segment in self._sealed:
            if segment.number > note.upto:
                self._places = moved(self._places, segment.places)
        self._settled: Places = {}
        self._unsettled = [(s.number, s.places) for s in self._sealed if s.places]

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

    @property
    def is_behind(self) -> bool:
        """Whether what came waits for too long to be taken in."""
        with self._lock:
            return self._is_behind()

    def waited_s(self) -> float:
        """How long the oldest messages wait that were not taken in."""
        with self._lock:
            self._seal_old()
            return self._backlog.waited_s(self._sealed)

    def taken_in(self, number: int) -> None:
        """Who reads has what came in segments up to this one; 0 = it begins anew."""
        with self._lock:
            self._backlog.taken_in(number)

    def excused(self) -> AbstractContextManager[None]:
        """Meanwhile, who reads has more to do than to keep up; nor counts it afterwards."""
        return self._backlog.excused()

    @property
    def places(self) -> Places:
        """Up to where its sources came, with all that was ever kept of them."""
        with self._lock:
            return dict(self._places)

    @property
    def settled(self) -> Places:
        """Up to where, since the start, sources came with what is in closed steps alone."""
        with self._lock:
            return dict(self._settled)

    def add(self, message: bytes) -> None:
        """Keep a message.

        Errors: SpoolFullError when there is no room, here or on the disk; BehindError.
        """
        with self._lock:
            if self._is_behind():
                raise BehindError
            self._write(framed(message))
            self._held.has_others = True
            self._seal_full()

    def add_group(self, messages: Sequence[bytes], places: Places) -> None:
        """Keep messages of sources that can go back together with the places they came up to.

        Errors: SpoolFullError as in `add`: then nothing of it is kept. They have a half of the
        room, and of the wait: what they read after an outage must not send those away who cannot
        go back.
        """
        group = b"".join(map(framed, messages))
        group = framed(mark_message(Mark(places, len(group)))) + group
        with self._lock:
            is_full = self._size() + len(group) > self._most_bytes // 2
            self._seal_old()
            if is_full or self._backlog.waits_for(self._sealed, 0.5):
                raise SpoolFullError
            self._write(group)
            held = self._held
            held.has_lines |= any(m[:PREFIX_BYTES] == LINES for m in messages)
            held.places = held.places | places
            self._places = moved(self._places, places)
            self._seal_full()

    def sealed(self) -> list[Segment]:
        """Segments that get no more messages, in order; one that is due is sealed first."""
        with self._lock:
            self._seal_old()
            return list(self._sealed)

    def forget(self, number: int) -> None:
        """Nothing of this segment is needed any more."""
        with self._lock:
            for segment in self._sealed:
                if segment.number == number:
                    self._keep_note_anyhow(number)
                    segment.path.unlink(missing_ok=True)
                    self._reserve()
            self._sealed = [s for s in self._sealed if s.number != number]
            first = self._sealed[0].number if self._sealed else self._number + 1
            if self._file is not None:
                first = min(first, self._number)
            while self._unsettled and self._unsettled[0][0] < first:
                self._settled |= self._unsettled.pop(0)[1]

    def close(self) -> None:
        """Seal what is open: nothing more comes."""
        with self._lock:
            if self._file is not None:
                self._seal()
            if self._file is not None:  # it could not be cut, and is at the next start
                self._file.close()
                self._file = None

    def _size(self) -> int:
        return self._held.size + sum(s.size for s in self._sealed)

    def _write(self, frames: bytes) -> None:
        if self._size() + len(frames) > self._most_bytes:
            raise SpoolFullError
        try:
            self._cut()
            if self._file is None:
                self._begin()
            assert self._file is not None
            if self._file.write(frames) != len(frames):
                raise OSError("the disk took a part of a message")
        except OSError as error:
            self._take_back()
            raise SpoolFullError from error
        self._held.size += len(frames)

    def _is_behind(self) -> bool:
        self._seal_old()
        return self._backlog.is_too_old(self._sealed)

    def _seal_old(self) -> None:
        if self._file is not None and self._clock() - self._began >= self._segment_s:
            self._seal()

    def _seal_full(self) -> None:
        if self._held.size >= self._segment_bytes:
            self._seal()

    def _begin(self) -> None:
        path = self._path(self._number + 1)
        # Unbuffered: what was written is the system's, whatever becomes of this process.
        self._file = path.open("xb", buffering=0)
        self._number += 1
        self._began = self._clock()
        self._held = Held()

    def _take_back(self) -> None:
        """A message of which a part was written is none."""
        is_news, self._is_whole = self._is_whole, False
        try:
            self._cut()
        except OSError as error:
            if is_news:
                log.error(
                    "nothing is taken until a part of a message can be cut off: %s", error.strerror
                )

    def _cut(self) -> None:
        """Leave nothing behind what is held: frames behind it could not be read.

        Errors: OSError; then the segment is neither written nor read until it is cut.
        """
        if self._file is not None and not self._is_whole:
            self._file.truncate(self._held.size)
            self._file.seek(self._held.size)
        self._is_whole = True

    def _seal(self) -> None:
        assert self._file is not None
        try:
            self._cut()
        except OSError:  # it stays open, so that those behind it are not read before it
            return
        file, self._file = self._file, None
        with file:
            try:
                os.fsync(file.fileno())
            except OSError as error:  # what was written is there unless the power goes
                log.error("a segment could not be made sure of: %s", error.strerror)
        if self._held.size:
            segment = self._held.segment(self._number, self._path(self._number), self._clock())
            self._sealed.append(segment)
            if segment.places:
                self._unsettled.append((segment.number, segment.places))
        else:
            self._path(self._number).unlink()
        self._held = Held()

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:012d}{SUFFIX}"

    def _reserve(self) -> None:
        reserve = self._folder / RESERVE
        if not reserve.exists():
            try:
                reserve.write_bytes(bytes(RESERVE_BYTES))
            except OSError:
                reserve.unlink(missing_ok=True)

    def _keep_note_anyhow(self, number: int) -> None:
        try:
            self._keep_note(number)
        except OSError:
            (self._folder / RESERVE).unlink(missing_ok=True)
            self._keep_note(number)

    def _keep_note(self, number: int) -> None:
        note = read_note(self._folder)
        upto, places = note.upto, note.places
        for segment in self._sealed:
            if segment.number > upto:
                upto, places = segment.number, moved(places, segment.places)
        write_note(self._folder, SpoolNote(max(number, note.last), upto, places))
