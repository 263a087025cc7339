"""Processes that fit one pattern after the other: tasks in by a pipe, results out by another.

Plain programs, not `multiprocessing`: a fork would copy the threads of the database, and a spawn
would run the user's own script a second time where it lacks a `__main__` guard.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import BinaryIO

from informer.core.errors import InformerError
from informer.core.types import Model, Series
from informer.forecasts.backtest import NO_POOLS, Backtest, fit_best
from informer.forecasts.one_core import one_core
from informer.forecasts.pool import Pools


@dataclass(frozen=True, slots=True)
class Task:
    """One pattern to fit, and the forecasters that it is offered."""

    series: Series
    names: tuple[str, ...]
    seed: int
    pools: Pools = NO_POOLS  # what other patterns lend it

    def run(self) -> tuple[Model, Backtest]:
        """Fit it here and now, on one core."""
        with one_core():
            return fit_best(self.series, seed=self.seed, names=self.names, pools=self.pools)


Result = tuple[Model, Backtest]


def run_tasks(tasks: Sequence[Task], count: int) -> Generator[tuple[Task, Result], None, None]:
    """Tasks and their results as they finish, from so many processes.

    Raises `InformerError` as raised by a task; any other end of a process is a `RuntimeError`
    (what it died of is on stderr). However the iterator ends, no process stays behind.
    """
    waiting: SimpleQueue[Task | None] = SimpleQueue()
    for task in [*tasks, *[None] * count]:
        waiting.put(task)
    finished: SimpleQueue[tuple[Task, Result | InformerError | None]] = SimpleQueue()
    processes = [_start() for _ in range(count)]
    threads = [Thread(target=_feed, args=(p, waiting, finished), daemon=True) for p in processes]
    try:
        for thread in threads:
            thread.start()
        for _ in tasks:
            task, result = finished.get()
            if isinstance(result, InformerError):
                raise result
            if result is None:
                raise RuntimeError(f"the process that fitted {task.series.graph.pattern_id} died")
            yield task, result
    finally:
        for process in processes:
            process.kill()
        for process, thread in zip(processes, threads, strict=True):
            thread.join()
            process.communicate()


def serve(tasks: BinaryIO, results: BinaryIO) -> None:
    """Run pickled tasks until there are no more; write a pickled result for each."""
    while True:
        try:
            task: Task = pickle.load(tasks)
        except EOFError:
            return
        result: Result | InformerError
        try:
            result = task.run()
        except InformerError as error:
            result = error
        pickle.dump(result, results)
        results.flush()


def _start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "informer.forecasts.workers"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )


def _feed(
    process: subprocess.Popen[bytes],
    waiting: SimpleQueue[Task | None],
    finished: SimpleQueue[tuple[Task, Result | InformerError | None]],
) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    while (task := waiting.get()) is not None:
        try:
            pickle.dump(task, process.stdin)
            process.stdin.flush()
            finished.put((task, pickle.load(process.stdout)))
        except (OSError, EOFError, pickle.UnpicklingError):
            finished.put((task, None))
            return


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it and decides
    results = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not end up among the results
    # Pickles name classes by module: `__main__` would be another one than the parent's.
    from informer.forecasts import workers

    workers.serve(sys.stdin.buffer, results)
