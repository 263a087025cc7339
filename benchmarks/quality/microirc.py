"""microirc: requests per second of ten real services, a strong hourly cycle, twenty faults.

There are no traces. So it is ready-made traffic of one pattern, an rpc for each service, on the
published call graph of the application: for forecasts and for false alarms, not for attacks.
"""

import csv
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from informer.core.types import (
    NS_PER_S,
    OUTSIDE,
    Bools,
    Floats,
    Grid,
    Ints,
    Json,
    PatternGraph,
    PatternTraffic,
    Series,
)
from quality.real_data import real_data
from quality.world import Event, World

NAME = "microirc"
PATTERN = "boutique"
ENTRY = "frontend"
ANYBODY = "any"  # a service's requests are counted together, whoever makes them
STEP_S = 60
FEWEST_READINGS = 11  # of a full step's twelve
FAULT_NS = 300 * NS_PER_S
SHORT, LONG = "clean hours", "half with faults"


def world(*, training: str = SHORT) -> World:
    """Traffic in steps of a minute; training ends before the first fault, or at half time.

    The labels tell no end of a fault, so an event lasts five minutes: traffic was back to usual
    three minutes after each. Errors: FileNotFoundError without data.
    """
    traffic, events = whole(real_data("microirc"), real_data("online-boutique"))
    series = traffic.series
    last = _first_fault(series, events) if training == SHORT else series.steps // 2
    train, test = traffic.slice(0, last), traffic.slice(last, series.steps)
    services = series.graph.rpc_ids
    return World(
        name=f"{NAME}, learned from {training}",
        train_grid=_grid(train.series),
        test_grid=_grid(test.series),
        train={PATTERN: train},
        test={PATTERN: test},
        rpcs={s: _rpc(s) for s in services},
        labels={PATTERN: f"{OUTSIDE} → {ENTRY}"},
        services_of={PATTERN: frozenset(services)},
        events=tuple(e for e in events if e.end_ns > test.series.start_ns),
        malicious={PATTERN: np.zeros(test.series.steps, dtype=bool)},
    )


def whole(rates: Path, graph: Path) -> tuple[PatternTraffic, tuple[Event, ...]]:
    """The whole range, every step of which was seen in full, and the faults in it."""
    at_s, pods, per_second = _readings(rates / "svc_qps.csv")
    services = sorted({_service(pod) for pod in pods}, key=lambda s: (s != ENTRY, s))
    step = at_s // STEP_S
    first = step[0]
    readings = np.bincount(step - first)
    full = np.flatnonzero(readings >= FEWEST_READINGS)
    steps = np.arange(full[0], full[-1] + 1)
    calls = np.zeros((len(steps), len(services)))
    seen = readings[steps] >= FEWEST_READINGS
    for pod, values in zip(pods, per_second.T, strict=True):
        # A pod that is not told for a moment has not stopped: its mean is over what was told.
        told = ~np.isnan(values)
        total = np.bincount((step - first)[told], values[told], len(readings))[steps]
        count = np.bincount((step - first)[told], minlength=len(readings))[steps]
        calls[:, services.index(_service(pod))] += total / np.maximum(count, 1) * STEP_S
        seen &= count > 0
    series = Series(
        _graph(graph / "dependency.csv", services),
        int(first + full[0]) * STEP_S * NS_PER_S,
        STEP_S,
        calls * seen[:, None],
        seen,
    )
    none = np.zeros_like(calls)
    # Nobody tells failures or how long calls took: what never changes says nothing.
    same = np.where(series.calls > 0, 1.0, np.nan)
    return PatternTraffic(series, none, none, same), _faults(rates / "labels.csv")


def _readings(path: Path) -> tuple[Ints, list[str], Floats]:
    """Times in seconds [r], pods [p] and requests per second [r, p], NaN where not told."""
    with path.open(encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    values = np.array([[float(x or "nan") for x in row] for row in rows])
    return values[:, 0].astype(np.int64), header[1:], values[:, 1:]


def _service(pod: str) -> str:
    """A pod's name without the hash of its ReplicaSet and its own."""
    return pod.rsplit("-", 2)[0]


def _graph(path: Path, services: list[str]) -> PatternGraph:
    """Who calls whom, of the services there are; how often nobody tells."""
    with path.open(encoding="utf-8") as file:
        edges = [(row["Source"], row["Target"]) for row in csv.DictReader(file)]
    at = {s: i for i, s in enumerate(services)}
    known = sorted({(at[a], at[b]) for a, b in edges if a in at and b in at})
    return PatternGraph(PATTERN, tuple(services), np.array(known, np.int64).T, np.ones(len(known)))


def _faults(path: Path) -> tuple[Event, ...]:
    with path.open(encoding="utf-8") as file:
        rows = sorted(csv.DictReader(file), key=lambda row: row["start_utc"])
    found = []
    for number, row in enumerate(rows, 1):
        start = datetime.fromisoformat(row["start_utc"]).replace(tzinfo=UTC)
        start_ns = int(start.timestamp()) * NS_PER_S
        service = row["cmdb_id"] if row["level"] == "service" else _service(row["cmdb_id"])
        found.append(
            Event(
                name=f"F{number}",
                kind=row["kind"],
                flag="fault",
                start_ns=start_ns,
                end_ns=start_ns + FAULT_NS,
                guilty=(f"*>{service}:",),
                oracle_z=None,
            )
        )
    return tuple(found)


def _first_fault(series: Series, events: tuple[Event, ...]) -> int:
    """The step before which nothing had happened."""
    return int(np.searchsorted(series.step_starts_ns(), min(e.start_ns for e in events)))


def ordinary(made: World) -> Bools:
    """Which steps of the test range lie in the window of no fault, [t]."""
    starts, step_ns = made.test_grid.starts_ns(), made.test_grid.step_ns
    clear = np.ones(len(starts), dtype=bool)
    for event in made.events:
        clear &= (starts + step_ns <= event.start_ns) | (starts >= event.end_ns)
    return clear


def _grid(series: Series) -> Grid:
    return Grid(series.start_ns, series.step_s, series.seen)


def _rpc(service: str) -> Json:
    caller = OUTSIDE if service == ENTRY else ANYBODY
    return {"caller": caller, "callee": service, "method": "*"}
