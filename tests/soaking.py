"""How long tests of endurance go on: briefly in every run, for long under `make soak`."""

import os
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
SOAK = os.environ.get("INFORMER_SOAK") == "true"


def many(short: T, long: T) -> T:
    """The first in every run, the second under `make soak`."""
    return long if SOAK else short


def eventually(holds: Callable[[], bool], within_s: float = 60.0) -> None:
    """Wait until it holds; it fails when that takes far too long."""
    ends = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.1)
