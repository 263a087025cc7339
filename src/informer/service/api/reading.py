"""Endpoints that read: patterns, incidents, and what the service did and is doing."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from informer.core.errors import InformerError, UnknownError
from informer.core.types import EVER, Json
from informer.pipeline import look, pages
from informer.pipeline.catalogue import pattern_ids
from informer.pipeline.drawn import USUAL_STEPS, pattern_series
from informer.pipeline.examples import read_example
from informer.pipeline.workspace import Workspace
from informer.service.api import models
from informer.service.api.answers import ItsId, Paging, Range, listed, paged, responses, told
from informer.service.api.desk import Desk

Verdict = Literal["open", "accepted", "rejected"]
MOST_STEPS = 10_000
USUAL, OF_ONE = (401, 403, 422, 503), (401, 403, 404, 422, 503)
PAGED = responses(401, 403, 409, 422, 503, paged=True)


class Incidents(Range):
    """Which incidents: by when they opened."""

    verdict: Verdict | None = Field(None, description="those with this verdict")


class Notices(Range):
    """Which notices: by when they were made."""

    incident: str | None = Field(None, max_length=100, description="those of one incident")
    state: Literal["firing", "resolved"] | None = Field(None, description="those of this state")


class Deliveries(Range):
    """Which deliveries: by when they were first tried."""

    sink: str | None = Field(None, max_length=100, description="those to one sink")
    state: Literal["waiting", "delivered", "dead", "skipped"] | None = Field(
        None, description="those of this state"
    )


class Drawn(BaseModel):
    """Which steps of a pattern's series."""

    model_config = ConfigDict(extra="forbid")
    signal: Literal["calls", "failures", "refusals", "latency"] = Field(
        "calls", description="what is counted, or measured"
    )
    from_ns: int | None = Field(
        None, ge=0, le=EVER, description="from here on; absent = the last ones"
    )
    until_ns: int | None = Field(None, ge=0, le=EVER, description="up to here, exclusive")
    limit: int = Field(USUAL_STEPS, ge=1, le=MOST_STEPS, description="steps at most")


class Example(BaseModel):
    """Which example of an incident."""

    model_config = ConfigDict(extra="forbid")
    trace: str = Field(max_length=1_000, description="one of the incident's `examples`")


def reading(desk: Desk) -> APIRouter:
    """The endpoints, on a desk."""
    router = APIRouter()

    @router.get("/patterns", response_model=list[models.Pattern], responses=PAGED)
    async def list_patterns(request: Request, asked: Annotated[Paging, Query()]) -> Response:
        """All patterns, the busiest first."""
        return await paged(desk, request, lambda home: _patterns(home, asked))

    @router.get("/patterns/{id}", response_model=models.PatternDetail, responses=responses(*OF_ONE))
    async def show_pattern(id: ItsId) -> Response:
        """One pattern: its graph, its forecaster and why that one, its models."""
        return await told(desk, lambda home: look.show_pattern(home, id).to_json())

    @router.get(
        "/patterns/{id}/series", response_model=models.PatternSeries, responses=responses(*OF_ONE)
    )
    async def show_series(id: ItsId, asked: Annotated[Drawn, Query()]) -> Response:
        """What was seen of a pattern and what was expected, step by step and rpc by rpc."""
        return await told(
            desk,
            lambda home: pattern_series(
                home,
                id,
                asked.signal,
                from_ns=asked.from_ns,
                until_ns=asked.until_ns,
                most_steps=asked.limit,
            ),
        )

    @router.get("/incidents", response_model=list[models.Incident], responses=PAGED)
    async def list_incidents(request: Request, asked: Annotated[Incidents, Query()]) -> Response:
        """The incidents found so far, in order of opening."""
        wanted = {"verdict": asked.verdict}
        return await listed(desk, request, pages.INCIDENTS, asked, wanted)

    @router.get(
        "/incidents/{id}", response_model=models.IncidentDetail, responses=responses(*OF_ONE)
    )
    async def show_incident(id: ItsId) -> Response:
        """One incident with its evidence."""
        return await told(desk, lambda home: look.show_incident(home, id))

    @router.get(
        "/incidents/{id}/example",
        response_model=list[models.ExampleSpan],
        responses=responses(*OF_ONE),
    )
    async def show_example(id: ItsId, asked: Annotated[Example, Query()]) -> Response:
        """The kept spans of one example trace; none where nothing was kept."""
        return await told(desk, lambda home: _example(home, id, asked.trace))

    @router.get("/runs", response_model=list[models.Run], responses=PAGED)
    async def list_runs(request: Request, asked: Annotated[Range, Query()]) -> Response:
        """Learning runs, by the end of what they learned from."""
        return await listed(desk, request, pages.RUNS, asked)

    @router.get("/notices", response_model=list[models.Notice], responses=PAGED)
    async def list_notices(request: Request, asked: Annotated[Notices, Query()]) -> Response:
        """What was to be told of incidents."""
        wanted = {"incident_id": asked.incident, "state": asked.state}
        return await listed(desk, request, pages.NOTICES, asked, wanted)

    @router.get("/deliveries", response_model=list[models.Delivery], responses=PAGED)
    async def list_deliveries(request: Request, asked: Annotated[Deliveries, Query()]) -> Response:
        """What became of notices at each sink."""
        wanted = {"sink": asked.sink, "state": asked.state}
        return await listed(desk, request, pages.DELIVERIES, asked, wanted)

    @router.get("/audit", response_model=list[models.AuditLine], responses=PAGED)
    async def list_audit(request: Request, asked: Annotated[Range, Query()]) -> Response:
        """Who decided what."""
        return await listed(desk, request, pages.AUDIT, asked)

    return router


def _patterns(home: Workspace, asked: Paging) -> pages.Page:
    ids = pattern_ids(home)
    if asked.after and asked.after not in ids:
        raise InformerError(f"after must be the id of a pattern, got {asked.after!r}")
    first = ids.index(asked.after) + 1 if asked.after else 0
    asked_for = ids[first : first + asked.limit]
    more = first + len(asked_for) < len(ids)
    return pages.Page(look.pattern_documents(home, asked_for), asked_for[-1] if more else None)


def _example(home: Workspace, incident_id: str, trace_id: str) -> list[Json]:
    if trace_id not in look.show_incident(home, incident_id)["examples"]:
        raise UnknownError(f"incident {incident_id!r} has no example {trace_id!r}")
    return read_example(home.path, incident_id, trace_id)
