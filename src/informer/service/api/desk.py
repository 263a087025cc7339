"""Works on the workspace for the API: reads beside the loop, decisions in it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from informer.pipeline.workspace import Workspace
from informer.service.api.problems import RefusedError
from informer.service.loop import Loop, asked

READERS = 2
MOST_READS, MOST_DECISIONS = 64, 8  # that wait or are under way
AGAIN_S = 5
T = TypeVar("T")


class Desk:
    """Reads see the workspace as it is at one moment, and hold up nobody."""

    def __init__(self, home: Workspace, loop: Loop, is_alive: Callable[[], bool]) -> None:
        self._loop, self._is_alive = loop, is_alive
        self._homes: SimpleQueue[Workspace] = SimpleQueue()
        for _ in range(READERS):
            self._homes.put(home.beside())
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="informer-desk")
        self._reads = self._decisions = 0

    async def read(self, work: Callable[[Workspace], T]) -> T:
        """What the work gives. Errors: RefusedError when too many ask; those of the work."""
        if self._reads >= MOST_READS:
            raise RefusedError(503, "too many ask at once", Retry_After=str(AGAIN_S))
        self._reads += 1
        try:
            here = asyncio.get_running_loop()
            return await here.run_in_executor(self._threads, partial(self._read, work))
        finally:
            self._reads -= 1

    async def decide(self, work: Callable[[Workspace], T]) -> T:
        """Do it between two steps; the next step goes by it. Errors: as of `read`."""
        if self._decisions >= MOST_DECISIONS or not self._is_alive():
            raise RefusedError(503, "decisions have to wait", Retry_After=str(AGAIN_S))
        self._decisions += 1
        try:
            done = await asked(self._loop, work)
            self._loop.learned_anew()
            return done
        finally:
            self._decisions -= 1

    def close(self) -> None:
        """Let the workspace go, when what is under way is read."""
        self._threads.shutdown()
        while not self._homes.empty():
            self._homes.get().engine.close()

    def _read(self, work: Callable[[Workspace], T]) -> T:
        home = self._homes.get()
        try:
            with home.engine.transaction():
                return work(home)
        finally:
            self._homes.put(home)
