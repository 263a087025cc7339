"""The next few things made by another thread while this one is at work on the last."""

from collections.abc import Iterable, Iterator
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")

WAIT_S = 0.2


def ahead(things: Iterable[T], most: int) -> Iterator[T]:
    """The same things, at most so many of them made and waiting.

    What goes wrong is raised here, when its turn comes.
    """
    made: Queue[tuple[bool, T | BaseException | None]] = Queue(maxsize=most)
    left = Event()

    def make() -> None:
        try:
            for thing in things:
                _put(made, (True, thing), left)
                if left.is_set():
                    return
            _put(made, (False, None), left)
        except BaseException as error:  # noqa: BLE001 (it is raised where the thing is wanted)
            _put(made, (False, error), left)

    maker = Thread(target=make, name="ahead", daemon=True)
    maker.start()
    try:
        while True:
            more, thing = made.get()
            if not more:
                if isinstance(thing, BaseException):
                    raise thing
                return
            yield thing  # type: ignore[misc]
            del thing
    finally:
        left.set()
        maker.join()


def _put(made: "Queue[T]", thing: T, left: Event) -> None:
    while not left.is_set():
        try:
            made.put(thing, timeout=WAIT_S)
            return
        except Full:
            continue
