"""How long work tells how far it is; the command line draws it, a library ignores it."""

from typing import Protocol


class Progress(Protocol):
    """Told what is going on, how much is done, and of how much, when that is known."""

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """`done` and `total` count spans, patterns or whatever `what` says."""


def silent(what: str, done: int, total: int | None) -> None:
    """Tell nobody."""
