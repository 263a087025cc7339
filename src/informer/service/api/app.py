"""The API as one app: endpoints, the gate before them, problems, and the OpenAPI of it all."""

from collections.abc import Callable
from typing import Any, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.routing import BaseRoute

import informer.service.api.models as models
from informer.core.types import Json
from informer.pipeline.workspace import Workspace
from informer.service.api.answers import responses, told
from informer.service.api.deciding import deciding
from informer.service.api.desk import Desk
from informer.service.api.gate import OPEN, PREFIX, Admission, Gate, closed
from informer.service.api.problems import Problem, answer_with_problems
from informer.service.api.reading import USUAL, reading

ABOUT = (
    "What the command line does, on a running service. Times are integers of nanoseconds since "
    "1970, UTC: they need 64 bits. Lists are in order, a page at a time: header Link leads on. "
    "Errors are problem details (RFC 9457). GET takes the role read, POST the role decide."
)


def api_app(
    desk: Desk,
    admission: Admission,
    status: Callable[[Workspace], Json],
    beside: list[BaseRoute] | None = None,
) -> FastAPI:
    """The app; `beside` are routes that need no admission and are not in the OpenAPI."""
    app = FastAPI(
        title="Informer",
        version="1",
        description=ABOUT,
        openapi_url=OPEN,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
    )
    answer_with_problems(app)
    for router in (reading(desk), deciding(desk)):
        app.include_router(router, prefix=f"{PREFIX}v1")

    @app.get(f"{PREFIX}v1/status", response_model=models.Status, responses=responses(*USUAL))
    async def show_status() -> Any:
        """How the service is doing."""
        return await told(desk, status)

    app.router.routes.extend(beside or [])
    app.add_middleware(Gate, admission=admission)
    app.openapi = lambda: openapi_of(app)  # type: ignore[method-assign]  # as FastAPI documents
    return app


def openapi_of(app: FastAPI) -> Json:
    """The OpenAPI of the app, with problems and the bearer token."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
        )
        _without_null(made)
        parts = made["components"]
        parts["schemas"]["Problem"] = Problem.model_json_schema()
        parts["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        made["security"] = [{"token": []}]
        app.openapi_schema = made
    return app.openapi_schema


def _without_null(openapi: Json) -> None:
    """What stands behind `?` is a text or is absent: no parameter can be null."""
    operations = (one for path in openapi["paths"].values() for one in path.values())
    for parameter in (one for operation in operations for one in operation.get("parameters", ())):
        schema = parameter["schema"]
        kinds = [kind for kind in schema.get("anyOf", ()) if kind != {"type": "null"}]
        if len(kinds) == 1:
            del schema["anyOf"]
            schema |= kinds[0]


def document() -> Json:
    """The OpenAPI of an app that nobody asks anything, for the reference."""
    return openapi_of(api_app(cast(Desk, None), closed, lambda home: {}))
