"""Posts notices to an address of yours, signed: as they are, as CloudEvents, or to a chat."""

import hashlib
import hmac
from collections.abc import Callable
from typing import TypeAlias

import orjson

from informer.core.errors import Undelivered
from informer.core.types import NS_PER_S, Notice
from informer.sinks.http_post import Post
from informer.sinks.template import Template
from informer.sinks.text import TITLE, bounded, calls_of, plain, time_of

BodyOf: TypeAlias = Callable[[Notice], bytes]

SIGNATURE, TIMESTAMP, ID = "x-informer-signature", "x-informer-timestamp", "x-informer-notice"


class WebhookSink:
    """The receiver checks `signature(secret, timestamp, body)` and knows doubles by the id."""

    refresh_s = 0

    def __init__(
        self,
        post: Post,
        *,
        form: str | tuple[str, BodyOf] = "json",
        secret: bytes = b"",
        name: str = "webhook",
    ) -> None:
        """`form` is one of FORMS, or a content type and what makes a body; no secret, no signature.

        What the sink was told is kept under its name.
        """
        if isinstance(form, str) and form not in FORMS:
            raise ValueError(f"form must be one of {tuple(FORMS)}, got {form!r}")
        self.name = name
        self._content_type, self._body_of = FORMS[form] if isinstance(form, str) else form
        self._post, self._secret = post, secret

    def __repr__(self) -> str:
        return f"WebhookSink({self._post!r}, {self._content_type!r}, name={self.name!r})"

    async def deliver(self, notice: Notice, now_ns: int) -> None:
        """Post it. Errors: Undelivered."""
        try:
            body = self._body_of(notice)
        except ValueError as error:
            raise Undelivered(f"the template {error}", lasting=True) from None
        headers = {ID: plain(notice.notice_id, 200), "content-type": self._content_type}
        if self._secret:
            stamp = str(now_ns // NS_PER_S)
            headers |= {TIMESTAMP: stamp, SIGNATURE: signature(self._secret, stamp, body)}
        await self._post.send(body, headers)

    async def aclose(self) -> None:
        """Let connections go."""
        await self._post.aclose()


def signature(secret: bytes, timestamp: str, body: bytes) -> str:
    """`sha256=` and the HMAC-SHA256, in hex, of the timestamp, a dot and the body.

    >>> signature(b"key", "1", b"{}")[:16]
    'sha256=1ba6b8171'
    """
    made = hmac.new(secret, timestamp.encode() + b"." + body, hashlib.sha256)
    return "sha256=" + made.hexdigest()


def _whole(notice: Notice) -> dict[str, object]:
    return {
        "id": notice.notice_id,
        "sequence": notice.sequence,
        "state": notice.state,
        "severity": notice.severity,
        "former_severity": notice.former,
        "made_ns": notice.made_ns,
        "incident": bounded(notice.document),
    }


def _event(notice: Notice) -> dict[str, object]:
    """CloudEvents 1.0, structured: a double has the same source and id."""
    return {
        "specversion": "1.0",
        "id": plain(notice.notice_id, 200),
        "source": "/informer",
        "type": f"informer.incident.{notice.state}",
        "subject": plain(notice.incident_id, 100),
        "time": time_of(notice.made_ns),
        "datacontenttype": "application/json",
        "data": _whole(notice),
    }


def _message(notice: Notice) -> dict[str, object]:
    """Text that mentions nobody: what chats read as markup is escaped."""
    title = _escaped(plain(notice.document.get("title"), TITLE))
    first = f"[{notice.state}, {_escaped(plain(notice.severity, 20))}] {title}"
    calls = _escaped(calls_of(notice.document))
    name = _escaped(plain(notice.incident_id, 100))
    return {"text": "\n".join(x for x in (first, calls, f"incident {name}") if x), "mrkdwn": False}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _posted(values_of: Callable[[Notice], dict[str, object]]) -> BodyOf:
    return lambda notice: orjson.dumps(values_of(notice))


FORMS: dict[str, tuple[str, BodyOf]] = {
    "json": ("application/json", _posted(_whole)),
    "cloudevents": ("application/cloudevents+json", _posted(_event)),
    "slack": ("application/json", _posted(_message)),
}


def templated(text: str, content_type: str) -> tuple[str, BodyOf]:
    """A form by a template; it sees what the form `json` posts, and `made` and `calls` as texts.

    Errors: ValueError.
    """
    template = Template(text, content_type)

    def body_of(notice: Notice) -> bytes:
        more = {"made": time_of(notice.made_ns), "calls": calls_of(notice.document)}
        return template.body(_whole(notice) | more)

    return content_type, body_of
