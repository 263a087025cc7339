"""What is known of an rpc that policies are made of, and how sure it is.

Axes: t step.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from informer.core.types import Bools, Floats

SURE, LIKELY, THIN = "sure", "likely", "thin"
LEVELS = (SURE, LIKELY, THIN)
SURE_CALLS, SURE_DAYS = 100, 3
LIKELY_CALLS, LIKELY_DAYS = 10, 2


@dataclass(frozen=True, slots=True)
class Counts:
    """Calls of one rpc, every step from the first to the last that was learned."""

    start_ns: int
    step_s: int
    calls: Floats  # [t]
    seen: Bools  # [t]; a step that may not teach was not seen
    stands_for: float = 1.0  # calls that each one met stands for; more in sampled traffic


@dataclass(frozen=True, slots=True)
class Evidence:
    """One rpc in the traffic that was learned."""

    caller: str
    callee: str
    method: str
    kind: str  # rpc, messaging, db or external
    calls: float
    days: int  # days of UTC with a call
    first_ns: int
    last_ns: int
    example: str  # a trace id; empty when none was kept
    counts: Counts | None = None  # None: it was met, but in no chain that is counted by step
    stands_for: float = 1.0

    @property
    def met(self) -> float:
        """Calls that were met, however many they stand for."""
        return self.calls / self.stands_for

    @property
    def edge(self) -> tuple[str, str]:
        """Who calls whom."""
        return self.caller, self.callee


def confidence(calls: float, days: int, of_days: int) -> str:
    """How sure it is that something is regular, by how often and on how many days it was seen.

    An attack that was in the training range unseen is most probably of one day; what comes every
    day is no accident. A range of one or two days cannot tell, so nothing in it is sure.

    >>> confidence(500, 7, 14), confidence(500, 1, 14), confidence(3, 1, 14)
    ('sure', 'likely', 'thin')
    """
    if calls >= SURE_CALLS and days >= max(SURE_DAYS, of_days / 2):
        return SURE
    if calls >= SURE_CALLS or (calls >= LIKELY_CALLS and days >= LIKELY_DAYS):
        return LIKELY
    return THIN


def new_share(evidence: Sequence[Evidence]) -> float:
    """The share of calls that will be of a method never seen, as far as those seen tell.

    It is the share of calls that were of a method seen once (Good 1953, after Turing).
    """
    calls = sum(e.met for e in evidence)
    once = sum(1 for e in evidence if e.met <= 1)
    return once / calls if calls else 1.0
