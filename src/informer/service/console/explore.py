"""The page Explore: the map of services at a time, what is new, and the search for names."""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from informer.core.moments import moment_ns
from informer.core.types import NS_PER_S, Json
from informer.pipeline.found import incidents_by_id
from informer.pipeline.servicemap import (
    calls_between,
    labels_of,
    met,
    new_rpcs,
    new_versions,
    watched_since_ns,
)
from informer.pipeline.workspace import Workspace
from informer.service.api.problems import RefusedError
from informer.service.console.visit import Desks, Range, shown, word
from informer.web.servicemap import Between, service_map

HOUR_NS = 3_600 * NS_PER_S
MOST = 30  # of each kind
JUMPS = (("a day earlier", -86_400), ("an hour earlier", -3_600), ("an hour later", 3_600))


def explore_page(desks: Desks) -> Any:
    """GET /explore."""

    async def page(request: Request) -> Response:
        words, service, at = word(request, "q"), word(request, "service"), word(request, "at")
        given_ns = _moment_ns(at) if at else None

        def fill(home: Workspace, over: Range) -> Json:
            at_ns = over.until_ns if given_ns is None else given_ns
            calls = calls_between(home, at_ns - HOUR_NS, at_ns, service)
            is_now = given_ns is None
            scores = _scores(home, desks, calls) if is_now else {}
            between = [Between(c["caller"], c["callee"], c["calls"]) for c in calls]
            found = met(home, words, most=MOST) if words.strip() else None
            since_ns = max(over.from_ns, watched_since_ns(home))
            return {
                "since_ns": since_ns,
                "words": words,
                "service": service,
                "at_ns": at_ns,
                "at": _told(at_ns),
                "is_now": is_now,
                "jumps": [(says, _told(at_ns + s * NS_PER_S)) for says, s in JUMPS],
                "map": service_map(between, scores, focus=service),
                "calls": calls[:MOST] if service else [],
                "new": new_rpcs(home, since_ns, over.until_ns, most=MOST),
                "versions": new_versions(home, since_ns, over.until_ns, most=MOST),
                "met": found,
                "labels": labels_of(home, found) if found else {},
                "with_trace": incidents_by_id(home, found.incidents) if found else [],
            }

        return await shown(desks, request, "explore", fill)

    return page


def _scores(home: Workspace, desks: Desks, calls: list[Json]) -> dict[str, float]:
    """The highest score now of the rpcs that each service answers, over its threshold."""
    judged = desks.parts.loop.figures.rpc_scores
    callees = {r: row["callee"] for row in calls for r in row["rpc_ids"]}
    found: dict[str, float] = {}
    for (_, rpc_id), score in judged.items():
        if rpc_id in callees:
            found[callees[rpc_id]] = max(score, found.get(callees[rpc_id], score))
    return found


def _moment_ns(text: str) -> int:
    try:
        return moment_ns(text)
    except ValueError as error:
        raise RefusedError(422, "at must be a time such as 2026-06-17T10:40") from error


def _told(time_ns: int) -> str:
    return datetime.fromtimestamp(max(time_ns, 0) // NS_PER_S, UTC).strftime("%Y-%m-%dT%H:%M")
