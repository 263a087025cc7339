"""Tells incidents in the log: one line of JSON each."""

import logging

import orjson

from informer.core.types import Notice
from informer.sinks.text import TITLE, calls_of, plain

log = logging.getLogger("informer.incidents")


class LogSink:
    """Takes everything; the line holds what is needed to look the incident up."""

    name = "log"
    refresh_s = 0

    async def deliver(self, notice: Notice, now_ns: int) -> None:
        """Write the line."""
        line = {
            "notice": plain(notice.notice_id),
            "state": notice.state,
            "incident": plain(notice.incident_id),
            "severity": plain(notice.severity),
            "kind": plain(notice.document.get("kind")),
            "title": plain(notice.document.get("title"), TITLE),
            "calls": calls_of(notice.document),
            "opened_ns": notice.document.get("opened_ns"),
            "resolved_ns": notice.document.get("resolved_ns"),
        }
        log.warning("%s", orjson.dumps(line).decode())

    async def aclose(self) -> None:
        """Nothing to let go."""
