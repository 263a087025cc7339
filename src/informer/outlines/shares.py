"""Work on the traces of a slice, shared by two threads that never write to the same place.

What comes out does not depend on how many cores there are: shares are told by the traces alone.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

S = TypeVar("S")
T = TypeVar("T")

SHARES = 2
FEWEST = 10_000  # things: for fewer, two threads take longer than one


def in_shares(work: Callable[[S], T], shares: Sequence[S], things: int) -> list[T]:
    """What `work` makes of each share of so many things, in order."""
    if things < FEWEST:
        return list(map(work, shares))
    with ThreadPoolExecutor(len(shares)) as pool:
        return list(pool.map(work, shares))


def evenly(things: int) -> list[tuple[int, int]]:
    """Shares of the same size: where each begins and ends."""
    bounds = (things * share // SHARES for share in range(SHARES + 1))
    return list(pairwise(bounds))
