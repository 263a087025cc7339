"""The parts of a running service."""

import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from informer.service.api.desk import Desk
from informer.service.loop import Loop
from informer.service.outbox import Outbox
from informer.service.reception import Received, Reception
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

    @property
    def received(self) -> Received:
        """What came since the start, in whatever way."""
        every = [self.reception.received, *(s.received for s in self.streams.all)]
        return Received(
            sum(r.messages for r in every),
            sum(r.spans for r in every),
            sum(r.malformed for r in every),
            _sum([r.refused for r in every]),
            _sum([r.sent_away for r in every]),
        )

    def why_not_ready(self) -> list[str]:
        """Why nobody should rely on it; empty when it is well."""
        figures, why = self.loop.figures, []
        if not self.is_alive:
            why.append("the loop has ended")
        if figures.failures >= MOST_FAILURES:
            why.append(f"steps cannot be closed: {figures.error}")
        if self.spool.is_full:
            why.append("the spool is full")
        if self.spool.is_behind:
            why.append("more comes than can be judged, and senders are told to come again")
        why += [f"{name} is read no more" for name in self.streams.ended]
        return why


def _sum(counted: Sequence[Counter[str]]) -> Counter[str]:
    """Of counters that other threads may add names to meanwhile: only to copy them is one act."""
    return sum((Counter(one) for one in counted), Counter())
