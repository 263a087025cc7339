"""Works on the workspace for the API: reads beside the loop, decisions in it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from typing import TypeVar

from informer.pipeline.steps import last_looked_ns
from informer.pipeline.training import ToTrainError, Trained, Training
from informer.pipeline.workspace import Workspace
from informer.service.api.problems import RefusedError
from informer.service.loop import Loop, asked

READERS = 2
MOST_READS, MOST_DECISIONS = 64, 8  # that wait or are under way
MOST_ROUNDS = 3  # of training for one decision
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
        self._training = asyncio.Lock()

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

    async def decide(self, work: Callable[[Workspace, Training], T]) -> T:
        """Do it between two steps; the next step goes by it. Errors: as of `read`.

        What it takes to be trained is trained beside, and then it is done: steps do not wait.
        """
        if self._decisions >= MOST_DECISIONS or not self._is_alive():
            raise RefusedError(503, "decisions have to wait", Retry_After=str(AGAIN_S))
        self._decisions += 1
        try:
            until_ns = await asked(self._loop, last_looked_ns)
            trained = Trained()
            for _ in range(MOST_ROUNDS):
                training = Training(until_ns, trained.runner)
                try:
                    return await self._decided(work, training)
                except ToTrainError as needed:
                    async with self._training:
                        await asyncio.to_thread(trained.train, needed.tasks)
            # What it learns from changes faster than it is learned: let steps wait.
            return await self._decided(work, Training(until_ns))
        finally:
            self._decisions -= 1

    def close(self) -> None:
        """Let the workspace go, when what is under way is read."""
        self._threads.shutdown()
        while not self._homes.empty():
            self._homes.get().engine.close()

    async def _decided(self, work: Callable[[Workspace, Training], T], training: Training) -> T:
        done = await asked(self._loop, lambda home: work(home, training))
        self._loop.learned_anew()
        return done

    def _read(self, work: Callable[[Workspace], T]) -> T:
        home = self._homes.get()
        try:
            with home.engine.transaction():
                return work(home)
        finally:
            self._homes.put(home)
