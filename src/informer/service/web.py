"""What the service answers by HTTP: traces in on one address, health and metrics on another."""

import orjson
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from informer.service.access import Tokens
from informer.service.api.problems import problem
from informer.service.gathering import Gathering
from informer.service.metrics import Figures, Intake, exposition
from informer.service.otlp_http import TracesEndpoint
from informer.service.parts import Parts
from informer.service.reception import Reception


def traces_app(reception: Reception, tokens: Tokens) -> Starlette:
    """POST /v1/traces."""
    endpoint = TracesEndpoint(reception, tokens)

    async def traces(request: Request) -> Response:
        return await endpoint(request)

    return Starlette(routes=[Route("/v1/traces", traces, methods=["POST"])])


def health_routes(parts: Parts) -> list[BaseRoute]:
    """GET /healthz, /readyz and /metrics."""

    async def healthz(request: Request) -> Response:
        return _told(200 if parts.is_alive else 503, {"alive": parts.is_alive})

    async def readyz(request: Request) -> Response:
        why = parts.why_not_ready()
        return _told(503 if why else 200, {"ready": not why, "why": why})

    async def metrics(request: Request) -> Response:
        text = exposition(Figures(parts))
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]


def gathering_app(gathering: Gathering) -> Starlette:
    """GET /healthz, /readyz and /metrics while nothing is watched yet; all else says so."""

    async def healthz(request: Request) -> Response:
        return _told(200, {"alive": True})

    async def readyz(request: Request) -> Response:
        return _told(503, {"ready": False, "why": [gathering.words()]})

    async def metrics(request: Request) -> Response:
        text = exposition(Intake(gathering.reception.received, gathering.spool))
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def other(request: Request) -> Response:
        return problem(503, gathering.words())

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            Route("/{path:path}", other, methods=["GET", "POST"]),
        ]
    )


def _told(status: int, value: dict[str, object]) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
