"""Errors of the API as problem details (RFC 9457): what is wrong, in words, and no more."""

from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from informer.core.errors import InformerError, UnknownError

MEDIA_TYPE = "application/problem+json"
MOST_CHARACTERS = 1_000
MOST_ERRORS = 20


class Problem(BaseModel):
    """Why a request was not answered (RFC 9457)."""

    title: str = Field(description="What kind of problem it is.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong with this request, in words.")


class RefusedError(Exception):
    """A request that is not answered as it was meant."""

    def __init__(self, status: int, detail: str, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, headers

    def response(self) -> Response:
        """What is answered."""
        return problem(self.status, self.detail, self.headers)


def problem(status: int, detail: str, headers: dict[str, str] | None = None) -> Response:
    """A response that says what is wrong."""
    shown = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in detail)
    document = Problem(
        title=HTTPStatus(status).phrase, status=status, detail=shown[:MOST_CHARACTERS]
    )
    named = {name.replace("_", "-"): value for name, value in (headers or {}).items()}
    body = orjson.dumps(document.model_dump())
    return Response(body, status, headers=named, media_type=MEDIA_TYPE)


def answer_with_problems(app: FastAPI) -> None:
    """Let every error of an app be a problem; none shows what the code looks like inside."""

    async def refused(request: Request, error: Any) -> Response:
        answer: Response = error.response()
        return answer

    async def unknown(request: Request, error: Any) -> Response:
        return problem(404, str(error))

    async def conflict(request: Request, error: Any) -> Response:
        return problem(409, str(error))

    async def malformed(request: Request, error: Any) -> Response:
        told = [
            f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}"
            for one in error.errors()[:MOST_ERRORS]
        ]
        return problem(422, "; ".join(told))

    async def by_http(request: Request, error: Any) -> Response:
        return problem(error.status_code, str(error.detail), dict(error.headers or {}))

    async def broken(request: Request, error: Any) -> Response:
        return problem(500, "this is a defect of Informer; its log says more")

    for kind, handler in (
        (RefusedError, refused),
        (UnknownError, unknown),
        (InformerError, conflict),
        (RequestValidationError, malformed),
        (HTTPException, by_http),
        (Exception, broken),
    ):
        app.add_exception_handler(kind, handler)
