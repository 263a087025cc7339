"""What kind each event is: demand told from misuse, and a change told from both."""

from collections.abc import Mapping

import numpy as np

from informer.core.types import Floats
from informer.detections.changes import Change
from informer.detections.streams import Stream, Watched
from informer.detections.walk import Event

# The rest of the family made up for at least half of what the pattern lost or won.
MADE_UP_FOR = 0.5
FEWEST_ALIKE = 3  # entries that rise together are a demand
ALIKE = 1.6  # and rise alike: the larger rise over the lesser
TOGETHER = 0.5  # of the shorter of two events must lie in the other
SILENT = 0.1  # observed / expected of a pattern that went for good
AROUND_A_CHANGE = 12  # steps before it was sure, in which traffic may already have moved
NEWS_OF_A_CHANGE_S = 7_200  # after it was sure, in which what a new version brings is first called

KINDS = {"failures": "failure", "refusals": "refusal", "latency": "latency", "share": "mix"}


def kind_of(
    event: Event,
    events: tuple[Event, ...],
    watched: Watched,
    services_of: dict[str, frozenset[str]],
    ends: dict[str, tuple[str, str]],
    changes: list[Change],
) -> str:
    """The kind of an event of a stream: volume, silence, mix, failure, refusal, latency or change.

    `services_of` names the services on the chains of each pattern, `ends` caller and callee of
    each rpc.
    """
    stream = watched.streams[event.stream]
    if stream.signal in ("failures", "refusals", "latency"):
        return KINDS[stream.signal]
    touched = services_of.get(stream.pattern_ids[0], frozenset())
    if stream.signal == "share":
        # Calls from and to the service that changed find another balance, and keep it.
        changed = _during(event, frozenset(ends.get(stream.rpc_id, ())), changes)
        return "change" if changed else KINDS["share"]
    if stream.signal == "calls" and len(_family(event, watched)) > 1:
        whole = _whole_family_moved(event, events, watched)
        if _during(event, touched, changes) and not whole:
            return "change"
        if _rerouted(event, watched):
            return "change" if _went_for_good(event, events, watched) else "mix"
    if not event.high:
        return "silence"
    return "demand" if _rose_together(event, events, watched) else "volume"


def came_with(
    what: str,
    first: int,
    ends: tuple[str, ...],
    on_its_chains: frozenset[str],
    changes: list[Change],
    since: Mapping[tuple[str, str], int],
    within: int,
) -> bool:
    """Whether a version that appeared explains a thing never learned, first called in step `first`.

    It does so where the thing is first called about when the version is, and by what a version can
    bring: code that calls another service is the caller's, a method either's, and another form of
    chain that of any service on it. A version that is there for long excuses nothing new.

    `ends` are caller and callee. `since` names the step of the first call of a service's version
    where that lies before the range; it is negative, and so may `first` be. `within` so many steps
    after the version was sure, what it brings is first called.
    """
    able = {"edge": frozenset(ends[:1]), "method": frozenset(ends)}.get(what, on_its_chains)
    return any(
        c.service in able
        and c.what == "appeared"
        and since.get((c.service, c.version), c.since) - 1
        <= first
        <= since.get((c.service, c.version), c.first) + within
        for c in changes
    )


def _rose_together(event: Event, events: tuple[Event, ...], watched: Watched) -> bool:
    """Whether other entries rose at the same time and alike, and nothing was refused or failed.

    A sale moves what leads to the till: too little of the traffic to be everybody's demand, too
    much of it, and too even, to be an attack on one thing.
    """
    span = range(event.first, event.last + 1)
    own = _rise(event, watched)
    alike = {watched.streams[event.stream].rpc_id}
    for other in events:
        stream = watched.streams[other.stream]
        shared = len(range(max(event.first, other.first), min(event.last, other.last) + 1))
        if not other.high or shared < TOGETHER * min(len(span), other.last - other.first + 1):
            continue
        if stream.signal in ("refusals", "failures"):
            if set(stream.pattern_ids) & set(watched.streams[event.stream].pattern_ids):
                return False
        elif (
            stream.signal in ("calls", "family") and 1 / ALIKE < _rise(other, watched) / own < ALIKE
        ):
            alike.add(stream.rpc_id)
    return len(alike) >= FEWEST_ALIKE


def _rise(event: Event, watched: Watched) -> float:
    """Observed calls over those expected, during an event."""
    span = slice(event.first, event.last + 1)
    expected = float(watched.expected[span, event.stream].sum())
    return (float(watched.observed[span, event.stream].sum()) + 1) / (expected + 1)


def _during(event: Event, services: frozenset[str], changes: list[Change]) -> bool:
    """Whether a change of one of the services was going on."""
    return any(
        c.service in services
        and c.since - 1 <= event.last
        and event.first <= c.last + AROUND_A_CHANGE
        for c in changes
    )


def _family(event: Event, watched: Watched) -> list[int]:
    """The streams of the patterns that share the event's entry."""
    rpc_id = watched.streams[event.stream].rpc_id
    return [i for i, x in enumerate(watched.streams) if x.signal == "calls" and x.rpc_id == rpc_id]


def _whole_family_moved(event: Event, events: tuple[Event, ...], watched: Watched) -> bool:
    """Whether the family as a whole was irregular at the same time, in the same direction."""
    rpc_id = watched.streams[event.stream].rpc_id
    return any(
        watched.streams[other.stream].signal == "family"
        and watched.streams[other.stream].rpc_id == rpc_id
        and other.high == event.high
        and other.first <= event.last
        and event.first <= other.last
        for other in events
    )


def _rerouted(event: Event, watched: Watched) -> bool:
    """Whether the other patterns of the family made up for what this one won or lost."""
    span = slice(max(event.first - AROUND_A_CHANGE, 0), event.last + 1)
    family = _family(event, watched)
    moved = _difference(watched, family, span)
    own, whole = float(moved[family.index(event.stream)]), float(moved.sum())
    return own * (1 if event.high else -1) > 0 and abs(whole) < MADE_UP_FOR * abs(own)


def _difference(watched: Watched, family: list[int], span: slice) -> Floats:
    """Observed minus expected of a family's streams over a span, after the demand of others."""
    own = {p for i in family for p in watched.streams[i].pattern_ids}
    others = [u for u, patterns in enumerate(watched.unit_patterns) if not own & set(patterns)]
    observed = float(watched.unit_observed[span][:, others].sum())
    expected = float(watched.unit_expected[span][:, others].sum())
    # With nobody else to compare with, demand is taken to be as expected.
    demand = float(np.clip((observed + 1) / (expected + 1), 0.2, 5.0))
    moved = watched.observed[span] - watched.expected[span] * demand
    return np.asarray(moved[:, family].sum(axis=0))


def _went_for_good(event: Event, events: tuple[Event, ...], watched: Watched) -> bool:
    """Whether a pattern of the family fell silent at the same time."""
    rpc_id = watched.streams[event.stream].rpc_id
    for other in events:
        stream: Stream = watched.streams[other.stream]
        together = other.first <= event.last and event.first <= other.last
        if other.high or not together or stream.signal != "calls" or stream.rpc_id != rpc_id:
            continue
        span = slice(other.first, other.last + 1)
        expected = float(watched.expected[span, other.stream].sum())
        if float(watched.observed[span, other.stream].sum()) <= SILENT * expected:
            return True
    return False
