"""What moves several entries alike is demand, though most of the traffic knows nothing of it."""

import numpy as np
import pytest

from informer.core.types import Floats
from informer.detections.explain import kind_of
from informer.detections.scan import WINDOWS, Scan
from informer.detections.streams import Watched
from informer.detections.walk import walk
from pattern_traffic import watched_of

RATES = {f"p{i}": 30.0 for i in range(12)}
STEPS, FIRST, LAST = 300, 200, 224
LIMIT = 6.0


def traffic(times: dict[str, float]) -> Watched:
    rng = np.random.default_rng(4)
    calls: dict[str, Floats] = {}
    for pattern_id, rate in RATES.items():
        mean = np.full(STEPS, rate)
        mean[FIRST:LAST] *= times.get(pattern_id, 1.0)
        calls[pattern_id] = rng.poisson(mean).astype(float)
    return watched_of(calls, RATES)


def kinds(times: dict[str, float]) -> set[str]:
    watched = traffic(times)
    scan = Scan(
        watched, np.ones((len(watched.streams), len(WINDOWS))), np.full(len(WINDOWS), 2000.0)
    )
    limits = np.full((2, len(watched.streams)), LIMIT)
    events = walk(scan, watched, np.ones(STEPS, dtype=bool), limits).events
    return {kind_of(e, events, watched, {}, {}, []) for e in events if e.first >= FIRST - 1}


def test_three_entries_that_rise_alike_are_a_sale() -> None:
    assert kinds({"p1": 2.2, "p4": 2.0, "p7": 2.3}) == {"demand"}


@pytest.mark.parametrize("times", [{"p1": 2.2}, {"p1": 2.2, "p4": 2.0}])
def test_one_or_two_are_not(times: dict[str, float]) -> None:
    assert kinds(times) == {"volume"}


def test_what_rises_far_more_than_the_others_is_not_part_of_the_sale() -> None:
    assert "volume" in kinds({"p1": 2.2, "p4": 2.0, "p7": 2.3, "p9": 9.0})
