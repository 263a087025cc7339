"""Access logs that are read on as they grow: their lines go into the spool with their places.

A file is told by its inode and its first bytes, so renaming it, emptying it, and the end of this
process lose no line and bring none twice.
"""

import glob
import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from informer.config.streams import TailSettings
from informer.service.log_file import Chunk, LogFile, key_of, time_s, up_to
from informer.service.marks import Lines, Places, lines_message
from informer.service.pace import Progress, limit_s
from informer.service.reception import Received
from informer.service.spool import Spool, SpoolFullError
from informer.spans.files import PACKED

WAIT_S = 0.25
LOOK_S = 1.0  # between two looks for files
GONE_S = 5.0  # a writer may go on in a file that was renamed
TURN_BYTES = 4 << 20
MOST_FILES = 1_000
BEGUN, KEYS = "tail", "file/"
log = logging.getLogger(__name__)


class TailStream:
    """Follows files until it is stopped; everything happens in the thread that runs it."""

    name = "tail"

    def __init__(
        self,
        settings: TailSettings,
        spool: Spool,
        *,
        most_ahead_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """No file is read more than `most_ahead_s` ahead of another that has more to give."""
        self.received = Received()
        self.errors: Counter[str] = Counter()
        self._settings, self._spool, self._clock = settings, spool, clock
        self._most_ahead_s = most_ahead_s
        self._files: dict[str, LogFile] = {}
        self._progress: dict[str, Progress] = {}
        self._look_at_s = 0.0
        self._found_before = BEGUN in spool.places
        self._turns = 0

    def lag(self) -> dict[str, float]:
        """Bytes that were not read yet."""
        try:
            behind = sum(max(f.size - f.offset, 0) for f in list(self._files.values()))
        except (OSError, ValueError):  # one was closed just now
            behind = 0
        return {"tail": float(behind)}

    def run(self, stop: threading.Event) -> None:
        """Read until `stop`."""
        while not stop.is_set():
            try:
                if not self.turn():
                    stop.wait(WAIT_S)
            except OSError as error:
                self.errors["unreadable"] += 1
                log.error("a log cannot be read: %s", error)
                stop.wait(LOOK_S)
        for file in self._files.values():
            file.file.close()

    def turn(self) -> bool:
        """Read on in every file; whether there was anything."""
        now_s = self._clock()
        moved: Places = {}
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_S
            self._look(now_s, moved)
        messages, lines, read, took = [], 0, 0, False
        ended = []
        for file in self._in_turn():
            if file.begins_again():
                self.errors["began_again"] += 1
            over = file.gone_s is not None and now_s - file.gone_s > GONE_S
            there = file.read(to_end=over)
            chunk = there and self._let(file, there, now_s)
            if there is None:
                self._progress[file.key] = Progress(at_end=True)
                if over:
                    moved[file.key] = None
                    ended.append(file)
            if chunk is None:
                continue
            if chunk.text:
                log_lines = Lines(self._settings.format, file.path.name, file.header, chunk.text)
                messages.append(lines_message(log_lines))
            if chunk.too_long:
                self.received.refused["line_too_long"] += 1
            moved[file.key] = file.place(chunk.end)
            lines += chunk.text.count(b"\n")
            read += len(chunk.text)
            took = True
            if read >= TURN_BYTES:
                break
        if not moved:
            return False
        try:
            self._spool.add_group(messages, moved)
        except SpoolFullError:
            return False
        for file in ended:
            self._end(file)
        for key, place in moved.items():
            if place is not None and key in self._files:
                self._files[key].moved(place)
        self.received.messages += len(messages)
        self.received.spans += lines
        return took

    def _in_turn(self) -> Iterator[LogFile]:
        """All files, beginning with another each time."""
        files = list(self._files.values())
        self._turns += 1
        first = self._turns % len(files) if files else 0
        yield from files[first:] + files[:first]

    def _let(self, file: LogFile, chunk: Chunk, now_s: float) -> Chunk | None:
        """The first lines of a chunk, none of a time far ahead of what others have yet to say."""
        first = time_s(chunk.text[: chunk.text.find(b"\n")])
        last = time_s(chunk.text[chunk.text.rfind(b"\n", 0, -1) + 1 :])
        # Lines that tell no time cannot be waited for.
        progress = Progress(first, at_end=first is None, heard_s=now_s)
        self._progress[file.key] = progress
        limit = limit_s(self._progress, file.key, most_ahead_s=self._most_ahead_s, now_s=now_s)
        if limit is None or last is None or last <= limit:
            progress.at_s = first if last is None else last
            progress.at_end |= chunk.end >= file.size
            return chunk
        taken, progress.at_s = up_to(chunk, limit)
        return taken

    def _look(self, now_s: float, moved: Places) -> None:
        """Find files that are new, and those whose name is another's now."""
        named: dict[str, Path] = {}
        for path in self._paths():
            try:
                named.setdefault(key_of(path.stat()), path)
            except OSError:
                continue
        places = self._spool.places
        for key, path in named.items():
            if key not in self._files and len(self._files) < MOST_FILES:
                self._open(path, places.get(key), now_s, moved)
        if not self._files.keys() >= named.keys():
            self.errors["unreadable"] += 1
        self._find_renamed(places, now_s, moved)
        for key, file in self._files.items():
            if key in named:
                file.gone_s = None
            elif file.gone_s is None:
                file.gone_s = now_s
        if BEGUN not in places:
            moved[BEGUN] = True
        self._found_before = True

    def _paths(self) -> list[Path]:
        patterns = self._settings.paths
        found = {path for one in patterns for path in glob.iglob(one)}  # noqa: PTH207 (any path)
        paths = [Path(path) for path in sorted(found)]
        return [p for p in paths if p.suffix not in PACKED and p.is_file()]

    def _open(self, path: Path, place: dict[str, Any] | None, now_s: float, moved: Places) -> None:
        try:
            str(path).encode()
            file = LogFile.open(path, has_header=self._settings.format == "table")
        except OSError as error:
            self._tell_unreadable(path, error.strerror)
            return
        except UnicodeEncodeError:
            self._tell_unreadable(repr(path), "its name must be UTF-8")
            return
        if place is not None:
            file.go_on(place)
        elif not self._found_before and self._settings.start == "end":
            file.go_to_end()
            moved[file.key] = file.place(file.offset)
        self._files[file.key] = file
        self._progress[file.key] = Progress(heard_s=now_s)

    def _find_renamed(self, places: Places, now_s: float, moved: Places) -> None:
        """What was not read to its end before this process began, and has another name now."""
        for key, place in places.items():
            if not key.startswith(KEYS) or key in self._files:
                continue
            try:
                path = _renamed(key, Path(place["path"]).parent)
                file = path and LogFile.open(path, has_header=self._settings.format == "table")
            except OSError as error:  # its place stays; other files must not wait for it
                self._tell_unreadable(place["path"], error.strerror)
                self.errors["unreadable"] += 1
                continue
            if not file:
                moved[key] = None
            elif file.go_on(place):
                file.path = Path(place["path"])
                self._files[key] = file
                self._progress[key] = Progress(heard_s=now_s)
            else:
                file.file.close()
                moved[key] = None

    def _tell_unreadable(self, path: object, why: str | None) -> None:
        if not self.errors["unreadable"]:
            log.error("%s cannot be read: %s", path, why)

    def _end(self, file: LogFile) -> None:
        file.file.close()
        del self._files[file.key], self._progress[file.key]


def _renamed(key: str, folder: Path) -> Path | None:
    """The file in a folder that is known by its key."""
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            if key_of(path.stat()) == key and path.is_file():
                return path
        except OSError:
            continue
    return None
