"""A workspace that this process opens itself."""

from pathlib import Path
from typing import Any

from informer.pipeline import look
from informer.pipeline.audit import local_user
from informer.pipeline.decisions import carry_out
from informer.pipeline.examples import read_example
from informer.pipeline.pages import AUDIT, page
from informer.pipeline.workspace import Workspace

MOST_ROWS = 1_000  # at a time
Document = dict[str, Any]


class Here:
    """Opened for each question, and let go."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace

    def patterns(self) -> list[Document]:
        """All patterns, the busiest first."""
        return look.list_patterns(self._workspace)

    def pattern(self, pattern_id: str) -> Document:
        """One pattern with its models. Errors: UnknownError."""
        return look.show_pattern(self._workspace, pattern_id).to_json()

    def incidents(self) -> list[Document]:
        """All incidents, in order of opening."""
        return look.list_incidents(self._workspace)

    def incident(self, incident_id: str) -> Document:
        """One incident with its evidence. Errors: UnknownError."""
        return look.show_incident(self._workspace, incident_id)

    def example(self, incident_id: str, trace_id: str) -> list[Document]:
        """The spans of one of its examples, in the order of a tree."""
        return read_example(self._workspace, incident_id, trace_id)

    def decide(self, what: str, action: str, its_id: str, note: str) -> Document:
        """As the user of this machine. Errors: InformerError."""
        return carry_out(self._workspace, what, action, its_id, local_user(note))

    def audit(self) -> list[Document]:
        """Who decided what, in order of time."""
        with Workspace.open(self._workspace) as home:
            found = page(home, AUDIT, limit=MOST_ROWS)
            rows = found.rows
            while found.after is not None:
                found = page(home, AUDIT, limit=MOST_ROWS, after=found.after)
                rows += found.rows
        return rows
