"""A scenario: what a cluster does all day, and what happens to it."""

# ruff: noqa: RUF009 (a key without a default is a required field; lists are copied for each)

import re
from dataclasses import dataclass
from typing import Any

from informer.simulate.chain import Call, Slot
from informer.simulate.reading import (
    ANY_TEXT,
    DAYS,
    NAME,
    PEAKS,
    TABLE,
    TEXTS,
    key,
    number,
    one_of,
    span_of,
    text,
    whole,
)

CAMPAIGNS = (
    *("account_cracking", "registration", "scraping", "denial_of_service", "token_replay"),
    *("lateral_movement", "exfiltration", "poisoning"),
)
DEMANDS = ("flash_sale",)
CHANGES = ("deploy", "deploy_canary")
CALL_FAULTS = ("retry_storm", "slow")
FAULTS = (*CALL_FAULTS, "collector_outage")
KINDS = (*CAMPAIGNS, *DEMANDS, *CHANGES, "autoscaling", *FAULTS)
EVERY = "*"
MOMENT = r"(\d+)d (\d\d):(\d\d)"


@dataclass(frozen=True, slots=True)
class Season:
    """How traffic moves in a day: a floor and peaks; the mean over a day is made 1."""

    peaks: list[list[float]] = key(PEAKS, [])
    floor: float = key(number(0.001, 1000), 1.0)
    weekend: float = key(number(0, 100), 1.0)


@dataclass(frozen=True, slots=True)
class Noise:
    """What traffic does beyond chance and season; sigmas are of the logarithm of the rate."""

    sigma: float = key(number(0, 2), 0.0)
    memory_minutes: float = key(number(0, 10_000), 30)
    shared_sigma: float = key(number(0, 2), 0.0)
    dispersion: float = key(number(0, 10), 0.0)


@dataclass(frozen=True, slots=True)
class Calendar:
    """What changes from day to day; days count from 0."""

    trend_per_day: float = key(number(-0.5, 0.5), 0.0)
    holidays: list[int] = key(DAYS, [])
    holiday: float = key(number(0, 100), 1.0)


@dataclass(frozen=True, slots=True)
class Defects:
    """What telemetry gets wrong."""

    sampling: float = key(number(0.0001, 1), 1.0)
    lost: float = key(number(0, 0.9), 0.0)
    skew_ms: float = key(number(0, 60_000), 0.0)
    raw_paths: int = key(whole(0, 10_000), 0)


@dataclass(frozen=True, slots=True)
class Batch:
    """Requests by the clock instead of by chance."""

    every_minutes: int = key(whole(1, 1440))
    requests: int = key(whole(1, 100_000))
    at_minute: int = key(whole(0, 1439), 0)


@dataclass(frozen=True, slots=True)
class PatternKeys:
    """`[[pattern]]` as written."""

    name: str = key(NAME)
    chain: str = key(ANY_TEXT)
    per_minute: float = key(number(0, 1e7), 0.0)
    season: str = key(ANY_TEXT, "")
    cron: Any = key(TABLE, None)


@dataclass(frozen=True, slots=True)
class Pattern:
    """One kind of request: how often, when, and what it calls."""

    name: str
    per_minute: float  # mean over a regular day; 0 = only events make it
    season: Season
    cron: Batch | None
    slots: tuple[Slot, ...]


@dataclass(frozen=True, slots=True)
class Event:
    """`[[event]]`: something that happens after training."""

    id: str = key(text(r"\w{1,12}", "must be a short word"))
    kind: str = key(one_of(*KINDS))
    at: str = key(text(MOMENT, "must be a moment after training such as `1d 09:30`"))
    minutes: float = key(number(1, 100_000))
    jitter_minutes: float = key(number(0, 1440), 0)
    patterns: list[str] = key(TEXTS, [])
    multiplier: Any = key(span_of(0, 100), 1.0)
    per_minute: float = key(number(0, 1e6), 0.0)
    growth_per_day: float = key(number(0, 1), 0.0)
    rhythm: str = key(one_of("chance", "metronome", "bursts"), "chance")
    burst_minutes: int = key(whole(1, 1440), 10)
    sources: int = key(whole(1, 5000), 20)
    guilty: str = key(ANY_TEXT, "")
    below: str = key(ANY_TEXT, "")
    refuse: float = key(number(0, 1), 0.0)
    fail: float = key(number(0, 1), 0.0)
    times_slower: float = key(number(1, 1000), 1.0)
    service: str = key(ANY_TEXT, "")
    version: str = key(ANY_TEXT, "")
    to: str = key(ANY_TEXT, "")
    share: float = key(number(0, 1), 1.0)

    @property
    def flag(self) -> str:
        """attack, legit or fault."""
        return "attack" if self.kind in CAMPAIGNS else "fault" if self.kind in FAULTS else "legit"

    @property
    def minute(self) -> int:
        """Its beginning, in minutes after training."""
        day, hour, minute = (int(x) for x in re.findall(r"\d+", self.at))
        return day * 1440 + hour * 60 + minute

    def is_about(self, call: Call) -> bool:
        """Whether a call is the guilty one, whoever makes it."""
        return f"{call.callee}: {call.method}" == self.guilty


@dataclass(frozen=True, slots=True)
class Head:
    """`[scenario]`."""

    title: str = key(ANY_TEXT)
    days: int = key(whole(1, 1000))
    train_days: int = key(whole(1, 1000))
    volume: float = key(number(0.0001, 1e7), 1.0)
    replicas: int = key(whole(1, 100), 3)
    cells: int = key(whole(1, 200), 1)


@dataclass(frozen=True, slots=True)
class Scenario:
    """All of a scenario file, checked."""

    name: str
    head: Head
    noise: Noise
    calendar: Calendar
    defects: Defects
    patterns: tuple[Pattern, ...]
    events: tuple[Event, ...]

    @property
    def services(self) -> list[str]:
        """Every service that is called, sorted."""
        slots = (s for p in self.patterns for s in p.slots)
        return sorted({s.call.callee for s in slots if s.kind in ("server", "consumer")})
