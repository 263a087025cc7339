"""What attacks go for in a scenario, and how many calls regular traffic makes of it.

Axes: t minute after training.
"""

import re
from dataclasses import dataclass, replace

import numpy as np

from informer.core.types import Floats
from informer.simulate.chain import Slot
from informer.simulate.grafts import regular_rpcs
from informer.simulate.happenings import happenings, rates_with
from informer.simulate.rates import STEPS_PER_DAY, regular_rates
from informer.simulate.scenario import CAMPAIGNS, Noise, Pattern, Scenario
from informer.simulate.traits import Traits

SOUGHT = {
    "account_cracking": r"(auth|identity|login): POST /\S*(login|otp|reset|verify|check)",
    "registration": r"(users|customers|people): POST /(users|customers|people)",
    "scraping": r"[\w-]+: GET /(?!\S*(export|sessions))\S+",
    "denial_of_service": (
        r"[\w-]+: (GET /\S*(query|search|suggest|results|statements)\S*"
        r"|POST /(checkouts|score|files|verify|v1/login))"
    ),
    "token_replay": (
        r"[\w-]+: (GET /(users|accounts|people|threads|orders|carts|parcels)\S*|POST /v1/token)"
    ),
    "exfiltration": (
        r"[\w-]+: GET /\S*(export|search|statements|threads|history|users|customers)\S*"
    ),
    "poisoning": r"(auth|identity|login): POST /\S+",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A call of one regular pattern that an attack of some kind may multiply."""

    kind: str
    pattern: str
    guilty: str  # callee: METHOD
    rpc: tuple[str, str, str]


def targets(scenario: Scenario) -> tuple[Target, ...]:
    """What the scenario's own attacks go for, and every call that looks like it.

    Only calls that no other regular pattern makes: then the oracle z of the rpc is that of the
    pattern.
    """
    own = {(e.kind, e.patterns[0], e.guilty) for e in scenario.events if e.kind in CAMPAIGNS}
    regular = [p for p in scenario.patterns if p.per_minute or p.cron]
    found = []
    for pattern in _attackable(scenario):
        elsewhere = {rpc for p in regular if p is not pattern for rpc in regular_rpcs(p)}
        for slot in _inner_calls(pattern):
            guilty = f"{slot.call.callee}: {slot.call.method}"
            for kind, sought in SOUGHT.items():
                alike = re.fullmatch(sought, guilty) and slot.call.rpc not in elsewhere
                if alike or (kind, pattern.name, guilty) in own:
                    found.append(Target(kind, pattern.name, guilty, slot.call.rpc))
    return tuple(found)


def unused_patterns(scenario: Scenario) -> tuple[tuple[str, str], ...]:
    """Patterns that only an attack makes, each with the call that it is guilty of."""
    silent = {p.name for p in scenario.patterns if not (p.per_minute or p.cron)}
    found = {
        e.patterns[0]: e.guilty
        for e in scenario.events
        if e.kind in CAMPAIGNS and e.patterns[0] in silent
    }
    return tuple(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class NewEdge:
    """A call that a chain of a regular pattern could make and nobody ever makes."""

    pattern: str
    below: str  # callee: METHOD of the caller
    guilty: str
    services: tuple[str, str]


def new_edges(scenario: Scenario) -> tuple[NewEdge, ...]:
    """Every regular chain's calls, joined to every known call of a service they never go to."""
    inner = [(p, s.call) for p in _attackable(scenario) for s in _inner_calls(p)]
    known = {(s.call.caller, s.call.callee) for p in scenario.patterns for s in p.slots}
    callees = sorted({(call.callee, call.method) for _, call in inner})
    return tuple(
        NewEdge(
            pattern.name,
            f"{caller.callee}: {caller.method}",
            f"{callee}: {method}",
            (caller.callee, callee),
        )
        for pattern, caller in inner
        for callee, method in callees
        if callee != caller.callee and (caller.callee, callee) not in known
    )


class Background:
    """Regular traffic that is expected after training, before chance and noise."""

    def __init__(self, scenario: Scenario, wanted: tuple[Target, ...], from_ns: int) -> None:
        calm = replace(scenario, noise=Noise())
        rates = rates_with(calm, regular_rates(calm, from_ns, 0), happenings(calm, 0))
        rates = rates[scenario.head.train_days * STEPS_PER_DAY :]
        traits = Traits(calm, 0)
        self._calls = {rpc: rates @ traits.calls_of(rpc) for rpc in {t.rpc for t in wanted}}
        self._requests = {p.name: rates[:, i] for i, p in enumerate(scenario.patterns)}
        self.shown = scenario.defects.sampling * (1 - scenario.defects.lost)

    def calls(self, target: Target, first: int, minutes: int) -> Floats:
        """Expected calls in every minute of a window, [t]."""
        return self._calls[target.rpc][first : first + minutes]

    def requests(self, pattern: str, first: int, minutes: int) -> float:
        """Expected requests of a pattern in a window."""
        return float(self._requests[pattern][first : first + minutes].sum())

    def oracle_z(self, calls: Floats, beyond: Floats | float) -> float:
        """Malicious calls / √expected ones, as the telemetry shows them.

        `calls` [t] are expected; malicious are `beyond` times as many, [t] or a number.
        """
        return float(np.sum(calls * beyond) / np.sqrt(calls.sum()) * np.sqrt(self.shown))


def _attackable(scenario: Scenario) -> list[Pattern]:
    """What people do; but no pattern that a deploy turns into another, its traffic may be gone."""
    leaving = {name for e in scenario.events if e.to for name in e.patterns}
    return [p for p in scenario.patterns if p.per_minute and p.name not in leaving]


def _inner_calls(pattern: Pattern) -> list[Slot]:
    """Calls below the entry that every request makes, each once."""
    return [
        s
        for s in pattern.slots
        if s.kind == "server" and s.parent >= 0 and s.copy == 0 and s.again < 0
        if s.call.p == 1 and s.call.cache == 0 and s.call.times[0] > 0
    ]
