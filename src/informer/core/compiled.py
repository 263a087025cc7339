"""Loops over millions of lines as machine code: compiled at the first use, found on disk later."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numba

P = ParamSpec("P")
R = TypeVar("R")


def compiled(loop: Callable[P, R]) -> Callable[P, R]:
    """The same function over arrays and numbers, without Python; other threads run beside it."""
    try:
        made: Callable[P, R] = numba.njit(nogil=True, cache=True)(loop)
    except RuntimeError:  # no folder can be written in which it would be kept
        made = numba.njit(nogil=True)(loop)
    return made
