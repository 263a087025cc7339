"""Listening sockets that let in so many connections, from the moment at which they are accepted.

A connection takes a file of the process before it has said anything, and with TLS long before the
web server hears of it.
"""

import errno
import socket
from typing import Any

from informer.service.limits import Gate

SKIPPED = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)  # of a name that has other addresses as well


def gated_sockets(host: str, port: int, gate: Gate) -> list[socket.socket]:
    """Bound to every address of a host. Errors: OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    made: list[socket.socket] = []
    failed: OSError | None = None
    for family, _, _, _, address in dict.fromkeys(found):
        try:
            made.append(_bound(family, address, gate))
        except OSError as error:
            failed = error
            if error.errno not in SKIPPED:
                break
    if failed is not None and (failed.errno not in SKIPPED or not made):
        for one in made:
            one.close()
        raise failed
    return made


def _bound(family: int, address: Any, gate: Gate) -> socket.socket:
    one = GatedSocket(family, gate)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
    except OSError:
        one.close()
        raise
    return one


class GatedSocket(socket.socket):
    """Accepts those that its gate lets in."""

    def __init__(self, family: int, gate: Gate) -> None:
        super().__init__(family, socket.SOCK_STREAM)
        self._gate = gate

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection. Errors: ConnectionAbortedError for one that is sent away."""
        made, address = super().accept()
        if not self._gate.enter(address[0]):
            made.close()
            raise ConnectionAbortedError
        return _Entered(made, self._gate, address[0]), address


class _Entered(socket.socket):
    """A connection that leaves the gate when it is closed."""

    def __init__(self, made: socket.socket, gate: Gate, address: str) -> None:
        super().__init__(fileno=made.detach())
        self._gate, self._address, self._is_inside = gate, address, True

    def close(self) -> None:
        """Close it, once or more often."""
        if self._is_inside:
            self._is_inside = False
            self._gate.leave(self._address)
        super().close()
