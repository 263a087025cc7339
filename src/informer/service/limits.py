"""Limits: what one sender may ask for, so that all others are still heard."""

from collections import Counter
from dataclasses import dataclass, field

MOST_SPANS = 200_000  # in a message; a span that says anything takes a hundred bytes
HEADERS_S = 10.0  # for all headers of a request
BODY_S = 30.0  # for a whole body: who sends it drop by drop is cut off
HEADER_BYTES = 64 << 10
MOST_CONNECTIONS = 512  # to a server
MOST_FROM_ONE = 256  # of them from one address: a proxy may stand there
RETRY_S = 5  # after which who was told to wait comes again


@dataclass(slots=True)
class Gate:
    """Who is connected to one server, by address; counts whom it sends away, by reason."""

    refused: Counter[str]
    most: int = MOST_CONNECTIONS
    most_from_one: int = MOST_FROM_ONE
    _from: Counter[str] = field(default_factory=Counter)

    def enter(self, address: str) -> bool:
        """Let a connection in, or count it as sent away."""
        if self._from.total() >= self.most or self._from[address] >= self.most_from_one:
            self.refused["too_many_connections"] += 1
            return False
        self._from[address] += 1
        return True

    def leave(self, address: str) -> None:
        """One that was let in has gone."""
        self._from[address] -= 1
        if self._from[address] <= 0:
            del self._from[address]
