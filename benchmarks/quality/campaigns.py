"""Draws a scenario: attacks of every kind and strength over all days after training.

A detector that is tuned on the shipped scenarios could know their times by heart. These are drawn
by seed: the same seed gives the same file, another seed other days.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from informer.core.types import NS_PER_S, Floats, Json
from informer.simulate.rates import STEPS_PER_DAY
from informer.simulate.read import read_scenario, scenario_of
from informer.simulate.scenario import Scenario
from quality.drawn import Drawn, named, toml
from quality.ordinary import Ordinary
from quality.targets import Background, Target, new_edges, targets, unused_patterns

BASES = ("shop", "bank", "social")
FROM_NS = 1_780_272_000 * NS_PER_S  # Monday 2026-06-01: simulate from here, or z is another

A_DAY = (2, 5)  # campaigns, the upper end excluded
BANDS = (((3.0, 5.0), 0.08), ((5.0, 8.0), 0.33), ((8.0, 60.0), 0.59))  # oracle z, and their share
LEAST, MOST = 1.05, 10.0  # multiplier
NEW_EDGES = 0.12  # share of campaigns that go over an edge never seen
MOST_GRAFTED = 0.5  # share of the requests that one of them uses
POISON_A_DAY = 0.05  # growth
APART = 60  # minutes between two campaigns on one pattern
BEFORE_OUTAGE = 60  # minutes in which no attack begins
TRIES = 2_000


@dataclass(frozen=True, slots=True)
class Style:
    """One way to attack: ranges of least and most."""

    kind: str
    often: float
    minutes: tuple[int, int]
    multiplier: tuple[float, float]
    sources: tuple[int, int]
    refuse: tuple[float, float] = (0.0, 0.0)
    fail: tuple[float, float] = (0.0, 0.0)
    rhythm: str = "chance"


STYLES = (
    Style("account_cracking", 1.2, (10, 60), (1.5, MOST), (1, 20), (0.95, 0.99)),
    Style("account_cracking", 1.2, (90, 360), (1.1, 5), (200, 2000), (0.93, 0.98)),
    Style("account_cracking", 1.2, (360, 720), (LEAST, 2), (300, 3000), (0.93, 0.97)),
    Style("registration", 0.9, (60, 360), (1.2, MOST), (20, 300), rhythm="bursts"),
    Style("registration", 0.9, (60, 480), (1.2, MOST), (20, 300), rhythm="metronome"),
    Style("scraping", 1.2, (60, 480), (LEAST, MOST), (1, 40)),
    Style("scraping", 0.8, (60, 480), (LEAST, MOST), (1, 40), rhythm="metronome"),
    Style("denial_of_service", 3.0, (10, 45), (3, MOST), (500, 3000), fail=(0.1, 0.4)),
    Style("token_replay", 1.5, (20, 180), (1.2, MOST), (1, 50), (0.0, 0.3)),
    Style("exfiltration", 1.5, (180, 720), (LEAST, 3), (1, 3)),
    Style("poisoning", 1.5, (2880, 5760), (LEAST, 1.5), (50, 500)),
)


def write_scenario(
    path: Path,
    base: str,
    seed: int,
    *,
    days: int,
    train_days: int,
    attacks: bool = True,
    legit: bool = True,
    volume: float = 1.0,
    defects: Json | None = None,
) -> None:
    """Write a scenario like a shipped one, with other events in its days after training.

    `attacks` and `legit` leave out what they name, and what stays is the same; faults and
    holidays go with `legit`. Clean days have neither. Strengths are drawn for the telemetry of
    the base: with other `defects` the campaigns stay as they are, and less of them shows.
    """
    given: Json = {
        "like": base,
        "scenario": {
            "title": f"Drawn from {base}, seed {seed}",
            "days": days,
            "train_days": train_days,
            "volume": volume * read_scenario(base).head.volume,
        },
    }
    scenario = scenario_of(given, base)
    ordinary = Ordinary(scenario, np.random.default_rng([seed, BASES.index(base), 1]))
    changes, faults = ordinary.events()
    calendar = ordinary.calendar()
    around = [*named(changes, "L"), *named(faults, "F")]
    drawn: list[Json] = []
    if attacks:
        regular = scenario_of(given | {"calendar": calendar, "event": around}, base)
        rng = np.random.default_rng([seed, BASES.index(base), 2])
        outages = [f for f in faults if f.kind == "collector_outage"]
        drawn = named(Campaigns(scenario, regular, outages, rng).events(), "A")
    given["calendar"] = calendar if legit else calendar | {"holidays": []}
    if defects:
        given["defects"] = defects
    path.write_text(toml(given | {"event": [*(around if legit else []), *drawn]}), encoding="utf-8")


class Campaigns:
    """Draws attacks on a scenario, given what else happens in it (`regular`)."""

    def __init__(
        self,
        scenario: Scenario,
        regular: Scenario,
        outages: list[Drawn],
        rng: np.random.Generator,
    ) -> None:
        self._rng = rng
        self._days = scenario.head.days - scenario.head.train_days
        self._targets = targets(scenario)
        self._unused = list(unused_patterns(scenario))
        self._new_edges = list(new_edges(scenario))
        self._background = Background(regular, self._targets, FROM_NS)
        self._outages = outages
        kinds = {t.kind for t in self._targets}
        self._styles = [s for s in STYLES if s.kind in kinds]
        often = np.array([s.often for s in self._styles])
        self._often = often / often.sum()
        self._found: list[Drawn] = []

    def events(self) -> list[Drawn]:
        """About three campaigns a day; two on one pattern are never at the same time."""
        for day in range(self._days):
            for _ in range(int(self._rng.integers(*A_DAY))):
                if self._rng.random() >= NEW_EDGES:
                    event = self._of_strength(day)
                elif self._unused and self._rng.random() < 0.5:
                    event = self._in_new_chains(day)
                else:
                    event = self._grafted(day)
                if event is not None:
                    self._found.append(event)
        return self._found

    def _in_new_chains(self, day: int) -> Drawn | None:
        """An entry of its own, and from there over an edge never seen."""
        pattern, guilty = self._unused.pop(int(self._rng.integers(len(self._unused))))
        for _ in range(TRIES):
            first, minutes = self._window(day, 30, 180)
            if self._fits(pattern, first, minutes):
                keys: Json = {"patterns": [pattern], "guilty": guilty}
                keys["per_minute"] = round(_loguniform(self._rng, 8, 60) / minutes, 3)
                keys["sources"] = int(self._rng.integers(1, 4))
                return Drawn("lateral_movement", first, minutes, keys)
        return None

    def _grafted(self, day: int) -> Drawn | None:
        """Within regular requests: a few of them make one call over an edge never seen."""
        for _ in range(TRIES):
            edge = self._new_edges[int(self._rng.integers(len(self._new_edges)))]
            first, minutes = self._window(day, 30, 180)
            calls = _loguniform(self._rng, 8, 60)
            requests = self._background.requests(edge.pattern, first, minutes)
            if self._fits(edge.pattern, first, minutes) and calls < MOST_GRAFTED * requests:
                self._new_edges = [e for e in self._new_edges if e.services != edge.services]
                keys: Json = {"patterns": [edge.pattern], "below": edge.below}
                keys |= {"guilty": edge.guilty, "share": round(calls / requests, 4)}
                return Drawn("lateral_movement", first, minutes, keys)
        return None

    def _of_strength(self, day: int) -> Drawn | None:
        """A campaign of an oracle z that is drawn first; then what, where and when it can be."""
        bands = [band for band, _ in BANDS]
        low, high = bands[int(self._rng.choice(len(bands), p=[share for _, share in BANDS]))]
        z = _loguniform(self._rng, low, high)
        for _ in range(TRIES):
            style = self._styles[int(self._rng.choice(len(self._styles), p=self._often))]
            mine = [t for t in self._targets if t.kind == style.kind]
            target = mine[int(self._rng.integers(len(mine)))]
            first, minutes = self._window(day, *style.minutes)
            if not self._fits(target.pattern, first, minutes):
                continue
            calls = self._background.calls(target, first, minutes)
            if calls.sum() < 1:
                continue
            keys, beyond = self._strength(style, calls, z)
            multiplier = 1 + float(np.sum(calls * beyond) / calls.sum())
            least, most = style.multiplier
            if not least <= multiplier <= most:
                continue
            if low <= self._background.oracle_z(calls, beyond) <= high:
                return Drawn(style.kind, first, minutes, self._keys(style, target) | keys)
        return None

    def _strength(self, style: Style, calls: Floats, z: float) -> tuple[Json, Floats | float]:
        """What gives the oracle z, as it is written; and the malicious share it comes to."""
        if style.kind == "poisoning":
            days = np.arange(1, calls.size + 1) / STEPS_PER_DAY
            beyond = (1 + POISON_A_DAY) ** days - 1
            return {"growth_per_day": POISON_A_DAY}, beyond
        multiplier = round(1 + z / self._background.oracle_z(calls, 1.0), 2)
        return {"multiplier": multiplier}, multiplier - 1

    def _keys(self, style: Style, target: Target) -> Json:
        keys: Json = {"patterns": [target.pattern], "guilty": target.guilty}
        if style.rhythm != "chance":
            keys["rhythm"] = style.rhythm
        if style.rhythm == "bursts":
            keys["burst_minutes"] = int(self._rng.integers(5, 31))
        for name, (least, most) in (("refuse", style.refuse), ("fail", style.fail)):
            if most:
                keys[name] = round(float(self._rng.uniform(least, most)), 3)
        keys["sources"] = round(_loguniform(self._rng, *style.sources))
        return keys

    def _window(self, day: int, least: int, most: int) -> tuple[int, int]:
        """First minute, within the day, and minutes."""
        minutes = round(_loguniform(self._rng, least, most))
        return day * STEPS_PER_DAY + int(self._rng.integers(STEPS_PER_DAY)), minutes

    def _fits(self, pattern: str, first: int, minutes: int) -> bool:
        """Whether it ends with the data, alone on its pattern, and begins while spans arrive."""
        if first + minutes > self._days * STEPS_PER_DAY:
            return False
        if any(o.meets(first, first + BEFORE_OUTAGE) for o in self._outages):
            return False
        there = (e for e in self._found if e.keys["patterns"] == [pattern])
        return not any(e.meets(first - APART, first + minutes + APART) for e in there)


def _loguniform(rng: np.random.Generator, least: float, most: float) -> float:
    return float(np.exp(rng.uniform(np.log(least), np.log(most))))
