"""What comes of a call, and what is known to come of all that are like it."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from informer.policies.calls import Call
from informer.policies.grpc.installed import Installed
from informer.policies.lookup import PolicyLookup


@dataclass(slots=True)
class Passage:
    """What comes of a call: refused with a code, or let through with what goes along."""

    code: int = 0  # of a refusal
    why: str = ""  # it is told to the caller, so it names no rule
    metadata: tuple[tuple[str, Any], ...] = ()
    chain: tuple[str, ...] = ()  # of calls made while this one is served
    delay_s: float = 0
    timeout_s: float | None = None
    call: Call | None = None  # where rules on reply want to know
    lookup: PolicyLookup | None = None  # that judged it, and is told of the reply


class Tally:
    """Counts without a lock: `tick` is one step that no other thread can come between."""

    __slots__ = ("_looks", "tick")

    def __init__(self) -> None:
        self._looks = 0
        self.tick: Callable[[], int] = count().__next__

    def read(self) -> int:
        """How often it ticked; for one thread at a time, as looking ticks too."""
        found = self.tick() - self._looks
        self._looks += 1
        return found


@dataclass(frozen=True, slots=True)
class Known:
    """What let a call through, and lets all through that are like it in that time."""

    installed: Installed
    # Without a delay, a deadline or a rule on reply; read by many, changed by none.
    passage: Passage
    tally: Tally  # of the verdict
    since_ns: int
    until_ns: int


class Before:
    """What came of calls, by what they are alike in; forgotten as a whole when it is too much."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[tuple[Any, ...], Known] = {}

    def again(self, alike: tuple[Any, ...], installed: Installed, now_ns: int) -> Passage | None:
        """What comes of another one, which is counted; None = it has to be judged."""
        known = self._known.get(alike)
        if (
            known is None
            or known.installed is not installed
            or not known.since_ns <= now_ns <= known.until_ns
        ):
            return None
        known.tally.tick()
        return known.passage

    def keep(self, alike: tuple[Any, ...], known: Known) -> None:
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[alike] = known
