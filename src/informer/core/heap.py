"""Memory that is free goes back to the machine, where allocators would keep it."""

import ctypes

MMAP_THRESHOLD = -3  # of mallopt(3)
LARGE = 8 << 20  # bytes: what a slice has for all of its lines, and not what a piece has


def map_large_arrays() -> None:
    """From now on an array of LARGE bytes is memory of its own, and ends with it.

    glibc would take those that come again and again, up to 32 MiB each, out of the heaps of its
    threads, which fall into parts. Other C libraries are left alone. Source: mallopt(3).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LARGE)
