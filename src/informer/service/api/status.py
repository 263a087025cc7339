"""How the service is doing, as a document."""

import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version

from informer.core.types import Json
from informer.pipeline.workspace import Workspace
from informer.service.outbox import waiting_at
from informer.service.parts import Parts

COUNTS = """
select (select count(*) from patterns where state <> 'retired') as patterns,
    (select count(*) from incidents where resolved_ns is null) as incidents_open
"""


def status_of(parts: Parts) -> Callable[[Workspace], Json]:
    """Says it, given a workspace to read from."""
    started_ns, own = time.time_ns(), _version()

    def status(home: Workspace) -> Json:
        figures, why = parts.loop.figures, parts.why_not_ready()
        return {
            "version": own,
            "started_ns": started_ns,
            "ready": not why,
            "why": why,
            "step_s": int(home.get("trained")["step_s"]),
            "stream_ns": figures.stream_ns,
            "closed_ns": figures.closed_ns,
            "spans_received": parts.received.spans,
            "spans_judged": figures.judged,
            "spans_late": figures.late,
            "spans_sent_away": dict(parts.received.sent_away),
            "spans_rejected": dict(figures.rejected),
            "spool_bytes": parts.spool.size,
            **home.engine.query(COUNTS).to_pylist()[0],
            "sinks": [
                {"name": sink.name, "waiting": waiting_at(home.engine, sink.name)}
                for sink in parts.outbox.sinks
            ],
        }

    return status


def _version() -> str:
    try:
        return version("rpc-informer")
    except PackageNotFoundError:  # run from a tree that nobody installed
        return ""
