"""A workspace that a running service owns: asked through its socket."""

import re
from pathlib import Path
from typing import Any

import httpx

from informer.core.errors import InformerError, UnknownError

AT = "http://localhost/api/v1/"  # who answers is known by the socket
READ_S = 120.0
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,99}")
MOST_ROWS = 1_000  # at a time
Document = dict[str, Any]


class There:
    """Answers as the workspace itself would; decisions are those of the local user."""

    def __init__(self, place: Path, *, page: int = MOST_ROWS) -> None:
        self._place, self._page = str(place), page

    def patterns(self) -> list[Document]:
        """All patterns, the busiest first."""
        return self._all("patterns")

    def pattern(self, pattern_id: str) -> Document:
        """One pattern with its models. Errors: InformerError."""
        return self._document("GET", _path("pattern", pattern_id))

    def incidents(self) -> list[Document]:
        """All incidents, in order of opening."""
        return self._all("incidents")

    def incident(self, incident_id: str) -> Document:
        """One incident with its evidence. Errors: InformerError."""
        return self._document("GET", _path("incident", incident_id))

    def example(self, incident_id: str, trace_id: str) -> list[Document]:
        """The spans of one of its examples, in the order of a tree."""
        path = f"{_path('incident', incident_id)}/example"
        found: list[Document] = self._asked("GET", path, params={"trace": trace_id}).json()
        return found

    def decide(self, what: str, action: str, its_id: str, note: str) -> Document:
        """Takes as long as learning again does. Errors: InformerError."""
        path = f"{_path(what, its_id)}/{action}"
        return self._document("POST", path, json={"note": note}, timeout=None)

    def audit(self) -> list[Document]:
        """Who decided what, in order of time."""
        return self._all("audit")

    def _document(self, method: str, path: str, **more: Any) -> Document:
        found: Document = self._asked(method, path, **more).json()
        return found

    def _all(self, path: str) -> list[Document]:
        """Every page of a list."""
        answer = self._asked("GET", path, params={"limit": self._page})
        rows: list[Document] = answer.json()
        while "next" in answer.links:
            answer = self._asked("GET", str(answer.url.join(answer.links["next"]["url"])))
            rows += answer.json()
        return rows

    def _asked(self, method: str, path: str, **more: Any) -> httpx.Response:
        transport = httpx.HTTPTransport(uds=self._place)
        try:
            with httpx.Client(transport=transport, base_url=AT, timeout=READ_S) as client:
                answer = client.request(method, path, **more)
        except httpx.HTTPError as error:
            raise InformerError(f"the service did not answer: {error}; try again") from error
        if answer.is_error:
            raise InformerError(str(answer.json()["detail"]))
        return answer


def _path(what: str, its_id: str) -> str:
    """Errors: UnknownError for what can be no id: it would lead elsewhere."""
    if not ID.fullmatch(its_id):
        raise UnknownError(f"{what} {its_id!r} is unknown: see `informer {what}s list`")
    return f"{what}s/{its_id}"
