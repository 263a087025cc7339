"""Which detections belong together: near in time and on one rpc or chain, never time alone."""

from collections import Counter, deque
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import pyarrow as pa

from informer.core.types import LEGITIMATE, NOISE, NS_PER_S, OUTSIDE, UNKNOWN, Json

NOVELTY = "novelty"  # the signal of what was never met, and what new calls have in common
# Pauses in steps, and in seconds where steps are short: who abuses in bursts counts in minutes.
SAME_CELL = (12, 3600)  # a pause this long on one cell does not end its story
SAME_NEWS = (24, 4 * 3600)  # nor does this one of a thing never seen before: it comes when it comes
SAME_SLOW = (24, 4 * 3600)  # what became a little slower for good shows it now and then
SAME_OF = {NOVELTY: SAME_NEWS, "latency": SAME_SLOW}  # by signal, where it is another
TOGETHER = (3, 600)  # stories that begin or end this far apart may be one
BEGIN = (12, 3600)  # what begins later than this has another reason
HUB = 0.25  # of all patterns; what begins in a gateway begins on every chain at once
CHANGE = (24, 4 * 3600)  # after a change or in a crowd, traffic shows it now and then only
FAULTS = frozenset({"failure", "mix", "silence", "latency"})
SLOW = "slow"  # what faults have in common with stories of latency, by service
NOBODY = frozenset({OUTSIDE, UNKNOWN})  # no service that two rpcs could have in common


@dataclass(slots=True)
class Story:
    """Detections of one cell (pattern, rpc, signal) without a long pause, in order of time.

    `kind` is what it began as; its peak may be of another.
    """

    pattern_id: str
    rpc_id: str
    signal: str
    kind: str
    rows: list[Json]
    new_form: bool  # news of the form of chain that begins with the rpc, which itself was met

    @property
    def peak(self) -> Json:
        """The most telling detection, the first of equals."""
        return max(self.rows, key=lambda r: (r["score"], -r["step_start_ns"]))

    @property
    def like_peak(self) -> list[Json]:
        """What may be told in one breath: detections of the kind and the direction of the peak."""
        kind = self.peak["kind"]
        return [r for r in self.rows if r["kind"] == kind and _rises(r) == self.rises]

    @property
    def rises(self) -> bool:
        """Whether the peak is of more than expected, or of less."""
        return _rises(self.peak)

    @property
    def turned(self) -> Json | None:
        """The most telling detection of the other direction: after a rush there may be a lull."""
        found = [r for r in self.rows if _rises(r) != self.rises]
        return max(found, key=lambda r: (r["score"], -r["step_start_ns"]), default=None)

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
        return float(self.peak["score"])


def group(
    detections: pa.Table,
    *,
    step_ns: int,
    callers: dict[str, tuple[str, str]],
    services_of: dict[str, frozenset[str]],
    forms: Collection[tuple[str, str]],
    from_ns: int = 0,
) -> list[list[Story]]:
    """Stories that belong together, as lists; in order of their first step.

    `callers` gives caller and callee of every rpc; `services_of` the services of every pattern;
    `forms` the cells (pattern, rpc) whose news is of a form of chain. What lies before `from_ns`
    comes from an earlier look, whose stories go on in this one.
    """
    stories = _stories(detections, step_ns, forms, from_ns)
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


def _rises(row: Json) -> bool:
    if row["kind"] in ("volume", "silence"):
        return bool(row["kind"] == "volume")
    return bool(row["observed"] >= row["expected"])


def pause_ns(pause: tuple[int, int], step_ns: int) -> int:
    """Length of a pause (steps, seconds), whichever is more."""
    steps, seconds = pause
    return max(steps * step_ns, seconds * NS_PER_S)


