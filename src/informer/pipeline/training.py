"""How a decision trains models: here and now, or beside, for those who must not wait for it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from informer.core.errors import InformerError
from informer.core.types import EVER
from informer.forecasts.finished import fingerprint
from informer.forecasts.fit import Runner
from informer.forecasts.workers import Result, Task, run_tasks


class ToTrainError(Exception):
    """A decision takes models that nobody has trained yet: train them, and decide again."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        super().__init__(f"{len(tasks)} models are to be trained")
        self.tasks = tuple(tasks)


@dataclass(frozen=True, slots=True)
class Training:
    """What may be learned from, and who trains; None = this process."""

    until_ns: int = EVER  # later steps do not count: they may come while models are trained
    runner: Runner | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """What was trained beside, by the very numbers that it was trained from."""

    results: dict[str, Result] = field(default_factory=dict)
    errors: list[Exception] = field(default_factory=list)

    def runner(self, tasks: Sequence[Task]) -> Iterable[tuple[Task, Result]]:
        """The results of these tasks. Errors: ToTrainError for those that there are none of.

        What training ended in is raised here: whoever decides hears it, and it is audited.
        """
        if self.errors:
            raise self.errors[0]
        missing = [task for task in tasks if fingerprint(task) not in self.results]
        if missing:
            raise ToTrainError(missing)
        return [(task, self.results[fingerprint(task)]) for task in tasks]

    def train(self, tasks: Sequence[Task]) -> None:
        """Do these tasks, in a process of its own."""
        try:
            for task, result in run_tasks(tasks, 1):
                self.results[fingerprint(task)] = result
        except (InformerError, RuntimeError) as error:
            self.errors.append(error)
