"""How often somebody may try to sign in: tokens are long, and nobody is to guess at leisure."""

import time
from collections import Counter
from collections.abc import Callable

EACH_S = 60.0
MOST_FROM_ONE = 10  # in that time, from one address
MOST = 100  # from all


class Attempts:
    """Counts tries that failed, in turns of a minute; what it keeps is bounded by MOST."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._turn = -1
        self._from: Counter[str] = Counter()

    def wait_s(self, address: str) -> int:
        """0 where somebody may try, else the seconds until they may."""
        now_s = self._clock_s()
        turn = int(now_s // EACH_S)
        if turn != self._turn:
            self._turn = turn
            self._from.clear()
        if self._from[address] >= MOST_FROM_ONE or self._from.total() >= MOST:
            return max(1, round((turn + 1) * EACH_S - now_s))
        return 0

    def failed(self, address: str) -> None:
        """Count a try."""
        self._from[address] += 1
