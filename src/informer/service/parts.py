"""The parts of a running service."""

import threading
from dataclasses import dataclass

from informer.service.api.desk import Desk
from informer.service.loop import Loop
from informer.service.outbox import Outbox
from informer.service.reception import Reception
from informer.service.spool import Spool
from informer.service.streams import Streams

MOST_FAILURES = 3  # of looks in a row, before nobody should rely on it


@dataclass(frozen=True, slots=True)
class Parts:
    """What works together while the service runs."""

    reception: Reception
    spool: Spool
    loop: Loop
    thread: threading.Thread  # of the loop; nobody else works on the workspace
    outbox: Outbox
    desk: Desk
    streams: Streams

    @property
    def is_alive(self) -> bool:
        """Whether the loop goes on."""
        return self.thread.is_alive()

    def why_not_ready(self) -> list[str]:
        """Why nobody should rely on it; empty when it is well."""
        figures, why = self.loop.figures, []
        if not self.is_alive:
            why.append("the loop has ended")
        if figures.failures >= MOST_FAILURES:
            why.append(f"steps cannot be closed: {figures.error}")
        if self.spool.is_full:
            why.append("the spool is full")
        return why
