"""Posts notices to an address of yours, signed; or as messages of a chat such as Slack."""

import hashlib
import hmac

import orjson

from informer.core.types import NS_PER_S, Notice
from informer.sinks.http_post import Post
from informer.sinks.text import TITLE, bounded, calls_of, plain

FORMS = ("json", "slack")
SIGNATURE, TIMESTAMP, ID = "x-informer-signature", "x-informer-timestamp", "x-informer-notice"


class WebhookSink:
    """The receiver checks `signature(secret, timestamp, body)` and knows doubles by the id."""

    name = "webhook"
    refresh_s = 0

    def __init__(self, post: Post, *, form: str = "json", secret: bytes = b"") -> None:
        """`form` is one of FORMS; no secret, no signature."""
        if form not in FORMS:
            raise ValueError(f"form must be one of {FORMS}, got {form!r}")
        self._post, self._form, self._secret = post, form, secret

    def __repr__(self) -> str:
        return f"WebhookSink({self._post!r}, form={self._form!r})"

    async def deliver(self, notice: Notice, now_ns: int) -> None:
        """Post it. Errors: Undelivered."""
        body = orjson.dumps(_message(notice) if self._form == "slack" else _whole(notice))
        headers = {ID: plain(notice.notice_id, 200)}
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


def _message(notice: Notice) -> dict[str, object]:
    """Text that mentions nobody: what chats read as markup is escaped."""
    title = _escaped(plain(notice.document.get("title"), TITLE))
    first = f"[{notice.state}, {_escaped(plain(notice.severity, 20))}] {title}"
    calls = _escaped(calls_of(notice.document))
    name = _escaped(plain(notice.incident_id, 100))
    return {"text": "\n".join(x for x in (first, calls, f"incident {name}") if x), "mrkdwn": False}


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
