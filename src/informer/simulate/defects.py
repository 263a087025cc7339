"""What telemetry makes of spans: some are lost; every one says which version and pod answered."""

import numpy as np

from informer.core.types import Ints
from informer.simulate.happenings import Happening
from informer.simulate.rates import STEP_NS
from informer.simulate.scenario import CHANGES, Scenario
from informer.simulate.spans import Rows
from informer.simulate.words import Words


def with_losses(
    rows: Rows, scenario: Scenario, found: list[Happening], from_ns: int, rng: np.random.Generator
) -> Rows:
    """The rows that reached the collector."""
    lost = rng.random(rows.request.size, dtype=np.float32) < scenario.defects.lost
    for it in found:
        if it.event.kind == "collector_outage":
            begin, end = it.covers(from_ns)
            inside = (rows.start_ns >= begin) & (rows.start_ns < end)
            lost |= inside & (rng.random(lost.size, dtype=np.float32) < it.event.share)
    return rows.where(~lost) if lost.any() else rows


def who_answered(
    rows: Rows,
    scenario: Scenario,
    found: list[Happening],
    words: Words,
    from_ns: int,
    rng: np.random.Generator,
) -> tuple[Ints, Ints]:
    """Version (0 = the first, else an event's place + 1) and pod of every span, [r] both."""
    service = words.service[rows.slot]
    version = np.zeros(service.size, dtype=np.int64)
    replicas = np.full(service.size, scenario.head.replicas)
    steps = (rows.start_ns - from_ns) / STEP_NS
    for it in found:
        event = it.event
        if event.kind == "autoscaling":
            here = service == words.services.index(event.service)
            replicas[here & (steps >= it.first) & (steps < it.last)] *= 2
        if event.kind in CHANGES and event.version:
            mine = np.flatnonzero(service == words.services.index(event.service))
            moved = rng.random(mine.size) < it.share_at(steps[mine])
            version[mine[moved]] = it.place + 1
    draw = rng.random(service.size, dtype=np.float32)
    pod = words.first_pod[service] + (draw * replicas).astype(np.int64)
    return version, pod
