"""Gaps: when spans were sent away. What is missing of these steps is not silence."""

import threading
from typing import TypeAlias

Gap: TypeAlias = tuple[int, int]  # from, until; ns


class Gaps:
    """Written by who receives, asked for by who closes steps."""

    def __init__(self, reach_ns: int) -> None:
        """Spans come at most so long after they began."""
        self._reach_ns = reach_ns
        self._lock = threading.Lock()
        self._since: list[Gap] = []

    def add(self, now_ns: int) -> None:
        """Spans were sent away just now."""
        from_ns = now_ns - self._reach_ns
        with self._lock:
            if self._since and self._since[-1][0] <= now_ns and from_ns <= self._since[-1][1]:
                first_ns, last_ns = self._since.pop()
                self._since.append((min(first_ns, from_ns), max(last_ns, now_ns)))
            else:
                self._since.append((from_ns, now_ns))

    def handed_over(self) -> list[Gap]:
        """Those since this was asked last."""
        with self._lock:
            since, self._since = self._since, []
            return since
