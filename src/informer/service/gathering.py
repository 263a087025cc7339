"""Gathering: where nothing was learned yet, spans are kept until there are enough to learn from.

They lie packed in `first/` of the workspace. A process of its own learns them; what comes meanwhile
waits in the spool, for the watch that begins then.
"""

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from informer.config.load import settings_in
from informer.config.rules import bytes_of
from informer.config.serve import ServeSettings
from informer.config.settings import Settings
from informer.core.errors import InformerError
from informer.pipeline.folder import FIRST, SPOOL, make_folder
from informer.pipeline.workspace import TABLES_FILE
from informer.service.reception import Reception
from informer.service.segments import SUFFIX, Segment
from informer.service.spool import Spool

LOOK_S = 1.0
PACKED_S, PACKED_BYTES = 600.0, 64 << 20  # of one file
PACKED = f"{SUFFIX}.zst"
AGAIN_S = 3_600.0  # after spans from which nothing could be learned
CHUNK = 4 << 20
HOUR_S = 3_600.0
log = logging.getLogger(__name__)


def prepared(workspace: Path) -> Settings:
    """The settings of a folder that is to become a workspace; it is made, and they are written.

    Errors: InformerError where it cannot be one, or nothing may be gathered into it.
    """
    settings = settings_in(workspace)
    if not settings.serve.first_hours:
        raise InformerError(
            f"nothing was learned into {workspace} yet: run `informer learn`, or let "
            "serve.first_hours be more than 0"
        )
    if settings.tail.paths or settings.kafka.brokers:
        raise InformerError(
            f"nothing was learned into {workspace} yet, and what can be read again is not "
            "gathered: run `informer learn` on the logs, or on a file of the topic's messages"
        )
    if not (workspace / TABLES_FILE).exists():  # it is where learning was cut off
        make_folder(workspace, settings)
    return settings


def forget_gathered(workspace: Path) -> None:
    """Drop what was gathered: it is learned. Anything else that lies there stays."""
    for path in _packed_in(workspace / FIRST):
        path.unlink()
    with contextlib.suppress(OSError):  # it is not there, or not empty
        (workspace / FIRST).rmdir()


class Gathering:
    """What was gathered so far, and when it is enough; a restart goes on with what is there."""

    def __init__(
        self, workspace: Path, settings: ServeSettings, *, clock: Callable[[], float] = time.time
    ) -> None:
        """Errors: InformerError when the workspace cannot be written."""
        self._workspace, self._folder = workspace, workspace / FIRST
        self._most_bytes, self._hours = bytes_of(settings.spool), settings.first_hours
        self._clock, self._not_before_s = clock, 0.0
        self.spool = Spool(workspace / SPOOL, most_bytes=self._most_bytes)
        self.reception = Reception(self.spool, most_message_bytes=bytes_of(settings.message))
        self._folder.mkdir(exist_ok=True)

    @property
    def is_enough(self) -> bool:
        """Whether the hours are over, or the room is used up."""
        began_s = self._began_s()
        if began_s is None or self._clock() < self._not_before_s:
            return False
        return self._clock() >= began_s + self._hours * HOUR_S or self._size() >= self._most_bytes

    def words(self) -> str:
        """How it stands, for people."""
        began_s = self._began_s()
        if began_s is None:
            return "nothing was learned yet, and no spans have come: does anybody send them?"
        until = datetime.fromtimestamp(began_s + self._hours * HOUR_S, UTC)
        return (
            "nothing was learned yet: spans are gathered until "
            f"{until:%Y-%m-%d %H:%M} UTC, then the first models are learned"
        )

    def take_over(self, *, rest: bool = False) -> None:
        """Pack what the spool has sealed, when it makes a file, or with `rest` whatever it is.

        When the room is used up and nothing is learned yet, it waits in the spool, which sends more
        away when that is full as well.
        """
        sealed = self.spool.sealed()
        upto = max((int(path.name.split(".")[0]) for path in self._files()), default=0)
        some = [segment for segment in sealed if segment.number > upto]
        if some and (rest or (self._size() < self._most_bytes and self._is_due(some))):
            self._pack(some)
            upto = some[-1].number
        for segment in sealed:
            if segment.number <= upto:  # a kill may come between packing and forgetting
                self.spool.forget(segment.number)

    async def learn(self) -> bool:
        """Learn what was gathered, in a process of its own; whether that went well."""
        command = ("-m", "informer", "learn", str(self._folder), "-w", str(self._workspace))
        log.info("learning for the first time, from %.1f MB", self._size() / 1e6)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *command,
            "--format",
            "otlp",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()
                await process.wait()
        last = said.decode(errors="replace").strip().rpartition("\n")[2]
        if process.returncode:
            self._not_before_s = self._clock() + AGAIN_S
            log.error("nothing could be learned yet, spans are gathered on: %s", last)
            return False
        log.info("learned for the first time: %s", last)
        return True

    def _is_due(self, some: Sequence[Segment]) -> bool:
        old_s = self._clock() - some[0].path.stat().st_mtime
        return old_s >= PACKED_S or sum(segment.size for segment in some) >= PACKED_BYTES

    def _pack(self, some: Sequence[Segment]) -> None:
        """One file, named after the last of the segments, as old as the first."""
        packed = self._folder / f"{some[-1].number:012d}{PACKED}"
        unfinished = packed.with_suffix(".part")
        began_s = some[0].path.stat().st_mtime
        with pa.CompressedOutputStream(str(unfinished), "zstd") as out:
            for segment in some:
                with segment.path.open("rb") as file:
                    while chunk := file.read(CHUNK):
                        out.write(chunk)
        os.utime(unfinished, (began_s, began_s))
        _make_sure_of(unfinished)  # the segments, which were made sure of, are forgotten
        unfinished.rename(packed)
        _make_sure_of(self._folder)

    def _began_s(self) -> float | None:
        packed = [path.stat().st_mtime for path in self._files()]
        waiting = [segment.path.stat().st_mtime for segment in self.spool.sealed()]
        return min(packed + waiting, default=None)

    def _size(self) -> int:
        return sum(path.stat().st_size for path in self._files())

    def _files(self) -> list[Path]:
        return _packed_in(self._folder)


def _packed_in(folder: Path) -> list[Path]:
    return [p for p in folder.glob(f"*{PACKED}") if p.name.removesuffix(PACKED).isdigit()]


def _make_sure_of(path: Path) -> None:
    """Let a file, or the names in a folder, outlive a loss of power. Errors: OSError."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


async def gather(gathering: Gathering, stop: asyncio.Event) -> bool:
    """Gather, and learn when it is enough. Whether it was learned; else it was told to stop."""
    said = ""
    while not stop.is_set():
        is_enough, words, level = gathering.is_enough, gathering.words(), logging.INFO
        try:
            await asyncio.to_thread(gathering.take_over, rest=is_enough)
        except OSError as error:
            words, level = f"spans cannot be packed, and wait: {error.strerror}", logging.ERROR
            is_enough = False
        if words != said:
            log.log(level, said := words)
        if is_enough:
            learning = asyncio.create_task(gathering.learn())
            stopping = asyncio.create_task(stop.wait())
            await asyncio.wait((learning, stopping), return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            if not learning.done():
                learning.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await learning
                return False
            if learning.result():
                return True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), LOOK_S)
    return False
