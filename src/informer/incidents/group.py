"""Which detections belong together: near in time and on one rpc or chain, never time alone."""

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from informer.core.types import NOISE, NS_PER_S, OUTSIDE, UNKNOWN, Json

# Pauses in steps, and in seconds where steps are short: who abuses in bursts counts in minutes.
SAME_CELL = (12, 3600)  # a pause this long on one cell does not end its story
SAME_NEWS = (24, 4 * 3600)  # nor does this one of a thing never seen before: it comes when it comes
TOGETHER = (3, 600)  # stories that begin or end this far apart may be one
CHANGE = (24, 4 * 3600)  # after a change or in a crowd, traffic shows it now and then only
FAULTS = frozenset({"failure", "mix", "silence", "latency"})
SLOW = "slow"  # what faults have in common with stories of latency, by service
NOBODY = frozenset({OUTSIDE, UNKNOWN})  # no service that two rpcs could have in common


@dataclass(slots=True)
class Story:
    """Detections of one cell (pattern, rpc, signal) without a long pause, in order of time."""

    pattern_id: str
    rpc_id: str
    signal: str
    kind: str
    rows: list[Json]

    @property
    def first_ns(self) -> int:
        """Start of the first step."""
        return int(self.rows[0]["step_start_ns"])

    @property
    def last_ns(self) -> int:
        """Start of the last step."""
        return int(self.rows[-1]["step_start_ns"])

    @property
    def score(self) -> float:
        """The highest score."""
        return max(float(r["score"]) for r in self.rows)


def group(
    detections: pa.Table,
    *,
    step_ns: int,
    callers: dict[str, tuple[str, str]],
    services_of: dict[str, frozenset[str]],
) -> list[list[Story]]:
    """Stories that belong together, as lists; in order of their first step.

    `callers` gives caller and callee of every rpc; `services_of` the services of every pattern.
    """
    stories = _stories(detections, step_ns)
    leader = list(range(len(stories)))

    def find(i: int) -> int:
        while leader[i] != i:
            leader[i] = leader[leader[i]]
            i = leader[i]
        return i

    for i, j in _neighbours(stories, step_ns, callers, services_of):
        leader[max(find(i), find(j))] = min(find(i), find(j))
    groups: dict[int, list[Story]] = {}
    for i, story in enumerate(stories):
        groups.setdefault(find(i), []).append(story)
    return sorted(groups.values(), key=lambda g: min(s.first_ns for s in g))


def pause_ns(pause: tuple[int, int], step_ns: int) -> int:
    """Length of a pause (steps, seconds), whichever is more."""
    steps, seconds = pause
    return max(steps * step_ns, seconds * NS_PER_S)


def _stories(detections: pa.Table, step_ns: int) -> list[Story]:
    open_stories: dict[tuple[str, str, str, bool], Story] = {}
    stories: list[Story] = []
    for row in sorted(
        detections.to_pylist(), key=lambda r: (r["step_start_ns"], r["detection_id"])
    ):
        told_apart = row["kind"] in ("change", "demand")
        key = (row["pattern_id"], row["rpc_id"], row["signal"], told_apart)
        story = open_stories.get(key)
        pause = SAME_NEWS if row["signal"] == "novelty" else SAME_CELL
        pause = CHANGE if told_apart else pause
        if story and row["step_start_ns"] - story.last_ns <= pause_ns(pause, step_ns):
            story.rows.append(row)
            continue
        story = Story(row["pattern_id"], row["rpc_id"], row["signal"], row["kind"], [row])
        open_stories[key] = story
        stories.append(story)
    return stories


def _neighbours(
    stories: list[Story],
    step_ns: int,
    callers: dict[str, tuple[str, str]],
    services_of: dict[str, frozenset[str]],
) -> Iterator[tuple[int, int]]:
    """Pairs of stories that have something in common and are near in time.

    Not all of them: each story with the one before it that lasts longest, which is enough to
    connect whatever all pairs would, and takes no longer in a flood of alerts.
    """
    longest: dict[tuple[str, str], int] = {}
    for i, story in sorted(enumerate(stories), key=lambda s: s[1].first_ns):
        slack_ns = pause_ns(CHANGE if story.kind == "change" else TOGETHER, step_ns)
        for common in _in_common(story, callers, services_of):
            before = longest.get(common)
            if before is not None and common[0] == SLOW:
                # A service may be slow for good: what comes long after has another reason.
                since_ns = story.first_ns - stories[before].first_ns
                before = before if since_ns <= pause_ns(CHANGE, step_ns) else None
            if before is not None and story.first_ns - stories[before].last_ns <= slack_ns:
                yield before, i
            # What is slow may come of an attack; no attack comes of what is slow.
            offered = (common[0] == SLOW) == (story.kind == "latency")
            if offered and (before is None or story.last_ns > stories[before].last_ns):
                longest[common] = i


def _in_common(
    story: Story,
    callers: dict[str, tuple[str, str]],
    services_of: dict[str, frozenset[str]],
) -> list[tuple[str, str]]:
    """What a story shares with those that it may be one with."""
    services = frozenset(callers.get(story.rpc_id, ())) - NOBODY
    if story.kind == "demand":
        return [("demand", "")]
    if story.kind == "change":
        services |= services_of.get(story.pattern_id, frozenset())
        return [("change", service) for service in services]
    found = [("rpc", story.rpc_id)]
    if story.pattern_id != NOISE:
        found.append(("pattern", story.pattern_id))
    if story.kind in FAULTS:
        # A fault travels along the chain: its rpcs meet in a service.
        found += [(what, service) for service in services for what in ("fault", SLOW)]
    return found
