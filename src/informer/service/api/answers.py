"""What the API answers with: bytes made beside the loop, and pages that say where to go on."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from fastapi import Depends, Path, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from informer.core.types import EVER
from informer.pipeline.audit import Decider
from informer.pipeline.pages import Listing, Page, page
from informer.pipeline.workspace import Workspace
from informer.service.api.desk import Desk
from informer.service.api.gate import HOLDER
from informer.service.api.problems import MEDIA_TYPE

MOST_ROWS, USUAL_ROWS = 1_000, 100
ItsId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_.\-]{1,100}$")]
PROBLEM = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
WORDS = {
    400: "The request cannot be read.",
    401: "A bearer token is needed.",
    403: "It takes another role, or another way here.",
    404: "Nothing has this id.",
    408: "The body took too long.",
    409: "It cannot be done as things are.",
    413: "The body is too large.",
    415: "Content-Type must be application/json.",
    422: "A value is not as it must be.",
    503: "Too many ask at once, or the service is ending: try again later.",
}


class Paging(BaseModel):
    """Which rows: those of a range, and a page of them."""

    model_config = ConfigDict(extra="forbid")
    limit: int = Field(USUAL_ROWS, ge=1, le=MOST_ROWS, description="how many at most")
    after: str = Field("", max_length=3_000, description="where the page before ended")


class Range(Paging):
    """Rows of a time range as well."""

    from_ns: int = Field(0, ge=0, le=EVER, description="from here on, ns since 1970")
    until_ns: int | None = Field(None, ge=0, le=EVER, description="up to here, exclusive")


def responses(*statuses: int, paged: bool = False) -> dict[int | str, dict[str, Any]]:
    """The problems that an operation may answer with, for the OpenAPI."""
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": WORDS[status], **PROBLEM} for status in sorted(statuses)
    }
    if paged:
        link = {"schema": {"type": "string"}, "description": 'rel="next" leads to the next page'}
        found[200] = {"description": "In order.", "headers": {"Link": link}}
    return found


def asker(request: Request) -> Decider:
    """Who asks, as the gate found."""
    holder = getattr(request.state, HOLDER)
    return Decider(holder.who, holder.role)


Asker = Annotated[Decider, Depends(asker)]


async def told(desk: Desk, work: Callable[[Workspace], Any]) -> Response:
    """What reading gives, as JSON."""
    body = await desk.read(lambda home: dumped(work(home)))
    return Response(body, media_type="application/json")


async def listed(
    desk: Desk,
    request: Request,
    listing: Listing,
    asked: Range,
    equal: Mapping[str, str | None] | None = None,
) -> Response:
    """A page of rows."""
    wanted = {k: v for k, v in (equal or {}).items() if v is not None}
    return await paged(
        desk,
        request,
        lambda home: page(
            home,
            listing,
            limit=asked.limit,
            after=asked.after,
            from_ns=asked.from_ns,
            until_ns=asked.until_ns,
            equal=wanted,
        ),
    )


async def paged(desk: Desk, request: Request, work: Callable[[Workspace], Page]) -> Response:
    """A page, with a link to the next."""

    def read(home: Workspace) -> tuple[bytes, str | None]:
        found = work(home)
        return dumped(found.rows), found.after

    body, after = await desk.read(read)
    response = Response(body, media_type="application/json")
    if after is not None:
        others = [(k, v) for k, v in request.query_params.multi_items() if k != "after"]
        query = urlencode([*others, ("after", after)])
        response.headers["Link"] = f'<{request.url.path}?{query}>; rel="next"'
    return response


def dumped(value: Any) -> bytes:
    """A value as JSON."""
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
