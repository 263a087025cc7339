"""How long messages of the spool wait to be taken in, and whether that is for too long."""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from informer.service.segments import Segment

CAUGHT_UP = 0.5  # of the wait: who was sent away before it fell to this is sent away still


class Backlog:
    """What lies between the spool and who reads it. The spool's lock is held by who asks."""

    def __init__(self, most_wait_s: float, clock: Callable[[], float]) -> None:
        self._most_wait_s, self._clock = most_wait_s, clock
        self._taken_in = 0
        self._was_too_old = False
        self._excused, self._counts_from_s = False, clock()

    def taken_in(self, number: int) -> None:
        """Who reads has what came in segments up to this one; 0 = it begins anew."""
        self._taken_in = number

    def waited_s(self, sealed: Sequence[Segment]) -> float:
        """How long the oldest messages wait that were not taken in."""
        unread = (s.sealed_s for s in sealed if s.number > self._taken_in)
        return max(0.0, self._clock() - next(unread, math.inf))

    def is_too_old(self, sealed: Sequence[Segment]) -> bool:
        """Whether they wait for longer than they may, or did and have not caught up yet.

        At the limit itself what comes in would be as much as what is worked off, for as long as
        the load lasts and after it: every step would be late by all of the wait.
        """
        self._was_too_old = self.waits_for(sealed, CAUGHT_UP if self._was_too_old else 1.0)
        return self._was_too_old

    def waits_for(self, sealed: Sequence[Segment], share: float) -> bool:
        """Whether they wait for longer than a share of what they may."""
        counted_s = self._clock() - self._counts_from_s
        most_s = self._most_wait_s * share
        return not self._excused and min(self.waited_s(sealed), counted_s) > most_s

    @contextmanager
    def excused(self) -> Iterator[None]:
        """Meanwhile, who reads has more to do than to keep up; nor counts it afterwards."""
        self._excused = True
        try:
            yield
        finally:
            self._excused, self._counts_from_s = False, self._clock()
