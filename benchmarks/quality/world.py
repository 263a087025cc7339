"""A world: clean traffic to learn from, labelled traffic to be judged on, the same for everybody.

Axes: t step, n rpc.
"""

import csv
import fnmatch
from dataclasses import dataclass
from pathlib import Path

from informer.core.types import Bools, Floats, Grid, Json, PatternTraffic

SLACK_STEPS = 3  # an incident may open so long after its event and still be about it


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as the labels tell it."""

    name: str
    kind: str
    flag: str  # attack, legit or fault
    start_ns: int
    end_ns: int  # with what was in flight at the end
    guilty: tuple[str, ...]  # caller>callee:part of the method; * stands for any
    oracle_z: float | None  # None: the rpc is new, or the event is no attack

    def opens(self, incident: Json, step_ns: int) -> bool:
        """Whether an incident begins where it may be about this event."""
        first_ns, last_ns = self.start_ns - step_ns, self.end_ns + SLACK_STEPS * step_ns
        return bool(first_ns <= incident["opened_ns"] <= last_ns)

    def is_guilty(self, rpc: Json) -> bool:
        """Whether an rpc (caller, callee, method) is one of the guilty ones."""
        for one in self.guilty:
            edge, _, part = one.partition(":")
            if fnmatch.fnmatch(f"{rpc['caller']}>{rpc['callee']}", edge) and part in rpc["method"]:
                return True
        return False


@dataclass(frozen=True, slots=True)
class Unmet:
    """An rpc of the test range that no call of the training range was of, in one pattern."""

    rpc_id: str
    pattern_id: str  # "-1": its chains are of no pattern
    calls: Floats  # [t] of the test range


@dataclass(frozen=True, slots=True)
class World:
    """One data set, binned: every detector gets `train` and `test` and nothing else.

    `rpcs` holds caller, callee and method of every rpc id, `services_of` the services on the
    chains of each pattern. `malicious` marks the steps of the test range in which a pattern
    carries calls of an attack: the truth for scores. `unmet` has no place in the series, which
    know the rpcs of training alone; only a detector with an eye for news is told of it.
    """

    name: str
    train_grid: Grid
    test_grid: Grid
    train: dict[str, PatternTraffic]
    test: dict[str, PatternTraffic]
    rpcs: dict[str, Json]
    labels: dict[str, str]  # pattern id: its label
    services_of: dict[str, frozenset[str]]
    events: tuple[Event, ...]
    malicious: dict[str, Bools]  # [t] of the test range
    unmet: tuple[Unmet, ...] = ()

    @property
    def test_days(self) -> float:
        """Days of the test range that were covered."""
        return float(self.test_grid.seen.sum()) * self.test_grid.step_s / 86_400


def read_events(path: Path) -> tuple[Event, ...]:
    """Events of a labels.csv, in order of time."""
    with path.open(encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda r: int(r["start_ns"]))
    return tuple(
        Event(
            name=r["event_id"],
            kind=r["kind"],
            flag=r["flag"],
            start_ns=int(r["start_ns"]),
            end_ns=int(r.get("effect_end_ns") or r["end_ns"]),
            guilty=tuple(filter(None, r["guilty"].split("|"))),
            oracle_z=float(r["oracle_z"]) if r.get("oracle_z") else None,
        )
        for r in rows
    )
