"""Limits: what one sender may ask for, so that all others are still heard."""

from collections import Counter
from dataclasses import dataclass, field

MOST_SPANS = 200_000  # in a message; a span that says anything takes a hundred bytes
MOST_GZIP_MEMBERS = 1_000  # of a body; senders write one
HEADERS_S = 10.0  # for all headers of a request
BODY_S = 30.0  # for a whole body: who sends it drop by drop is cut off
ANSWER_S = 60.0  # for an answer that is written, to be read
HEADER_BYTES = 64 << 10
MOST_WAITING = 16  # requests of a connection that came before the one before was answered
MOST_CONNECTIONS = 512  # to a web server
MOST_FROM_ONE = 256  # of them from one address: a proxy may stand there
MOST_GRPC_CONNECTIONS = 1_024  # idle ones as well
MOST_CALLS = 64  # of gRPC at a time; each may hold a message
MOST_CALLS_FROM_ONE = 32
MOST_BODY_BYTES = 256 << 20  # of bodies that come by HTTP at the same time
MOST_BODY_BYTES_FROM_ONE = 128 << 20
RETRY_S = 5  # after which who was told to wait comes again


@dataclass(slots=True)
class Gate:
    """What all senders share, and how much each has, by address; counts whom it sends away."""

    refused: Counter[str]
    reason: str  # to count by
    most: int
    most_from_one: int
    _from: Counter[str] = field(default_factory=Counter)

    def enter(self, address: str, share: int = 1) -> bool:
        """Let somebody in, or count them as sent away."""
        most = min(self.most - self._from.total(), self.most_from_one - self._from[address])
        if share > most:
            self.refused[self.reason] += 1
            return False
        self._from[address] += share
        return True

    def leave(self, address: str, share: int = 1) -> None:
        """Somebody who was let in has gone."""
        self._from[address] -= share
        if self._from[address] <= 0:
            del self._from[address]


def connections(refused: Counter[str]) -> Gate:
    """The gate of a web server."""
    return Gate(refused, "too_many_connections", MOST_CONNECTIONS, MOST_FROM_ONE)


def calls(refused: Counter[str]) -> Gate:
    """The gate of calls by gRPC."""
    return Gate(refused, "too_many_calls", MOST_CALLS, MOST_CALLS_FROM_ONE)


def bodies(refused: Counter[str], message_bytes: int) -> Gate:
    """The gate of bodies that come by HTTP; shares are bytes. Some of the largest may come."""
    from_one = max(MOST_BODY_BYTES_FROM_ONE, 2 * message_bytes)
    return Gate(refused, "too_much_at_once", max(MOST_BODY_BYTES, 2 * from_one), from_one)
