"""Ordinary life after training: sales, deploys, canaries, scaling, holidays; and faults."""

from dataclasses import replace

import numpy as np

from informer.core.types import Json
from informer.simulate.scenario import CHANGES, EVERY, FAULTS, Scenario
from quality.drawn import Drawn

LEGIT = {"flash_sale": 0.35, "deploy": 0.25, "deploy_canary": 0.22, "autoscaling": 0.18}
MINUTES = {  # least and most
    "flash_sale": (45, 180),
    "deploy": (20, 90),
    "deploy_canary": (60, 300),
    "autoscaling": (60, 360),
    "retry_storm": (15, 60),
    "slow": (15, 120),
    "collector_outage": (10, 40),
}
EVENTS_A_DAY = (0, 1, 1, 1, 2)
FAULTS_A_DAY = 0.25
HOLIDAYS_A_DAY = 0.12
LIFT = 1.3  # of a holiday, where the scenario has none
REROUTED = 0.4  # share of changes that turn a pattern into another, as long as there is one


class Ordinary:
    """Draws what happens without anybody's ill will. All of it ends before the data does."""

    def __init__(self, scenario: Scenario, rng: np.random.Generator) -> None:
        head = scenario.head
        self._rng = rng
        self._services = scenario.services
        self._train_days = head.train_days
        self._days = head.days - head.train_days
        self._lift = scenario.calendar.holiday
        self._people = [p.name for p in scenario.patterns if p.per_minute]
        self._tried_again = sorted(
            {
                (p.name, f"{s.call.callee}: {s.call.method}")
                for p in scenario.patterns
                for s in p.slots
                if p.per_minute and s.call.retry
            }
        )
        self._called = sorted(
            {
                (p.name, f"{s.call.callee}: {s.call.method}")
                for p in scenario.patterns
                for s in p.slots
                if p.per_minute and s.kind == "server" and s.parent >= 0
            }
        )
        self._turns = [e for e in scenario.events if e.kind in CHANGES and e.to]
        self._versions = dict.fromkeys(self._services, 1)
        self._changes: list[Drawn] = []

    def events(self) -> tuple[list[Drawn], list[Drawn]]:
        """About one legitimate event a day, and now and then a fault."""
        legit, faults = [], []
        for day in range(self._days):
            for _ in range(int(self._rng.choice(EVENTS_A_DAY))):
                kind = str(self._rng.choice(list(LEGIT), p=list(LEGIT.values())))
                legit.append(self._legit(kind, day))
            if self._rng.random() < FAULTS_A_DAY:
                faults.append(self._fault(day))
        return legit, faults

    def calendar(self) -> Json:
        """Holidays after training, and what they make of traffic."""
        days = self._train_days + np.flatnonzero(self._rng.random(self._days) < HOLIDAYS_A_DAY)
        lift = self._lift if self._lift != 1 else LIFT
        return {"holidays": days.tolist(), "holiday": lift}

    def _legit(self, kind: str, day: int) -> Drawn:
        if kind == "flash_sale":
            patterns = [EVERY]
            if self._rng.random() < 0.5:
                few = min(int(self._rng.integers(3, 7)), len(self._people))
                patterns = sorted(self._rng.choice(self._people, few, replace=False).tolist())
            height = round(float(self._rng.uniform(1.4, 3)), 2)
            return self._drawn(kind, day, {"patterns": patterns, "multiplier": height})
        if kind == "autoscaling":
            return self._drawn(kind, day, {"service": str(self._rng.choice(self._services))})
        return self._change(kind, day)

    def _change(self, kind: str, day: int) -> Drawn:
        """A version of a service, for some together with other calls; one change at a time."""
        keys: Json = {"service": str(self._rng.choice(self._services))}
        if self._turns and self._rng.random() < REROUTED:
            turn = self._turns.pop(int(self._rng.integers(len(self._turns))))
            self._turns = [t for t in self._turns if t.to != turn.to]
            keys = {"patterns": turn.patterns, "to": turn.to, "service": turn.service}
        self._versions[keys["service"]] += 1
        keys["version"] = f"v{self._versions[keys['service']]}"
        if kind == "deploy_canary":
            keys["share"] = round(float(self._rng.uniform(0.05, 0.25)), 2)
        change = self._drawn(kind, day, keys)
        earlier = [c for c in self._changes if c.keys["service"] == keys["service"]]
        while any(c.meets(change.first, change.last) for c in earlier):
            change = replace(change, first=self._first(day, change.minutes))
        self._changes.append(change)
        return change

    def _fault(self, day: int) -> Drawn:
        kind = str(self._rng.choice(FAULTS))
        if kind == "collector_outage":
            share = float(self._rng.choice([0.5, 0.8, 1.0]))
            return self._drawn(kind, day, {"share": share})
        calls = self._tried_again if kind == "retry_storm" else self._called
        pattern, guilty = calls[int(self._rng.integers(len(calls)))]
        keys: Json = {"patterns": [pattern], "guilty": guilty}
        if kind == "retry_storm":
            keys["fail"] = round(float(self._rng.uniform(0.4, 0.8)), 2)
        else:
            keys["times_slower"] = round(float(self._rng.uniform(5, 40)), 1)
        return self._drawn(kind, day, keys)

    def _drawn(self, kind: str, day: int, keys: Json) -> Drawn:
        least, most = MINUTES[kind]
        minutes = int(self._rng.integers(least, most + 1))
        return Drawn(kind, self._first(day, minutes), minutes, keys)

    def _first(self, day: int, minutes: int) -> int:
        """A minute of the day, such that the event ends before the data does."""
        minute = day * 1440 + int(self._rng.integers(0, 1440))
        return min(minute, self._days * 1440 - minutes)
