"""The pulse: a word that changes whenever there is something new to see.

Pages ask for it every few seconds; it costs no look into the workspace, however many ask.
"""

import orjson
from starlette.requests import Request
from starlette.responses import Response

from informer.service.parts import Parts


class Pulse:
    """Of one running service."""

    def __init__(self, parts: Parts, *, by_token: bool) -> None:
        self._parts = parts
        self.by_token = by_token

    @property
    def version(self) -> str:
        """Another one after every step that was closed and every decision."""
        figures = self._parts.loop.figures
        return f"{figures.closed_ns}.{figures.answered}"

    async def answer(self, request: Request) -> Response:
        """GET /pulse."""
        why = self._parts.why_not_ready()
        told = {"version": self.version, "why": why}
        return Response(orjson.dumps(told), media_type="application/json")
