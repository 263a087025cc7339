"""Models for many patterns: one process per pattern, the largest first."""

import os
from collections.abc import Callable, Collection, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from informer.core.types import Model, Series
from informer.forecasts.backtest import HELD_SHARE, NO_POOLS, Backtest
from informer.forecasts.finished import Finished
from informer.forecasts.pool import Pools, pools_of
from informer.forecasts.select import BAR, NAMES
from informer.forecasts.workers import Result, Task, run_tasks

# Tasks in, each with its result out, in any order; on a cluster, say.
Runner: TypeAlias = Callable[[Sequence[Task]], Iterable[tuple[Task, Result]]]


@dataclass(frozen=True, slots=True)
class Fitted:
    """What was learned of one pattern."""

    model: Model
    backtest: Backtest


def pools_for(series: Sequence[Series]) -> Pools:
    """What these patterns lend to each other when they learn together."""
    return pools_of(series, HELD_SHARE)


def fit_all(
    series: Sequence[Series],
    *,
    critical: Collection[str],
    seed: int,
    processes: int | None = None,
    progress: Callable[[int, int], None] | None = None,
    pools: Pools = NO_POOLS,
    finished: Path | None = None,
    runner: Runner | None = None,
) -> dict[str, Fitted]:
    """The best forecaster of every pattern, by pattern id; `progress` hears (done, of).

    The rest as `fit_each`.
    """
    found = {}
    for pattern_id, fitted in fit_each(
        series,
        critical=critical,
        seed=seed,
        processes=processes,
        pools=pools,
        finished=finished,
        runner=runner,
    ):
        found[pattern_id] = fitted
        if progress is not None:
            progress(len(found), len(series))
    return {s.graph.pattern_id: found[s.graph.pattern_id] for s in series}


def fit_each(
    series: Sequence[Series],
    *,
    critical: Collection[str],
    seed: int,
    processes: int | None = None,
    pools: Pools = NO_POOLS,
    finished: Path | None = None,
    runner: Runner | None = None,
) -> Generator[tuple[str, Fitted], None, None]:
    """Pattern id and what was learned, as soon as it is finished.

    Only patterns in `critical` may get a network. `processes` is the number of cores where not
    given; results do not depend on it. `pools` is what other patterns lend to those that have too
    little of their own. `finished` is a folder that keeps results: after an interrupt, the same
    call takes them from there. `runner` runs the tasks elsewhere than in processes
    here. Raises what the fit of a pattern raised.
    """
    tasks = [
        Task(s, NAMES if s.graph.pattern_id in critical else (BAR,), seed, pools)
        for s in sorted(series, key=lambda s: -s.calls.size)
    ]
    shelf = None if finished is None else Finished(finished)
    known = (
        [(task, shelf.of(task)) for task in tasks] if shelf else [(task, None) for task in tasks]
    )
    for task, result in known:
        if result is not None:
            yield task.series.graph.pattern_id, Fitted(*result)
    unknown = [task for task, result in known if result is None]
    for task, result in runner(unknown) if runner else _run(unknown, processes):
        if shelf is not None:
            shelf.keep(task, result)
        yield task.series.graph.pattern_id, Fitted(*result)


def _run(
    tasks: Sequence[Task], processes: int | None
) -> Generator[tuple[Task, Result], None, None]:
    count = min(processes or os.cpu_count() or 1, len(tasks))
    if count > 1:
        with closing(run_tasks(tasks, count)) as results:
            yield from results
        return
    for task in tasks:
        yield task, task.run()
