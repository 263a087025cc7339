"""Memory of large arrays does not stay with the process."""

import platform
import subprocess
import sys

import pytest

# Something small lies behind the arrays, so that their heap cannot shrink.
HOLES = """
import resource, sys
import numpy as np
from informer.core.heap import LARGE, keep_little

def held_mib():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() >> 20

if sys.argv[1] == "mapped":
    keep_little()
first = np.ones(2 * LARGE, np.uint8)
del first
before = held_mib()
arrays = [np.ones(LARGE, np.uint8) for _ in range(8)]
small = np.ones(100_000, np.uint8)
del arrays
print(held_mib() - before)
"""


def grown_mib(how: str) -> int:
    done = subprocess.run(
        [sys.executable, "-c", HOLES, how], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="it is glibc that keeps them")
def test_large_arrays_leave_no_holes() -> None:
    assert grown_mib("mapped") < 8
    assert grown_mib("as ever") > 32  # else the test says nothing
