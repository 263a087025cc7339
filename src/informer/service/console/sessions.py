"""Who is signed in to the console: sessions in memory, each for one token, for half a day."""

import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from informer.service.api.roles import Holder

LASTS_S = 12 * 3_600.0
MOST = 1_000  # sessions; the oldest makes room


@dataclass(frozen=True, slots=True)
class Session:
    """One person at one browser."""

    holder: Holder
    form_key: str  # every form that changes something shows it: a page of another site cannot
    ends_s: float

    def knows(self, form_key: str) -> bool:
        """Whether a form comes from a page that we made for this session."""
        return hmac.compare_digest(form_key.encode(), self.form_key.encode())


class Sessions:
    """Kept by the hash of what the browser shows; a restart ends them all."""

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._open: dict[bytes, Session] = {}

    def begin(self, holder: Holder) -> str:
        """What the browser is to show from now on."""
        self._forget_ended()
        while len(self._open) >= MOST:
            del self._open[next(iter(self._open))]
        shown = secrets.token_urlsafe(32)
        self._open[_digest(shown)] = Session(
            holder, secrets.token_urlsafe(32), self._clock_s() + LASTS_S
        )
        return shown

    def of(self, shown: str) -> Session | None:
        """The session of who shows this, while it lasts."""
        found = self._open.get(_digest(shown))
        return found if found is not None and self._clock_s() < found.ends_s else None

    def end(self, shown: str) -> None:
        """Who shows this is nobody any more."""
        self._open.pop(_digest(shown), None)

    def _forget_ended(self) -> None:
        now_s = self._clock_s()
        for digest in [d for d, session in self._open.items() if session.ends_s <= now_s]:
            del self._open[digest]


def _digest(shown: str) -> bytes:
    return sha256(shown.encode("utf-8", "surrogateescape")).digest()
