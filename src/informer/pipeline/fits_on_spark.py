"""Models trained on Spark: a pattern a task, on the cores of the executors."""

import pickle
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from informer.core.errors import InformerError
from informer.forecasts.fit import Runner
from informer.forecasts.workers import Result, Task

if TYPE_CHECKING:
    from informer.engines.spark import SparkEngine


def runner_on(spark: "SparkEngine") -> Runner:
    """Runs tasks on the executors; the results are those of running them here."""

    def run(tasks: Sequence[Task]) -> Iterator[tuple[Task, Result]]:
        by_id = {task.series.graph.pattern_id: task for task in tasks}
        for done in spark.each([pickle.dumps(task) for task in tasks], _fitted) if tasks else ():
            pattern_id, result = pickle.loads(done)
            if isinstance(result, InformerError):
                raise result
            yield by_id[pattern_id], result

    return run


def _fitted(packed: bytes) -> bytes:
    """Fit one pattern; runs on an executor. What the user can mend comes back as a value."""
    task: Task = pickle.loads(packed)
    result: Result | InformerError
    try:
        result = task.run()
    except InformerError as error:
        result = error
    return pickle.dumps((task.series.graph.pattern_id, result))