def _stories(
    detections: pa.Table, step_ns: int, forms: Collection[tuple[str, str]], from_ns: int
) -> list[Story]:
    open_stories: dict[tuple[str, str, str, bool], Story] = {}
    stories: list[Story] = []
    for row in sorted(
        detections.to_pylist(), key=lambda r: (r["step_start_ns"], r["detection_id"])
    ):
        told_apart = row["kind"] in LEGITIMATE
        key = (row["pattern_id"], row["rpc_id"], row["signal"], told_apart)
        story = open_stories.get(key)
        pause = SAME_OF.get(row["signal"], SAME_CELL)
        pause = CHANGE if told_apart else pause
        if story is None and row["signal"] == "calls":
            # Another look may blame another rpc for the same volume.
            story = _same_volume(open_stories, row, from_ns, told_apart=told_apart)
        if story and story.last_ns < from_ns <= row["step_start_ns"]:
            pause = CHANGE  # every look begins with short windows
        if story and row["step_start_ns"] - story.last_ns <= pause_ns(pause, step_ns):
            story.rows.append(row)
            open_stories[key] = story
            continue
        cell = (row["pattern_id"], row["rpc_id"])
        new_form = row["signal"] == NOVELTY and cell in forms
        story = Story(*cell, row["signal"], row["kind"], [row], new_form)
        open_stories[key] = story
        stories.append(story)
    return stories


def _same_volume(
    open_stories: dict[tuple[str, str, str, bool], Story],
    row: Json,
    from_ns: int,
    *,
    told_apart: bool,
) -> Story | None:
    """The story of a pattern's volume that an earlier look left open, whatever rpc it names."""
    if row["step_start_ns"] < from_ns:
        return None
    wanted = (row["pattern_id"], "calls", told_apart)
    found = [
        story
        for (pattern_id, _, *rest), story in open_stories.items()
        if (pattern_id, *rest) == wanted and story.last_ns < from_ns
    ]
    return max(found, key=lambda s: s.last_ns, default=None)


def _neighbours(
    stories: list[Story],
    step_ns: int,
    callers: dict[str, tuple[str, str]],
    services_of: dict[str, frozenset[str]],
) -> Iterator[tuple[int, int]]:
    """Pairs of stories that have something in common and are near in time.

    They begin near each other: what comes long after has another reason, however long the first
    goes on. Only a change and a crowd explain what comes while they last.

    Not all pairs: each story with the one that lasts longest, of those that it may be one with,
    which is enough to connect whatever all pairs would, and takes no longer in a flood of alerts.
    """
    hubs = _hubs(services_of)
    # By what stories have in common: those that began of late, and end before all before them.
    recent: dict[tuple[str, str], deque[int]] = {}
    for i, story in sorted(enumerate(stories), key=lambda s: s[1].first_ns):
        lasting = story.kind in LEGITIMATE
        slack_ns = pause_ns(CHANGE if story.kind == "change" else TOGETHER, step_ns)
        for common in _in_common(story, callers, services_of):
            before = recent.setdefault(common, deque())
            near = TOGETHER if common in hubs or common[0] == NOVELTY else BEGIN
            while not lasting and before and _long_before(stories[before[0]], story, near, step_ns):
                before.popleft()
            if before and story.first_ns - stories[before[0]].last_ns <= slack_ns:
                yield before[0], i
            # What is slow may come of an attack; no attack comes of what is slow.
            if (common[0] == SLOW) == (story.kind == "latency"):
                while before and stories[before[-1]].last_ns <= story.last_ns:
                    before.pop()
                before.append(i)


def _long_before(before: Story, story: Story, near: tuple[int, int], step_ns: int) -> bool:
    return story.first_ns - before.first_ns > pause_ns(near, step_ns)


def _hubs(services_of: dict[str, frozenset[str]]) -> set[tuple[str, str]]:
    """What stories of faults in a service have in common that is on many chains."""
    patterns = Counter(service for services in services_of.values() for service in services)
    return {("fault", s) for s, n in patterns.items() if n > HUB * len(services_of)}


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
    if story.signal == NOVELTY and not story.new_form:
        # Who goes a new way makes new calls from each service that lies on it.
        found += [(NOVELTY, service) for service in services]
    return found
