"""Decisions by their names, and the documents that say what came of them."""

from informer.core.types import Json
from informer.pipeline.audit import Decider
from informer.pipeline.decide import (
    Decision,
    accept_incident,
    accept_pattern,
    reject_incident,
    reject_pattern,
    revert_pattern,
)
from informer.pipeline.training import Training
from informer.pipeline.workspace import Place

INCIDENT, PATTERN = "incident", "pattern"


def carry_out(
    place: Place,
    what: str,
    action: str,
    its_id: str,
    by: Decider | None = None,
    training: Training | None = None,
) -> Json:
    """Decide on an incident or a pattern; says which models are in force because of it.

    Errors: InformerError, UnknownError for an id that nothing has.
    """
    done = _decided(place, what, action, its_id, by, training)
    return {what: its_id, "verdict": f"{action}ed", "models": done.models if done else {}}


def _decided(
    place: Place,
    what: str,
    action: str,
    its_id: str,
    by: Decider | None,
    training: Training | None,
) -> Decision | None:
    match what, action:
        case "incident", "accept":
            return accept_incident(place, its_id, by, training)
        case "incident", "reject":
            return reject_incident(place, its_id, by)
        case "pattern", "accept":
            return accept_pattern(place, its_id, by, training)
        case "pattern", "reject":
            reject_pattern(place, its_id, by)
            return None
        case "pattern", "revert":
            return revert_pattern(place, its_id, by)
        case _:
            raise ValueError(f"{action} of {what} is no decision")
