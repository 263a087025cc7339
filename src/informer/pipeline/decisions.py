"""Decisions by their names, and the documents that say what came of them."""

from collections.abc import Callable

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
from informer.pipeline.workspace import Place

INCIDENT, PATTERN = "incident", "pattern"
DECISIONS: dict[tuple[str, str], Callable[[Place, str, Decider | None], Decision | None]] = {
    (INCIDENT, "accept"): accept_incident,
    (INCIDENT, "reject"): reject_incident,
    (PATTERN, "accept"): accept_pattern,
    (PATTERN, "reject"): reject_pattern,
    (PATTERN, "revert"): revert_pattern,
}


def carry_out(place: Place, what: str, action: str, its_id: str, by: Decider | None = None) -> Json:
    """Decide on an incident or a pattern; says which models are in force because of it.

    Errors: InformerError, UnknownError for an id that nothing has.
    """
    done = DECISIONS[what, action](place, its_id, by)
    models = {} if done is None else done.models
    return {what: its_id, "verdict": f"{action}ed", "models": models}
