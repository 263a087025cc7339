"""What comes of a call, and what is known to come of all that are like it."""

from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Known:
    """What came of a call, and comes of all that are like it in that time: nothing else counts."""

    installed: Installed
    passage: Passage  # read by many, changed by none
    verdict: tuple[str, str]
    since_s: int
    until_s: int
