"""Posts JSON to one address: bounded answers, no redirects, no secrets in what is said of it."""

import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx

from informer.core.errors import Undelivered

ANSWER_BYTES = 4_096  # more of an answer is not read
AGAIN_LATER = (408, 425, 429)  # beside every 5xx
MOST_AGAIN_S = 3_600.0

# It would log whole addresses, and those of chats are secrets.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)


class Post:
    """One address that takes JSON. `url` may be a secret: only its host is ever said."""

    def __init__(self, url: str, *, timeout_s: float, token: str = "") -> None:
        """`token` is sent as a bearer token. Errors: ValueError for an address of no use."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
            raise ValueError("must be http:// or https:// with a host and without a password")
        self._url = url
        self.host = parts.hostname
        self._headers = {"content-type": "application/json", "user-agent": "informer"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        self._client = httpx.AsyncClient(
            timeout=timeout_s, follow_redirects=False, limits=httpx.Limits(max_connections=16)
        )

    def __repr__(self) -> str:
        return f"Post(host={self.host!r})"

    async def send(self, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Post it. Errors: Undelivered unless it was answered with 2xx."""
        try:
            async with self._client.stream(
                "POST", self._url, content=body, headers=self._headers | dict(headers or {})
            ) as answer:
                status, again = answer.status_code, answer.headers.get("retry-after", "")
                if 200 <= status < 300:
                    # Read on a little, so that the connection can be used again.
                    read = 0
                    async for piece in answer.aiter_raw():
                        read += len(piece)
                        if read > ANSWER_BYTES:
                            break
                    return
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # Its text may hold the address: the kind of error is enough.
            raise Undelivered(f"{self.host}: {type(error).__name__}") from None
        lasting = status < 500 and status not in AGAIN_LATER
        raise Undelivered(f"{self.host}: status {status}", lasting=lasting, again_s=_seconds(again))

    async def aclose(self) -> None:
        """Let connections go."""
        await self._client.aclose()


def _seconds(text: str) -> float:
    """Of a Retry-After header in seconds; its other form, a date, counts as none."""
    text = text.strip()
    return min(float(text), MOST_AGAIN_S) if text.isascii() and text.isdigit() else 0.0
