"""Which detections belong together: near in time and on one rpc or chain, never time alone."""

from dataclasses import dataclass
from itertools import combinations

import pyarrow as pa

from informer.core.types import NOISE, Json

SAME_CELL_STEPS = 6  # a pause this long on one cell does not end its story
TOGETHER_STEPS = 3  # stories that begin or end this far apart may be one
CHANGE_STEPS = 24  # after a change or in a crowd, traffic shows it now and then only
FAULTS = frozenset({"failure", "mix", "silence", "latency"})


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

    for i, j in combinations(range(len(stories)), 2):
        if _together(stories[i], stories[j], step_ns, callers, services_of):
            leader[max(find(i), find(j))] = min(find(i), find(j))
    groups: dict[int, list[Story]] = {}
    for i, story in enumerate(stories):
        groups.setdefault(find(i), []).append(story)
    return sorted(groups.values(), key=lambda g: min(s.first_ns for s in g))


def _stories(detections: pa.Table, step_ns: int) -> list[Story]:
    open_stories: dict[tuple[str, str, str, bool], Story] = {}
    stories: list[Story] = []
    for row in sorted(
        detections.to_pylist(), key=lambda r: (r["step_start_ns"], r["detection_id"])
    ):
        told_apart = row["kind"] in ("change", "demand")
        key = (row["pattern_id"], row["rpc_id"], row["signal"], told_apart)
        story = open_stories.get(key)
        pause = CHANGE_STEPS if told_apart else SAME_CELL_STEPS
        if story and row["step_start_ns"] - story.last_ns <= pause * step_ns:
            story.rows.append(row)
            continue
        story = Story(row["pattern_id"], row["rpc_id"], row["signal"], row["kind"], [row])
        open_stories[key] = story
        stories.append(story)
    return stories


def _together(
    a: Story,
    b: Story,
    step_ns: int,
    callers: dict[str, tuple[str, str]],
    services_of: dict[str, frozenset[str]],
) -> bool:
    if (a.kind == "demand") != (b.kind == "demand") or (a.kind == "change") != (b.kind == "change"):
        return False
    slack = CHANGE_STEPS if a.kind == "change" else TOGETHER_STEPS
    if a.first_ns - b.last_ns > slack * step_ns or b.first_ns - a.last_ns > slack * step_ns:
        return False
    if a.kind == "demand":
        return True
    if a.kind == "change":
        return bool(_services(a, callers, services_of) & _services(b, callers, services_of))
    if a.rpc_id == b.rpc_id or (a.pattern_id == b.pattern_id and a.pattern_id != NOISE):
        return True
    # A fault travels along the chain: its rpcs meet in a service.
    if a.kind in FAULTS and b.kind in FAULTS:
        return bool(set(callers.get(a.rpc_id, ())) & set(callers.get(b.rpc_id, ())))
    return False


def _services(
    story: Story,
    callers: dict[str, tuple[str, str]],
    services_of: dict[str, frozenset[str]],
) -> frozenset[str]:
    return services_of.get(story.pattern_id, frozenset()) | set(callers.get(story.rpc_id, ()))
