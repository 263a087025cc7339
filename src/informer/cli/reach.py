"""How commands reach a workspace: by opening it, or through the service that runs on it."""

from pathlib import Path
from typing import Any, Protocol

from informer.core.errors import InformerError
from informer.pipeline.served import socket_of

Document = dict[str, Any]


class Reached(Protocol):
    """A workspace to look at and to decide on."""

    def patterns(self) -> list[Document]:
        """All patterns, the busiest first."""

    def pattern(self, pattern_id: str) -> Document:
        """One pattern with its models. Errors: InformerError."""

    def incidents(self) -> list[Document]:
        """All incidents, in order of opening."""

    def incident(self, incident_id: str) -> Document:
        """One incident with its evidence. Errors: InformerError."""

    def example(self, incident_id: str, trace_id: str) -> list[Document]:
        """The spans of one of its examples, in the order of a tree."""

    def decide(self, what: str, action: str, its_id: str, note: str) -> Document:
        """Accept, reject or revert an `incident` or a `pattern`. Errors: InformerError."""

    def audit(self) -> list[Document]:
        """Who decided what, in order of time."""


def reach(workspace: Path) -> Reached:
    """The workspace, whoever owns it now."""
    place = socket_of(workspace)
    if place is not None:
        from informer.cli.there import There

        return There(place)
    from informer.cli.here import Here

    return Here(workspace)


def refuse_served(workspace: Path, instead: str) -> None:
    """Say what to do instead where a service runs on the workspace. Errors: InformerError."""
    if socket_of(workspace) is not None:
        raise InformerError(f"{workspace} is in use by `informer serve`: {instead}")
