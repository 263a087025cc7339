"""The door of the console: who comes in, by what, and what every answer carries.

A browser shows a session by a cookie that no other site can make it send; what changes something
comes from our own pages, with the key of the session. Without tokens this machine alone gets in,
by the rules of the API.
"""

import html
import secrets
import time
from collections.abc import Callable
from urllib.parse import parse_qs, quote

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from informer.service.api.gate import HOLDER, READING, Admission, bounded_body, netloc, replayed
from informer.service.api.problems import RefusedError
from informer.service.console.sessions import LASTS_S, Session, Sessions

STATIC = "/static/"
SIGN_IN = "/sign-in"
FORM = "application/x-www-form-urlencoded"
FORM_KEY = "form_key"
GIVEN = "given"  # the fields of a form, in the request's state
COOKIE = "informer_session"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with none at all, forms would not say where they come from
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# A link in a chat leads here from another site, and then a strict cookie stays behind. A page of
# ours that asks again brings it along.
AGAIN = '<!doctype html><meta http-equiv="refresh" content="0;url={}"><title>Informer</title>'

Refusal = Callable[[int, str], Response]


class Door:
    """Before the console: finds the session of a request, or answers in its place."""

    def __init__(
        self, app: ASGIApp, sessions: Sessions, admission: Admission | None, refusal: Refusal
    ) -> None:
        """`admission` is of those who need no token; None = everybody needs one.

        `refusal` makes the page that says why not.
        """
        self._app, self._sessions, self._admission = app, sessions, admission
        self._refusal = refusal
        self._own_key = secrets.token_urlsafe(32)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with its session and form in its state, or answer why not."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _guarded(send, is_static=scope["path"].startswith(STATIC))
        try:
            answer = await self._answer(scope, receive)
        except RefusedError as refused:
            answer = self._refusal(refused.status, refused.detail)
        if isinstance(answer, Response):
            await answer(scope, receive, send)
        else:
            await self._app(scope, answer, send)

    async def _answer(self, scope: Scope, receive: Receive) -> Response | Receive:
        """An answer in place of the app's, or what the app is to receive."""
        headers = Headers(scope=scope)
        body = await bounded_body(receive)
        if scope["path"].startswith(STATIC):
            return replayed(body, receive)
        state = scope.setdefault("state", {})
        state[GIVEN] = {}
        session = self._session(scope, headers)
        if scope["method"] not in READING:
            state[GIVEN] = _form(headers, body)
            if netloc(headers.get("origin", "")) != headers.get("host"):
                raise RefusedError(403, "forms of other sites are not answered")
        if scope["path"] == SIGN_IN:
            return replayed(body, receive)
        if session is None:
            return self._unknown(scope, headers)
        if scope["method"] not in READING and not session.knows(state[GIVEN].get(FORM_KEY, "")):
            raise RefusedError(403, "the page was too old: load it anew and try again")
        state[HOLDER], state["session"] = session.holder, session
        return replayed(body, receive)

    def _session(self, scope: Scope, headers: Headers) -> Session | None:
        if self._admission is None:
            return self._sessions.of(Request(scope).cookies.get(COOKIE, ""))
        if _is_from_elsewhere(scope, headers):
            return None
        holder = self._admission(scope, headers)
        return Session(holder, self._own_key, time.monotonic() + LASTS_S)

    def _unknown(self, scope: Scope, headers: Headers) -> Response:
        query = ("?" + scope["query_string"].decode("latin-1")).rstrip("?")
        place = inside(quote(scope["path"]) + query)
        if _is_from_elsewhere(scope, headers):
            return HTMLResponse(AGAIN.format(html.escape(place)))
        if scope["method"] not in READING or headers.get("sec-fetch-dest") == "empty":
            raise RefusedError(401, "sign in first")
        return RedirectResponse(f"{SIGN_IN}?next={quote(place, safe='')}", 303)


def inside(place: str) -> str:
    """A place on this server, and no other: `//host` and `/\\host` lead away."""
    is_path = place.startswith("/") and place[1:2] not in ("/", "\\")
    return place if is_path and place.isprintable() and len(place) <= 3_000 else "/"


def session_of(request: Request) -> Session:
    """Who asks, as the door found."""
    found: Session = request.state.session
    return found


def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, as the door read them."""
    found: dict[str, str] = getattr(request.state, GIVEN)
    return found


def _is_from_elsewhere(scope: Scope, headers: Headers) -> bool:
    """Whether a person follows a link of another site, which changes nothing."""
    followed = headers.get("sec-fetch-mode") == "navigate" and scope["method"] in READING
    return followed and headers.get("sec-fetch-site") in ("cross-site", "same-site")


def _form(headers: Headers, body: bytes) -> dict[str, str]:
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        raise RefusedError(415, f"Content-Type must be {FORM}")
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=20, errors="strict")
    except (UnicodeDecodeError, ValueError) as error:
        raise RefusedError(400, "the form cannot be read") from error
    return {name: values[0] for name, values in fields.items()}


def _guarded(send: Send, *, is_static: bool) -> Send:
    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            if not is_static or message["status"] != 200:
                headers["Cache-Control"] = "no-store"
        await send(message)

    return sent
