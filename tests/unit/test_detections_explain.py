"""A change of route is told from misuse by what the rest of the family does."""

import numpy as np
import pytest

from informer.core.types import Floats
from informer.detections.changes import Change
from informer.detections.explain import kind_of
from informer.detections.scan import WINDOWS, Scan
from informer.detections.streams import Rates, Watched, watch
from informer.detections.walk import Event, walk
from pattern_traffic import expecting, stream_of, traffic_of

STEPS, FIRST, LAST = 300, 200, 240
# Reviews come in three versions behind one page; others make sure that demand can be told.
RATES = {"v1": 20.0, "v2": 20.0, "v3": 20.0, "x": 40.0, "y": 40.0, "z": 40.0}
ENTRY = {"v1": "page", "v2": "page", "v3": "page", "x": "x-in", "y": "y-in", "z": "z-in"}
SERVICES = {p: frozenset({"front", "reviews"} if p[0] == "v" else {p}) for p in RATES}
ENDS = {"page": ("outside", "front"), "x-in": ("outside", "x"), "db": ("reviews", "db")}
WENT = Change("reviews", "1", "gone", first=FIRST + 1, last=STEPS - 1, since=FIRST)


def watched_of(
    *, last: int = LAST, entries: dict[str, str] | None = None, **times: float
) -> Watched:
    """Every pattern at its rate, some at so many times their rate while the event lasts."""
    rng = np.random.default_rng(0)
    traffic = {}
    for pattern_id, rate in RATES.items():
        mean: Floats = np.full(STEPS, rate)
        mean[FIRST : last + 1] *= times.get(pattern_id, 1.0)
        entry = rng.poisson(mean).astype(float)
        entry_id = (entries or ENTRY)[pattern_id]
        traffic[pattern_id] = traffic_of(pattern_id, {entry_id: entry})
    forecasts = {p: expecting(t, RATES[p]) for p, t in traffic.items()}
    return watch(traffic, forecasts, Rates({}, {}))


def kinds(
    watched: Watched, changes: list[Change] | None = None, signal: str = "calls"
) -> dict[str, set[str]]:
    """The kinds of the events of each pattern."""
    scan = Scan(
        watched, np.ones((len(watched.streams), len(WINDOWS))), np.full(len(WINDOWS), 2000.0)
    )
    events = walk(
        scan, watched, np.ones(STEPS, dtype=bool), np.full((2, len(watched.streams)), 5.0)
    ).events
    found: dict[str, set[str]] = {}
    for event in events:
        stream = watched.streams[event.stream]
        if stream.signal == signal:
            kind = kind_of(event, events, watched, SERVICES, ENDS, changes or [])
            found.setdefault(stream.pattern_ids[0], set()).add(kind)
    return found


def test_more_of_one_pattern_is_volume_and_less_is_silence() -> None:
    assert kinds(watched_of(x=3.0)) == {"x": {"volume"}}
    assert kinds(watched_of(x=0.1)) == {"x": {"silence"}}


def test_more_of_one_member_of_a_family_is_volume() -> None:
    assert kinds(watched_of(v1=3.0)) == {"v1": {"volume"}}


def test_calls_that_take_another_pattern_of_the_family_when_one_goes_are_a_change() -> None:
    found = kinds(watched_of(last=STEPS, v1=0.0, v2=1.5, v3=1.5))
    assert found == {"v1": {"change"}, "v2": {"change"}, "v3": {"change"}}


def behind_one_gateway(**times: float) -> Watched:
    """The same traffic where every chain begins with the same rpc: all are one family."""
    entries = dict.fromkeys(RATES, "gateway")
    return watched_of(entries=entries, **times)


def test_behind_one_gateway_a_rush_on_one_pattern_is_volume() -> None:
    assert kinds(behind_one_gateway(v1=4.0)) == {"v1": {"volume"}}
    assert kinds(behind_one_gateway(y=0.1)) == {"y": {"silence"}}


def test_behind_one_gateway_calls_that_shift_are_a_mix() -> None:
    assert kinds(behind_one_gateway(v1=0.2, v2=1.8)) == {"v1": {"mix"}, "v2": {"mix"}}


def test_calls_that_only_shift_within_the_family_are_a_mix() -> None:
    found = kinds(watched_of(v1=0.5, v2=1.5))
    assert found == {"v1": {"mix"}, "v2": {"mix"}}


def test_a_version_that_went_explains_what_its_family_does() -> None:
    assert kinds(watched_of(v1=0.3, v2=1.35, v3=1.35), [WENT])["v1"] == {"change"}


def test_a_version_that_went_does_not_explain_a_rush_on_the_whole_family() -> None:
    found = kinds(watched_of(v1=2.5, v2=2.5, v3=2.5), [WENT])
    assert set.union(*found.values()) == {"volume"}


def test_a_version_that_went_does_not_explain_what_other_services_do() -> None:
    assert kinds(watched_of(x=3.0), [WENT]) == {"x": {"volume"}}


@pytest.mark.parametrize(
    "change",
    [
        Change("reviews", "1", "gone", first=280, last=299, since=279),
        Change("reviews", "1", "gone", first=40, last=60, since=38),
    ],
    ids=["long after", "long before"],
)
def test_a_change_at_another_time_explains_nothing(change: Change) -> None:
    assert kinds(watched_of(v1=3.0), [change])["v1"] == {"volume"}


def test_a_family_that_moves_as_a_whole_is_volume() -> None:
    found = kinds(watched_of(v1=2.0, v2=2.0, v3=2.0), signal="family")
    assert found == {"v1": {"volume"}}


def inner_events(rise: float, changes: list[Change]) -> set[str]:
    """Kinds of the events of an inner rpc whose calls rise beyond what its chains imply."""
    rng = np.random.default_rng(1)
    entry = np.full(STEPS, 30.0)
    inner = rng.poisson(30.0, STEPS).astype(float)
    inner[FIRST : LAST + 1] *= rise
    traffic = {"v1": traffic_of("v1", {"page": entry, "db": inner})}
    rates = Rates({("v1", "page"): 1e5, ("v1", "db"): 1e5}, {})
    watched = watch(traffic, {"v1": expecting(traffic["v1"], 30.0, 30.0)}, rates)
    share = stream_of(watched, "share", "v1", "db")
    event = Event(share, FIRST, LAST, rise > 1, 9.0)
    return {kind_of(event, (event,), watched, SERVICES, ENDS, changes)}


def test_calls_that_do_not_follow_from_their_callers_are_a_mix() -> None:
    assert inner_events(3.0, []) == {"mix"}


def test_a_changed_caller_or_callee_explains_another_balance() -> None:
    assert inner_events(3.0, [WENT]) == {"change"}


@pytest.mark.parametrize(("signal", "kind"), [("failures", "failure"), ("refusals", "refusal")])
def test_failures_and_refusals_stay_what_they_are_during_a_change(signal: str, kind: str) -> None:
    watched = watched_of()
    event = Event(stream_of(watched, signal, "v1"), FIRST, LAST, True, 9.0)
    assert kind_of(event, (event,), watched, SERVICES, ENDS, [WENT]) == kind
