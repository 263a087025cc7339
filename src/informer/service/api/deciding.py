"""Endpoints that decide: accept, reject and revert, each with its line in the audit log."""

from dataclasses import replace

from fastapi import APIRouter
from starlette.responses import Response

from informer.pipeline.audit import Decider
from informer.pipeline.decisions import INCIDENT, PATTERN, carry_out
from informer.service.api import models
from informer.service.api.answers import Asker, ItsId, dumped, responses
from informer.service.api.desk import Desk

PROBLEMS = responses(400, 401, 403, 404, 408, 409, 413, 415, 422, 503)


def deciding(desk: Desk) -> APIRouter:
    """The endpoints, on a desk. Learning again is part of accepting, and takes its time."""
    router = APIRouter()

    async def decide(
        what: str, action: str, its_id: str, by: Decider, said: models.Said
    ) -> Response:
        by = replace(by, note=said.note)
        done = await desk.decide(
            lambda home, training: carry_out(home, what, action, its_id, by, training)
        )
        return Response(dumped(done), media_type="application/json")

    @router.post(
        "/incidents/{id}/accept", response_model=models.IncidentDecided, responses=PROBLEMS
    )
    async def accept_incident(id: ItsId, by: Asker, said: models.Said) -> Response:
        """It was legitimate: learn the patterns it touches again, those alone."""
        return await decide(INCIDENT, "accept", id, by, said)

    @router.post(
        "/incidents/{id}/reject", response_model=models.IncidentDecided, responses=PROBLEMS
    )
    async def reject_incident(id: ItsId, by: Asker, said: models.Said) -> Response:
        """It was misuse: keep its steps out of training for good."""
        return await decide(INCIDENT, "reject", id, by, said)

    @router.post("/patterns/{id}/accept", response_model=models.PatternDecided, responses=PROBLEMS)
    async def accept_pattern(id: ItsId, by: Asker, said: models.Said) -> Response:
        """The pattern's new traffic is legitimate: learn it again, that pattern alone."""
        return await decide(PATTERN, "accept", id, by, said)

    @router.post("/patterns/{id}/reject", response_model=models.PatternDecided, responses=PROBLEMS)
    async def reject_pattern(id: ItsId, by: Asker, said: models.Said) -> Response:
        """The pattern's irregular traffic is misuse: keep it out of training."""
        return await decide(PATTERN, "reject", id, by, said)

    @router.post("/patterns/{id}/revert", response_model=models.PatternDecided, responses=PROBLEMS)
    async def revert_pattern(id: ItsId, by: Asker, said: models.Said) -> Response:
        """Go back to the pattern's previous model."""
        return await decide(PATTERN, "revert", id, by, said)

    return router
