"""One core for products of small matrices: threads that share them only wait for each other."""

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_core() -> AbstractContextManager[object]:
    """Inside, NumPy and SciPy multiply on one core: no digit hangs on how many there are."""
    limit: AbstractContextManager[object] = _libraries().limit(limits=1, user_api="blas")
    return limit


@cache
def _libraries() -> ThreadpoolController:
    """Those that are loaded; to look for them takes longer than a forecast."""
    return ThreadpoolController()
