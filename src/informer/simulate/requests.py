"""Requests of a pattern: when they come, and what becomes of every call in them."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from informer.core.types import Bools, Floats, Ints
from informer.simulate.chain import Slot
from informer.simulate.rates import STEP_NS

SPREAD = 0.35  # of the logarithm of a call's own time
DELAY_MS = 40.0  # median time that a message waits

WENT_WELL, REFUSED, FAILED = 0, 1, 2
Outcomes: TypeAlias = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Change:
    """What an event makes of one call: every slot in `slots` in requests of [from_ns, until_ns)."""

    slots: Bools  # [s]
    from_ns: int
    until_ns: int
    fail: float = 0.0  # 0 = as ever, as is `refuse`
    refuse: float = 0.0
    times_slower: float = 1.0
    makes: bool = False  # calls that are never made otherwise

    def inside(self, starts_ns: Ints) -> Bools:
        """Requests of the window, [n]."""
        return (starts_ns >= self.from_ns) & (starts_ns < self.until_ns)


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of requests of one pattern, a request's spans side by side; [r] each."""

    request: Ints  # place of the request
    slot: Ints
    start_ns: Ints
    duration_ns: Ints
    outcome: Outcomes


def arrivals(rates: Floats, first_ns: int, dispersion: float, rng: np.random.Generator) -> Ints:
    """Start of every request, sorted; [n]. `rates` are requests a step, [t].

    Counts are Poisson, or negative binomial: variance = mean + dispersion * mean ** 2.
    """
    if dispersion > 0:
        rates = rates * rng.gamma(1 / dispersion, dispersion, rates.shape)
    counts = rng.poisson(rates)
    steps = np.repeat(np.arange(rates.size), counts)
    within = rng.integers(0, STEP_NS, steps.size)
    return np.asarray(np.sort(first_ns + steps * STEP_NS + within))


def calls_made(
    slots: tuple[Slot, ...], starts_ns: Ints, changes: list[Change], rng: np.random.Generator
) -> tuple[Bools, Outcomes]:
    """Which calls every request makes, and how each one ends; [s, n] both.

    What was refused is not gone on with: later calls of its callers are not made. An outcome
    that no further attempt mended is its caller's outcome too.
    """
    n = starts_ns.size
    made = np.zeros((len(slots), n), dtype=bool)
    outcome = np.zeros((len(slots), n), dtype=np.int8)
    stopped = np.zeros((len(slots), n), dtype=bool)
    copies: dict[tuple[int, int], Ints] = {}
    for s, slot in enumerate(slots):
        up = slot.parent
        if slot.kind == "consumer":
            made[s] = made[up]
        elif slot.again >= 0:
            made[s] = made[slot.again] & (outcome[slot.again] == FAILED)
        else:
            possible = made[up] & ~stopped[up] if up >= 0 else np.ones(n, dtype=bool)
            if slot.copy == 0:
                copies[up, slot.first] = _copies(slot, n, rng)
                for change in changes:
                    if change.makes and change.slots[s]:
                        copies[up, slot.first] = change.inside(starts_ns).astype(np.int64)
            made[s] = possible & (copies[up, slot.first] > slot.copy)
        fail, refuse = _odds(s, slot, starts_ns, changes)
        if np.any(fail) or np.any(refuse):
            draw = rng.random(n, dtype=np.float32)
            outcome[s] = np.where(draw < fail, FAILED, np.where(draw < fail + refuse, REFUSED, 0))
            refused = made[s] & (outcome[s] == REFUSED)
            for above in _callers(slots, s):
                stopped[above] |= refused
    tried_again = {slot.again: s for s, slot in enumerate(slots) if slot.again >= 0}
    for s in range(len(slots) - 1, 0, -1):
        if slots[s].kind != "server":
            continue
        last = made[s] & ~made[tried_again[s]] if s in tried_again else made[s]
        up = slots[s].parent
        np.maximum(outcome[up], np.where(last, outcome[s], 0), out=outcome[up])
    return made, outcome


def spans_of(
    slots: tuple[Slot, ...],
    starts_ns: Ints,
    made: Bools,
    outcome: Outcomes,
    changes: list[Change],
    rng: np.random.Generator,
) -> Spans:
    """Spans of the calls that were made: callers wait for their callees, one after the other."""
    n = starts_ns.size
    took = np.zeros((len(slots), n), dtype=np.float32)  # ms
    waits = np.zeros((len(slots), n), dtype=np.float32)
    for s in range(len(slots) - 1, -1, -1):
        own = np.exp(SPREAD * rng.standard_normal(n, dtype=np.float32))
        own *= np.float32(slots[s].call.ms if slots[s].kind != "producer" else 1.0)
        took[s] = own + waits[s]
        for change in changes:
            if change.times_slower > 1 and change.slots[s] and slots[s].kind != "producer":
                took[s] *= np.where(change.inside(starts_ns), np.float32(change.times_slower), 1)
        if slots[s].parent >= 0 and slots[s].kind != "consumer":
            waits[slots[s].parent] += made[s] * took[s]
    begins = np.zeros((len(slots), n), dtype=np.float32)  # ms after the request
    goes_on = np.zeros((len(slots), n), dtype=np.float32)
    for s, slot in enumerate(slots):
        up = slot.parent
        if slot.kind == "consumer":
            waited = np.float32(DELAY_MS) * rng.standard_exponential(n, dtype=np.float32)
            begins[s] = begins[up] + took[up] + waited
        elif up >= 0:
            begins[s] = goes_on[up]
            goes_on[up] += made[s] * took[s]
        goes_on[s] = begins[s] + np.float32(0.3) * (took[s] - waits[s])
    request, slot_ = np.nonzero(made.T)
    cell = slot_ * n + request
    return Spans(
        request,
        slot_,
        starts_ns[request] + (begins.ravel()[cell] * 1e6).astype(np.int64),
        (took.ravel()[cell] * 1e6).astype(np.int64),
        outcome.ravel()[cell],
    )


def _copies(slot: Slot, n: int, rng: np.random.Generator) -> Ints:
    """How often a call is made, [n]."""
    call = slot.call
    low, high = call.times
    times = rng.integers(low, high + 1, n, dtype=np.int8) if high > low else np.full(n, low)
    p = call.p * (1 - call.cache)
    if p == 0:
        return np.zeros(n, dtype=np.int64)
    return np.asarray(times * (rng.random(n, dtype=np.float32) < p) if p < 1 else times)


def _odds(
    s: int, slot: Slot, starts_ns: Ints, changes: list[Change]
) -> tuple[Floats | float, Floats | float]:
    """Probabilities of failure and refusal; [n] where an event changes them, else one number."""
    if slot.kind == "consumer":
        return 0.0, 0.0
    fail: Floats | float = slot.call.fail
    refuse: Floats | float = slot.call.refuse
    for change in changes:
        if change.slots[s]:
            inside = change.inside(starts_ns)
            if change.fail:
                fail = np.where(inside, change.fail, fail)
            if change.refuse:
                refuse = np.where(inside, change.refuse, refuse)
    return fail, refuse


def _callers(slots: tuple[Slot, ...], s: int) -> list[int]:
    """The slots above a slot that wait for it."""
    above = []
    while slots[s].parent >= 0 and slots[s].kind != "consumer":
        s = slots[s].parent
        above.append(s)
    return above
