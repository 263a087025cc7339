"""The gate before the API: who asks is known, and the request small, before anything reads it."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from informer.service.access import is_loopback
from informer.service.api.problems import RefusedError
from informer.service.api.roles import DECIDE, ApiTokens, Holder

PREFIX = "/api/"
OPEN = f"{PREFIX}v1/openapi.json"  # the same for everybody, and in the docs
HOLDER = "holder"  # of the request's state
MOST_BYTES = 16 << 10  # of a body
BODY_S = 10.0  # for all of it
READING = ("GET", "HEAD")
FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")

Admission = Callable[[Scope, Headers], Holder]


def by_token(tokens: ApiTokens) -> Admission:
    """Whoever shows a token."""

    def admit(scope: Scope, headers: Headers) -> Holder:
        holder = tokens.holder(headers.get("authorization", ""))
        if holder is None:
            raise RefusedError(401, "a bearer token is needed", WWW_Authenticate="Bearer")
        return holder

    return admit


def on_loopback(scope: Scope, headers: Headers) -> Holder:
    """Whoever is on this machine, but for pages of other sites in a browser on it.

    A page that had its name point here (DNS rebinding) still names itself in Host; one that posts
    from elsewhere, in Origin. What a proxy brought does not come from this machine.
    """
    if not is_loopback(_host(f"//{headers.get('host', '')}")):
        raise RefusedError(403, "without tokens, Host must be localhost or a loopback address")
    origin = headers.get("origin")
    if origin is not None and netloc(origin) != headers.get("host"):
        raise RefusedError(403, "without tokens, requests of other sites are not answered")
    if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise RefusedError(403, "without tokens, requests of other sites are not answered")
    if any(name in headers for name in FORWARDED):
        raise RefusedError(403, "behind a proxy, serve.api_tokens_file is needed")
    return Holder("local", DECIDE)


def by_socket(scope: Scope, headers: Headers) -> Holder:
    """Whoever reached the socket: the system lets its owner alone. Names the user."""
    name, _ = scope["client"]
    return Holder(f"local user {name}", DECIDE)


def closed(scope: Scope, headers: Headers) -> Holder:
    """Nobody."""
    raise RefusedError(403, "where serve.web listens beyond this machine, the API needs tokens")


class Gate:
    """Asks for admission before the app is asked for anything below PREFIX."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app, self._admission = app, admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, with its holder in its state, or answer why not."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._app(scope, receive, send)
            return
        send = _guarded(send)
        try:
            if scope["path"] != OPEN:
                scope.setdefault("state", {})[HOLDER] = self._admitted(scope)
            body = await bounded_body(receive)
        except RefusedError as refused:
            await refused.response()(scope, receive, send)
            return
        await self._app(scope, replayed(body, receive), send)

    def _admitted(self, scope: Scope) -> Holder:
        headers = Headers(scope=scope)
        holder = self._admission(scope, headers)
        if scope["method"] in READING:
            return holder
        if not holder.may_decide:
            raise RefusedError(403, f"this takes the role {DECIDE}, {holder.who} has {holder.role}")
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] == "POST" and kind != "application/json":
            raise RefusedError(415, "Content-Type must be application/json")
        return holder


def _guarded(send: Send) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Cache-Control"] = "no-store"
            headers["X-Content-Type-Options"] = "nosniff"
        await send(message)

    return sent


async def bounded_body(receive: Receive) -> bytes:
    """All of a body. Errors: RefusedError when it is too large, or takes too long."""
    held = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise RefusedError(400, "the connection broke off")
                held += message.get("body", b"")
                if len(held) > MOST_BYTES:
                    raise RefusedError(413, f"a body may have {MOST_BYTES} bytes")
                if not message.get("more_body", False):
                    return bytes(held)
    except TimeoutError:
        raise RefusedError(408, "the body took too long") from None


def replayed(body: bytes, receive: Receive) -> Receive:
    """Lets the app receive a body that was read before."""
    waiting: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def netloc(origin: str) -> str:
    """The host and port of an origin; empty for `null` and what is none."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return ""
