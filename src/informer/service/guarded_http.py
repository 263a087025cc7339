"""HTTP with deadlines, for requests that come drop by drop and for answers that nobody reads.

The web server closes idle connections by itself, but waits for ever for the rest of a request, and
for whoever does not read what was asked for.
"""

import asyncio
from collections import Counter
from typing import Any

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from informer.service.limits import ANSWER_S, BODY_S, HEADER_BYTES, HEADERS_S, MOST_WAITING


def guarded(
    refused: Counter[str],
    *,
    headers_s: float = HEADERS_S,
    body_s: float = BODY_S,
    answer_s: float = ANSWER_S,
) -> type[asyncio.Protocol]:
    """The protocol of a server; `refused` counts whom it cuts off."""

    class Guarded(_Guarded):
        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ) -> None:
            super().__init__(config, server_state, app_state, _loop)
            self.refused, self.headers_s = refused, headers_s
            self.body_s, self.answer_s = body_s, answer_s

    return Guarded


class _Guarded(HttpToolsProtocol):
    """One connection."""

    refused: Counter[str]
    headers_s: float
    body_s: float
    answer_s: float
    _deadline: asyncio.TimerHandle | None = None  # for what comes
    _read_by: asyncio.TimerHandle | None = None  # for what goes
    _header_bytes = 0
    _in_headers = True

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn calls it
        super().connection_made(transport)
        # So we hear of all that waits to be read. By TLS 0 would be reached by nothing at all.
        transport.set_write_buffer_limits(high=1)
        self._within(self.headers_s, "slow_headers")

    def connection_lost(self, exc: Exception | None) -> None:
        self._in_time()
        self._is_read()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # The parser hands out a header when it is whole, and would hold one without end.
        self._header_bytes += len(data) if self._in_headers else 0
        super().data_received(data)
        if self._in_headers and self._header_bytes > HEADER_BYTES:
            self._cut_off("large_headers")

    def send_400_response(self, msg: str) -> None:
        self.refused["bad_http"] += 1
        super().send_400_response(msg)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._is_read()
        self._read_by = self.loop.call_later(self.answer_s, self._abort, "slow_reader")

    def resume_writing(self) -> None:
        super().resume_writing()
        self._is_read()

    def on_message_begin(self) -> None:
        if len(self.pipeline) >= MOST_WAITING:
            raise ValueError("too many requests wait for answers")  # of the parser: bad HTTP
        super().on_message_begin()
        self._within(self.headers_s, "slow_headers")

    def on_headers_complete(self) -> None:
        self._in_headers, self._header_bytes = False, 0
        self._within(self.body_s, "slow_body")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._in_headers = True
        self._in_time()
        super().on_message_complete()

    def _within(self, seconds: float, reason: str) -> None:
        self._in_time()
        self._deadline = self.loop.call_later(seconds, self._cut_off, reason)

    def _in_time(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _is_read(self) -> None:
        if self._read_by is not None:
            self._read_by.cancel()
            self._read_by = None

    def _cut_off(self, reason: str) -> None:
        self._in_time()
        if not self.transport.is_closing():
            self._abort(reason)

    def _abort(self, reason: str) -> None:
        """What is closed waits for its last bytes to be read: here it does not."""
        self.refused[reason] += 1
        self.transport.abort()
