"""Turns groups of detections into rows of the incidents table."""

import hashlib
from dataclasses import dataclass, field

import orjson
import pyarrow as pa

from informer.core.tables import INCIDENTS
from informer.core.types import NOISE, Json
from informer.incidents.group import CHANGE_STEPS, Story, group
from informer.incidents.slow import by_blame
from informer.incidents.words import explanation, severity, title

MOST_RPCS = 10
# What an incident with several kinds is called by, the most telling first.
PRECEDENCE = (
    "novel",
    "refusal",
    "volume",
    "failure",
    "mix",
    "silence",
    "latency",
    "change",
    "demand",
)


@dataclass(frozen=True, slots=True)
class Names:
    """What incidents need to know of rpcs and patterns to speak of them."""

    rpcs: dict[str, Json]  # rpc id: caller, callee, method
    labels: dict[str, str]  # pattern id: label
    services_of: dict[str, frozenset[str]]  # pattern id: services on its chains
    calls: dict[tuple[str, str], float] = field(default_factory=dict)  # pattern, rpc: as learned


def build_incidents(
    detections: pa.Table,
    names: Names,
    *,
    step_ns: int,
    until_ns: int,
    changes: list[Json],
    novel: list[Json],
) -> pa.Table:
    """Group detections into incidents with evidence; INCIDENTS rows in order of opening.

    `changes` are versions that appeared or went (service, version, what, since_ns, first_ns,
    last_ns); `novel` things never learned (what, name, pattern_id, rpc_id). An incident whose last
    step touches `until_ns` is still open.
    """
    groups = group(detections, step_ns=step_ns, callers=_ends(names), services_of=names.services_of)
    rows = [_row(stories, names, step_ns, until_ns, changes, novel) for stories in groups]
    return INCIDENTS.of(rows)


def _row(
    stories: list[Story],
    names: Names,
    step_ns: int,
    until_ns: int,
    changes: list[Json],
    novel: list[Json],
) -> dict[str, object]:
    stories = sorted(stories, key=lambda s: (-s.score, s.rpc_id, s.pattern_id))
    kind = min((s.kind for s in stories), key=PRECEDENCE.index)
    if kind == "latency":
        slow = by_blame([s for s in stories if s.kind == kind], _ends(names), names.calls)
        stories = [*slow, *(s for s in stories if s.kind != kind)]
    leading = next(s for s in stories if s.kind == kind)
    strongest = max(leading.rows, key=lambda r: (r["score"], -r["step_start_ns"]))
    opened_ns = min(s.first_ns for s in stories)
    ends_ns = max(s.last_ns for s in stories) + step_ns
    rpcs = _rpcs(leading, stories, names)
    near = [_change_words(c) for c in changes if _near(c, opened_ns, ends_ns)]
    concerning = [c for c in changes if _concerns(c, stories, names, opened_ns, ends_ns)]
    if kind == "latency":  # a deploy of last week is no reason
        concerning = [c for c in concerning if opened_ns - c["since_ns"] <= CHANGE_STEPS * step_ns]
    own = [_change_words(c) for c in concerning]
    score = float(strongest["score"])
    # The limit that opened the story: once it is open, less is enough for a cell to go on.
    threshold = max(float(r["threshold"]) for r in leading.rows)
    patterns = list(dict.fromkeys(s.pattern_id for s in stories if s.pattern_id != NOISE))
    evidence = {
        "rpcs": rpcs,
        "patterns": [{"id": p, "label": names.labels.get(p, p)} for p in patterns],
        "threshold": threshold,
        "explanation": explanation(kind, rpcs[0], score, threshold),
        "changes": near,
        "novel": [n for n in novel if _told_of(n, stories)],
        "detections": [row for s in stories for row in s.rows],
    }
    cell = f"{leading.pattern_id}|{leading.rpc_id}|{leading.signal}|{opened_ns}"
    return {
        "incident_id": hashlib.sha256(cell.encode()).hexdigest()[:10],
        "title": title(kind, rpcs[0], own),
        "kind": kind,
        "severity": severity(kind, score, threshold),
        "opened_ns": opened_ns,
        "resolved_ns": None if ends_ns >= until_ns else ends_ns,
        "score": score,
        "patterns": patterns,
        "evidence": orjson.dumps(evidence).decode(),
        "verdict": "open",
    }


def _ends(names: Names) -> dict[str, tuple[str, str]]:
    """Caller and callee of every rpc."""
    return {k: (str(r["caller"]), str(r["callee"])) for k, r in names.rpcs.items()}


def _rpcs(leading: Story, stories: list[Story], names: Names) -> list[Json]:
    """The guilty rpcs, the guiltiest first, each with its share of the score."""
    ordered = [leading, *(s for s in stories if s is not leading)]
    best: dict[str, Story] = {}
    for story in ordered:
        best.setdefault(story.rpc_id, story)
    total = sum(s.score for s in best.values())
    return [
        {
            "rpc_id": rpc_id,
            **{k: names.rpcs[rpc_id][k] for k in ("caller", "callee", "method")},
            "signal": story.signal,
            "share": story.score / total if total else 0.0,
            **_counts(story),
        }
        for rpc_id, story in list(best.items())[:MOST_RPCS]
    ]


def _counts(story: Story) -> Json:
    """Observed and expected where the story is most telling; of news, all there was."""
    if story.signal == "novelty":
        return {"observed": sum(float(r["observed"]) for r in story.rows), "expected": 0.0}
    peak = max(story.rows, key=lambda r: (r["score"], -r["step_start_ns"]))
    return {"observed": float(peak["observed"]), "expected": float(peak["expected"])}


def _told_of(novel: Json, stories: list[Story]) -> bool:
    cell = (novel["pattern_id"], novel["rpc_id"])
    return any(s.signal == "novelty" and (s.pattern_id, s.rpc_id) == cell for s in stories)


def _near(change: Json, opened_ns: int, ends_ns: int) -> bool:
    return bool(change["since_ns"] <= ends_ns and opened_ns <= change["last_ns"])


def _concerns(
    change: Json, stories: list[Story], names: Names, opened_ns: int, ends_ns: int
) -> bool:
    services = frozenset[str]().union(
        *(names.services_of.get(s.pattern_id, frozenset()) for s in stories)
    )
    return _near(change, opened_ns, ends_ns) and change["service"] in services


def _change_words(change: Json) -> str:
    what = "appeared" if change["what"] == "appeared" else "went"
    return f"{change['version']} of {change['service']} {what}"
