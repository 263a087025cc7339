"""Signing in with a token of the API, and out again."""

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from informer.service.access import BEARER
from informer.service.api.roles import ApiTokens
from informer.service.console.attempts import Attempts
from informer.service.console.door import COOKIE, SIGN_IN, form_of, inside
from informer.service.console.sessions import LASTS_S, Sessions
from informer.web.console import render_alone


class SigningIn:
    """The page that asks for a token, and what it leads to."""

    def __init__(self, tokens: ApiTokens, sessions: Sessions, attempts: Attempts) -> None:
        self._tokens, self._sessions, self._attempts = tokens, sessions, attempts

    async def page(self, request: Request) -> Response:
        """GET /sign-in."""
        return _asking(inside(request.query_params.get("next", "")))

    async def sign_in(self, request: Request) -> Response:
        """POST /sign-in."""
        given = form_of(request)
        place = inside(given.get("next", ""))
        address = request.client.host if request.client else ""
        wait_s = self._attempts.wait_s(address)
        if wait_s:
            answer = _asking(place, f"Too many tries. Wait {wait_s} seconds.", 429)
            answer.headers["Retry-After"] = str(wait_s)
            return answer
        holder = self._tokens.holder(BEARER + given.get("token", ""))
        if holder is None:
            self._attempts.failed(address)
            return _asking(
                place, "Nobody has this token. Is it complete, and for this server?", 403
            )
        answer = RedirectResponse(place, 303)
        answer.set_cookie(
            COOKIE,
            self._sessions.begin(holder),
            max_age=int(LASTS_S),
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return answer

    async def sign_out(self, request: Request) -> Response:
        """POST /sign-out."""
        self._sessions.end(request.cookies.get(COOKIE, ""))
        answer = RedirectResponse(SIGN_IN, 303)
        answer.delete_cookie(
            COOKIE, httponly=True, samesite="strict", secure=request.url.scheme == "https"
        )
        return answer


def _asking(place: str, why_not: str = "", status: int = 200) -> Response:
    return Response(
        render_alone("sign-in", place=place, why_not=why_not), status, media_type="text/html"
    )
