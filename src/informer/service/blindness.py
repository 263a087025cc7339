"""Looks after the service itself: when it sees nothing, that is an incident of its own."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from functools import partial

from informer.core.types import NS_PER_S
from informer.pipeline.blind import Blind, open_reasons, settle_blind
from informer.pipeline.workspace import Workspace
from informer.service.loop import asked
from informer.service.notices import keep_notices
from informer.service.parts import MOST_FAILURES, Parts

LOOK_S = 2.0
LEAST_STUCK_S = 300.0
CLEAR_S = 60.0  # a reason has to be gone for so long: it does not open and close all the time
WINDOW_S = 60.0  # in which what comes is held against what of it is of use
NOT_USELESS = "before_watching"  # spans of the half step with which listening begins
USELESS = 0.5  # share of what comes
FEWEST_SPANS, FEWEST_MESSAGES = 100, 20  # in the window, to say anything of shares
# Why messages are refused.
UNREADABLE = ("malformed", "too_large", "no_message", "other_type", "other_packing")
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """The service at one moment; counts are since its start."""

    heard: int = 0  # of anything that came in: when it moves, somebody sends
    spans: int = 0  # of use or not
    useless: int = 0  # spans that were rejected when they came
    late: int = 0  # spans that were too late, counted when a step is closed
    messages: int = 0
    unreadable: int = 0  # messages
    closed_ns: int = 0
    sent_away: int = 0  # spans, for what came before waits for too long
    spool_full: bool = False
    failures: int = 0
    error: str = ""


def reading_of(parts: Parts) -> Reading:
    """What the parts say of themselves."""
    received, figures = parts.received, parts.loop.figures
    rejected = sum(n for reason, n in figures.rejected.items() if reason != NOT_USELESS)
    unreadable = sum(received.refused[reason] for reason in UNREADABLE)
    return Reading(
        heard=received.spans + received.sent_away.total() + figures.spans + rejected,
        spans=figures.spans + rejected,
        useless=rejected,
        late=figures.late,
        messages=received.messages + unreadable,
        unreadable=unreadable,
        closed_ns=figures.closed_ns,
        sent_away=received.sent_away["behind"],
        spool_full=parts.spool.is_full,
        failures=figures.failures,
        error=figures.error,
    )


class Blindness:
    """Says of readings why nothing is watched, and since when; times are those of one clock, s."""

    def __init__(
        self,
        *,
        silent_s: float,
        stuck_s: float,
        steps_s: float,
        now_s: float,
        told: Collection[str] = (),
    ) -> None:
        """Without spans for `silent_s` it is blind (0 = never), and so it is when spans come and
        no step is closed for `stuck_s`. Late spans are held against what came in `steps_s`, which
        holds two steps. `told` are reasons that were open when it began: that it was started again
        is not the end of them.
        """
        self._silent_s, self._stuck_s, self._steps_s = silent_s, stuck_s, steps_s
        self._before = Reading()
        self._heard_s = self._closed_s = self._began_s = now_s
        self._silent = "no_spans" in told and silent_s > 0
        self._since_s = {reason: now_s for reason in told if reason != "no_spans"}
        self._last_s = dict(self._since_s)
        self._words = dict.fromkeys(self._since_s, "")
        self._window: deque[tuple[float, Reading]] = deque()

    def look(self, now: Reading, now_s: float) -> dict[str, tuple[float, str]]:
        """By reason: since when, and in words."""
        if now.heard != self._before.heard:
            if now_s - self._heard_s > self._stuck_s / 2:
                self._closed_s = now_s  # in a silence no step could be closed
            self._heard_s, self._silent = now_s, False
        if now.closed_ns != self._before.closed_ns:
            self._closed_s = now_s
        self._before = now
        self._window.append((now_s, now))
        while now_s - self._window[0][0] > self._steps_s:
            self._window.popleft()
        reasons = self._reasons(now, now_s)
        for reason, words in reasons.items():
            self._since_s.setdefault(reason, now_s)
            self._last_s[reason], self._words[reason] = now_s, words
        for reason in [r for r, last_s in self._last_s.items() if now_s - last_s >= CLEAR_S]:
            del self._since_s[reason], self._last_s[reason], self._words[reason]
        found = {r: (since_s, self._words[r]) for r, since_s in self._since_s.items()}
        if self._is_silent(now_s):
            found["no_spans"] = (self._heard_s, self._silence())
        return found

    def _is_silent(self, now_s: float) -> bool:
        waited_s = now_s - self._heard_s
        return self._silent or (self._silent_s > 0 and waited_s >= self._silent_s)

    def _silence(self) -> str:
        if self._heard_s == self._began_s:
            return "No spans have come since the service was started: does anybody send them?"
        return f"No spans have come for more than {self._silent_s:g} seconds."

    def _reasons(self, now: Reading, now_s: float) -> dict[str, str]:
        found = {}
        if now.spool_full:
            found["spool_full"] = "Steps are closed more slowly than spans come, or not at all."
        if now.failures >= MOST_FAILURES:
            found["steps"] = f"Steps cannot be closed: {now.error}"
        elif self._heard_s > self._closed_s and self._heard_s - self._closed_s >= self._stuck_s:
            found["steps"] = "Spans come, but their times do not go on: no step comes to its end."
        first = next(reading for at_s, reading in self._window if now_s - at_s <= WINDOW_S)
        spans, useless = now.spans - first.spans, now.useless - first.useless
        if away := now.sent_away - first.sent_away:
            found["behind"] = (
                f"More comes than can be judged: {away:,} spans were sent away, to come again."
            )
        messages, unreadable = now.messages - first.messages, now.unreadable - first.unreadable
        before = self._window[0][1]
        since, late = now.spans - before.spans, now.late - before.late
        if spans >= FEWEST_SPANS and useless >= USELESS * spans:
            found["rejected"] = f"{useless:,} of {spans:,} spans were rejected."
        elif since >= FEWEST_SPANS and late >= USELESS * since:
            found["rejected"] = f"{late:,} of {since:,} spans came too late."
        elif messages >= FEWEST_MESSAGES and unreadable >= USELESS * messages:
            found["rejected"] = f"{unreadable:,} of {messages:,} messages could not be read."
        return found


async def tell_blindness(parts: Parts, *, silent_s: float, watermark_s: float) -> None:
    """Look at the service for ever, and keep its incidents and notices as they are to be."""
    step_s, told = await _begun(parts)
    blindness = Blindness(
        silent_s=silent_s,
        stuck_s=max(silent_s, LEAST_STUCK_S) + watermark_s + 2 * step_s,
        steps_s=max(WINDOW_S, watermark_s + 2 * step_s),
        now_s=time.monotonic(),
        told=told,
    )
    said = ""
    while True:
        try:
            told, said = await _looked(parts, blindness, told), ""
        except Exception as error:  # noqa: BLE001 (who looks after the service must not die)
            words = f"whether nothing is watched cannot be seen: {type(error).__name__}: {error}"
            if words != said:  # a disk may be ill for hours
                log.error(said := words)
        await asyncio.sleep(LOOK_S)


async def _looked(parts: Parts, blindness: Blindness, told: frozenset[str]) -> frozenset[str]:
    """The reasons that are told after a look; what cannot be read now is an error."""
    now_s, now_ns = time.monotonic(), time.time_ns()
    found = {
        reason: Blind(now_ns - round((now_s - since_s) * NS_PER_S), words)
        for reason, (since_s, words) in blindness.look(reading_of(parts), now_s).items()
    }
    if found.keys() == told:
        return told
    try:
        await asked(parts.loop, partial(_keep, now=found, now_ns=now_ns))
    except Exception as error:  # noqa: BLE001 (it is tried again)
        log.error("blind (%s), and it cannot be kept: %s", ", ".join(found), error)
        return told
    return frozenset(found)


async def _begun(parts: Parts) -> tuple[int, frozenset[str]]:
    """Length of a step, s, and the reasons that are open."""
    while True:
        try:
            return await asked(
                parts.loop, lambda home: (int(home.get("trained")["step_s"]), open_reasons(home))
            )
        except Exception as error:  # noqa: BLE001 (a workspace that cannot be read now may be later)
            log.error("whether nothing is watched cannot be looked up: %s", error)
        await asyncio.sleep(LOOK_S)


def _keep(home: Workspace, now: dict[str, Blind], now_ns: int) -> None:
    with home.engine.transaction():
        rows = settle_blind(home, now, now_ns=now_ns)
        closed_ns = int(home.get("watching").get("closed_ns", 0))
        keep_notices(home, rows, {"began_ns": 0, "closed_ns": closed_ns}, now_ns=now_ns)
