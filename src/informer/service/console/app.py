"""The console as one app: its pages, the door before them, and what it says when it cannot."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from informer.config.console import ConsoleSettings
from informer.core.errors import InformerError, UnknownError
from informer.pipeline.decisions import INCIDENT, PATTERN
from informer.service.api.gate import PREFIX, Admission
from informer.service.api.problems import RefusedError
from informer.service.api.roles import ApiTokens
from informer.service.console.assets import asset
from informer.service.console.attempts import Attempts
from informer.service.console.door import SIGN_IN, Door
from informer.service.console.explore import explore_page
from informer.service.console.incidents import incident_page, incidents_page, trace_part
from informer.service.console.now import now_page
from informer.service.console.patterns import pattern_page, patterns_page
from informer.service.console.pulse import Pulse
from informer.service.console.sessions import Sessions
from informer.service.console.signing_in import SigningIn
from informer.service.console.verdicts import Verdicts
from informer.service.console.visit import Desks
from informer.service.parts import Parts
from informer.web.console import render_alone

TODO = {
    401: "Sign in, and try again.",
    403: "See Roles in the documentation of the service for who gets in.",
    404: "It may be mistyped, belong to another service, or be too old and gone.",
    422: "Go back and choose it again.",
    503: "Many ask at once, or the service is ending: load the page anew in a few seconds.",
}
OF_THE_API = ("/healthz", "/readyz", "/metrics")


def console_app(
    parts: Parts, tokens: ApiTokens, admission: Admission, settings: ConsoleSettings
) -> ASGIApp:
    """The app. Where there are tokens people sign in with one; else `admission` lets them in."""
    sessions = Sessions()
    desks = Desks(parts, Pulse(parts, by_token=bool(tokens.holders)), settings)
    verdicts = Verdicts(parts.desk)
    signing_in = SigningIn(tokens, sessions, Attempts())
    app = Starlette(
        routes=[
            Route("/", now_page(desks)),
            Route("/incidents", incidents_page(desks)),
            Route("/incidents/{id}", incident_page(desks, verdicts)),
            Route("/incidents/{id}/trace", trace_part(desks)),
            Route("/incidents/{id}/verdict", verdicts.answer(INCIDENT), methods=["POST"]),
            Route("/patterns/{id}/verdict", verdicts.answer(PATTERN), methods=["POST"]),
            Route("/patterns", patterns_page(desks)),
            Route("/patterns/{id}", pattern_page(desks, verdicts)),
            Route("/explore", explore_page(desks)),
            Route("/pulse", desks.pulse.answer),
            Route("/static/{name}", asset),
            Route(SIGN_IN, signing_in.page, methods=["GET"]),
            Route(SIGN_IN, signing_in.sign_in, methods=["POST"]),
            Route("/sign-out", signing_in.sign_out, methods=["POST"]),
        ],
        exception_handlers=_handlers(),
    )
    return Door(app, sessions, None if tokens.holders else admission, refusal)


def beside(api: ASGIApp, console: ASGIApp) -> ASGIApp:
    """Both at one address: what is the API's goes there, all else to the console."""

    async def both(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        of_api = path.startswith(PREFIX) or path in OF_THE_API
        await (api if of_api else console)(scope, receive, send)

    return both


def refusal(status: int, detail: str) -> Response:
    """A page that says why not."""
    page = render_alone(
        "refused", heading=HTTPStatus(status).phrase, detail=detail, todo=TODO.get(status, "")
    )
    return Response(page, status, media_type="text/html")


def _handlers() -> dict[Any, Callable[[Request, Any], Any]]:
    async def refused(request: Request, error: Any) -> Response:
        answer = refusal(error.status, error.detail)
        for name, value in error.headers.items():
            answer.headers[name.replace("_", "-")] = value
        return answer

    async def unknown(request: Request, error: Any) -> Response:
        return refusal(404, str(error))

    async def conflict(request: Request, error: Any) -> Response:
        return refusal(409, str(error))

    async def by_http(request: Request, error: Any) -> Response:
        if error.status_code == HTTPStatus.NOT_FOUND:
            return refusal(404, "The console has no page at this address.")
        return refusal(error.status_code, str(error.detail))

    async def broken(request: Request, error: Any) -> Response:
        return refusal(500, "This is a defect of Informer; its log says more.")

    return {
        RefusedError: refused,
        UnknownError: unknown,
        InformerError: conflict,
        HTTPException: by_http,
        Exception: broken,
    }
