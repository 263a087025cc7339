"""What the service answers by HTTP: traces in on one address, health and metrics on another."""

import orjson
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from informer.service.access import Tokens
from informer.service.metrics import exposition
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
        text = exposition(parts)
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    return [
        Route("/healthz", healthz),
        Route("/readyz", readyz),
        Route("/metrics", metrics),
    ]


def _told(status: int, value: dict[str, object]) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
