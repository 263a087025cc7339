"""Fires and resolves alerts in Prometheus' Alertmanager, over its API v2."""

import orjson

from informer.core.types import NS_PER_S, Notice
from informer.sinks.http_post import Post
from informer.sinks.text import TITLE, calls_of, plain, time_of

PATH = "/api/v2/alerts"
ALERTNAME = "InformerIncident"
LAPSES_AFTER = 4  # times the refresh: an alert that nobody refreshes any more goes


class AlertmanagerSink:
    """An alert is known by few labels: its name, the incident, the kind and the severity.

    An open incident is told again every `refresh_s`, which moves the end of its alert on: where
    Informer is gone for long, its alerts lapse. Where the severity changed, the alert with the
    former one ends.
    """

    def __init__(self, post: Post, *, refresh_s: int, name: str = "alertmanager") -> None:
        """`post` goes to the address of Alertmanager and PATH."""
        self._post, self.refresh_s, self.name = post, refresh_s, name

    def __repr__(self) -> str:
        return f"AlertmanagerSink({self._post!r})"

    async def deliver(self, notice: Notice, now_ns: int) -> None:
        """Post the alert. Errors: Undelivered."""
        ends_ns = now_ns
        if notice.state == "firing":
            ends_ns += LAPSES_AFTER * self.refresh_s * NS_PER_S
        alerts = [_alert(notice, notice.severity, ends_ns, now_ns)]
        if notice.former is not None:
            alerts.append(_alert(notice, notice.former, now_ns, now_ns))
        await self._post.send(orjson.dumps(alerts))

    async def aclose(self) -> None:
        """Let connections go."""
        await self._post.aclose()


def _alert(notice: Notice, severity: str, ends_ns: int, now_ns: int) -> dict[str, object]:
    document = notice.document
    annotations = {
        "summary": plain(document.get("title"), TITLE),
        "calls": calls_of(document),
        "notice": plain(notice.notice_id, 200),
    }
    # An alert cannot end before it starts: clocks of senders may be ahead of ours.
    starts_ns = min(int(document["opened_ns"]), now_ns, ends_ns)
    return {
        "labels": {
            "alertname": ALERTNAME,
            "incident": plain(notice.incident_id, 100),
            "kind": plain(document.get("kind"), 40),
            "severity": plain(severity, 20),
        },
        "annotations": {k: v for k, v in annotations.items() if v},
        "startsAt": time_of(starts_ns),
        "endsAt": time_of(ends_ns),
    }
