"""The parts of a running service."""

import threading
from dataclasses import dataclass

from informer.service.loop import Loop
from informer.service.outbox import Outbox
from informer.service.reception import Reception
from informer.service.spool import Spool
from informer.service.streams import Streams


@dataclass(frozen=True, slots=True)
class Parts:
    """What works together while the service runs."""

    reception: Reception
    spool: Spool
    loop: Loop
    thread: threading.Thread  # of the loop; nobody else works on the workspace
    outbox: Outbox
    streams: Streams

    @property
    def is_alive(self) -> bool:
        """Whether the loop goes on."""
        return self.thread.is_alive()
