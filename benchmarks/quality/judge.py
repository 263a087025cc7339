"""Holds incidents against what is known to have happened: the figures of the event metrics.

An attack is found when a misuse incident (any kind but demand and change) opens in its window and
names a guilty rpc among its first three. False are misuse incidents that open in the window of no
attack and no fault, and each one beyond two for one event: an operator is told of one thing once.
Where events overlap, an incident is for one of them: one whose guilty rpc it names, of these the
one that began last. What is legitimate excuses no alarm.

Axes: k campaign, d day.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from informer.core.types import Bools, Floats, Ints, Json
from quality.world import Event, World

NO_MISUSE = ("demand", "change")
NAMED = 3  # rpcs that an operator looks at
VISIBLE_Z, STRONG_Z = 5.0, 8.0  # of malicious calls / sqrt(expected calls)
ENOUGH = 2  # incidents for one event
DAY_NS = 86_400 * 10**9


@dataclass(frozen=True, slots=True)
class Campaign:
    """How one attack was told."""

    name: str
    kind: str
    oracle_z: float | None  # None: over an rpc that is new
    found: bool
    found_any: bool  # some misuse incident opened in it, whatever it named
    rank: int | None  # best place of a guilty rpc, from 1; None where none was named
    delay_steps: float  # from the step in which z reaches 5 to the one that opens; inf = missed


@dataclass(frozen=True, slots=True)
class EventFigures:
    """Campaigns and false incidents of one world, or of several.

    Visible are campaigns over a new rpc, and those of which a detector that knew the exact rate
    would see a z of 5. Delay is the median over these, a miss being endless.
    """

    campaigns: tuple[Campaign, ...]
    false_by_day: Ints  # [d]
    days: float  # that were covered

    def statistics(self, drawn: Ints | None = None, days: Ints | None = None) -> dict[str, float]:
        """Every figure, NaN where there is nothing to count; of the campaigns and days drawn."""
        z, found, found_any, rank, delay = _columns(
            self.campaigns if drawn is None else [self.campaigns[k] for k in drawn]
        )
        false = float((self.false_by_day if days is None else self.false_by_day[days]).sum())
        visible = np.isnan(z) | (z >= VISIBLE_Z)
        recall = _mean(found[visible])
        alarms = float(found.sum()) + false
        precision = float(found.sum()) / alarms if alarms else float("nan")
        return {
            "precision": precision,
            "recall": recall,
            "f1": _harmonic(precision, recall),
            "recall_z8": _mean(found[z >= STRONG_Z]),
            "recall_z5_8": _mean(found[(z >= VISIBLE_Z) & (z < STRONG_Z)]),
            "recall_novel": _mean(found[np.isnan(z)]),
            "false_per_day": false / self.days if self.days else float("nan"),
            "delay_steps": _median(delay[visible]),
            "delay_steps_found": _median(delay[visible & np.isfinite(delay)]),
            "guilty_1": _mean(rank[found_any] == 1),
            "guilty_3": _mean(rank[found_any] <= NAMED),
        }


def judge(incidents: Sequence[Json], world: World) -> EventFigures:
    """Incidents, as `informer detect --json` lists them, against the events of a world."""
    step_ns, start_ns = world.test_grid.step_ns, world.test_grid.start_ns
    misuse = sorted(
        (i for i in incidents if i["kind"] not in NO_MISUSE), key=lambda i: i["opened_ns"]
    )
    excusing = [e for e in world.events if e.flag != "legit"]
    told: dict[str, int] = {}
    false = []
    for incident in misuse:
        event = _meant(incident, excusing, step_ns)
        if event is not None:
            told[event.name] = told.get(event.name, 0) + 1
        if event is None or told[event.name] > ENOUGH:
            false.append(incident)
    days = -(-(world.test_grid.end_ns - start_ns) // DAY_NS)
    by_day = np.zeros(max(days, 1), dtype=np.int64)
    for incident in false:
        by_day[min(max((incident["opened_ns"] - start_ns) // DAY_NS, 0), days - 1)] += 1
    campaigns = tuple(_campaign(e, misuse, world) for e in world.events if e.flag == "attack")
    return EventFigures(campaigns, by_day, world.test_days)


def pooled(figures: Sequence[EventFigures]) -> EventFigures:
    """The figures of several worlds as those of one."""
    return EventFigures(
        tuple(c for f in figures for c in f.campaigns),
        np.concatenate([f.false_by_day for f in figures]),
        sum(f.days for f in figures),
    )


def rank_of(event: Event, incident: Json) -> int | None:
    """Place, from 1, of the first guilty rpc that an incident names."""
    for place, rpc in enumerate(incident["rpcs"], start=1):
        if event.is_guilty(rpc):
            return place
    return None


def _meant(incident: Json, excusing: Sequence[Event], step_ns: int) -> Event | None:
    """The event that an incident is for; None where it opens in none."""
    inside = [e for e in excusing if e.opens(incident, step_ns)]
    return max(inside, key=lambda e: (_names(incident, e), e.start_ns), default=None)


def _names(incident: Json, event: Event) -> bool:
    return (rank_of(event, incident) or NAMED + 1) <= NAMED


def _campaign(event: Event, misuse: list[Json], world: World) -> Campaign:
    inside = [i for i in misuse if event.opens(i, world.test_grid.step_ns)]
    ranks = [rank_of(event, i) for i in inside]
    telling = [i for i, r in zip(inside, ranks, strict=True) if r is not None and r <= NAMED]
    return Campaign(
        name=event.name,
        kind=event.kind,
        oracle_z=event.oracle_z,
        found=bool(telling),
        found_any=bool(inside),
        rank=min((r for r in ranks if r is not None), default=None),
        delay_steps=_delay_steps(event, telling[0], world) if telling else float("inf"),
    )


def _delay_steps(event: Event, incident: Json, world: World) -> float:
    """Steps from the one in which the cumulative oracle z reaches 5 to the one that opens.

    Malicious calls are taken as uniform over the window, so that z grows with the root of time.
    """
    z = event.oracle_z or float("inf")
    length_ns = event.end_ns - event.start_ns
    reached_ns = event.start_ns + length_ns * min(1.0, (VISIBLE_Z / z) ** 2)
    first, opened = (
        (t - world.test_grid.start_ns) // world.test_grid.step_ns
        for t in (int(reached_ns), incident["opened_ns"])
    )
    return float(max(opened - first, 0))


def _columns(of: Sequence[Campaign]) -> tuple[Floats, Bools, Bools, Floats, Floats]:
    """Oracle z (NaN for a new rpc), found, found any, rank and delay, [k] each."""
    return (
        np.array([np.nan if c.oracle_z is None else c.oracle_z for c in of], dtype=np.float64),
        np.array([c.found for c in of], dtype=bool),
        np.array([c.found_any for c in of], dtype=bool),
        np.array([np.inf if c.rank is None else c.rank for c in of], dtype=np.float64),
        np.array([c.delay_steps for c in of], dtype=np.float64),
    )


def _mean(those: Bools) -> float:
    return float(those.mean()) if len(those) else float("nan")


def _harmonic(a: float, b: float) -> float:
    if np.isnan(b):
        return float("nan")
    return 2 * a * b / (a + b) if a > 0 and b > 0 else 0.0


def _median(values: Floats) -> float:
    """The middle one; of two middle ones the mean, infinite where one of them is."""
    return float(np.median(values)) if len(values) else float("nan")
