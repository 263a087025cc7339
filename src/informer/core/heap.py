"""Memory that is free goes back to the machine, where allocators would keep it."""

import ctypes

MMAP_THRESHOLD, ARENA_MAX = -3, -8  # of mallopt(3)
LARGE = 8 << 20  # bytes: what a slice has for all of its lines, and not what a piece has
HEAPS = 4  # so few that hardly any lies idle; one, two and four took the same time and memory


def keep_little() -> None:
    """From now on an array of LARGE bytes is memory of its own, and ends with it; and threads share
    HEAPS heaps, those that came before included.

    glibc would take large arrays that come again and again, up to 32 MiB each, out of heaps, which
    fall into parts; and of threads that come and go each may have another heap, which keeps what
    it held. Other C libraries are left alone. Source: mallopt(3).
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_THRESHOLD, LARGE)
        mallopt(ARENA_MAX, HEAPS)
