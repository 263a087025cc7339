"""HTTP with deadlines: a request that comes drop by drop, or never ends, is cut off.

The web server closes idle connections by itself, but waits for ever for the rest of a request.
"""

import asyncio
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from informer.service.limits import BODY_S, HEADER_BYTES, HEADERS_S, Gate


def guarded(
    gate: Gate, *, headers_s: float = HEADERS_S, body_s: float = BODY_S
) -> type[asyncio.Protocol]:
    """The protocol of a server whose connections go through a gate."""

    class Guarded(_Guarded):
        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(config, server_state, app_state, _loop)
            self.gate, self.headers_s, self.body_s = gate, headers_s, body_s

    return Guarded


class _Guarded(HttpToolsProtocol):
    """One connection."""

    gate: Gate
    headers_s: float
    body_s: float
    _deadline: asyncio.TimerHandle | None = None
    _address: str | None = None  # while it is inside
    _header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        if not self.gate.enter(address):
            transport.abort()
            return
        self._address = address
        self._within(self.headers_s, "slow_headers")

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        if self._address is not None:
            self.gate.leave(self._address)
            self._address = None
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = 0
        self._within(self.headers_s, "slow_headers")

    def on_url(self, url: bytes) -> None:
        if self._is_room(len(url)):
            super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._is_room(len(name) + len(value)):
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._within(self.body_s, "slow_body")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_time()
        super().on_message_complete()

    def _is_room(self, size: int) -> bool:
        self._header_bytes += size
        if self._header_bytes > HEADER_BYTES:
            self._cut_off("large_headers")
        return self._header_bytes <= HEADER_BYTES

    def _within(self, seconds: float, reason: str) -> None:
        self._in_time()
        self._deadline = self.loop.call_later(seconds, self._cut_off, reason)

    def _in_time(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _cut_off(self, reason: str) -> None:
        self._in_time()
        if not self.transport.is_closing():
            self.gate.refused[reason] += 1
            self.transport.abort()
