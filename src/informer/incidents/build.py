"""Turns groups of detections into rows of the incidents table."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import orjson
import pyarrow as pa

from informer.core.tables import DETECTIONS, INCIDENTS
from informer.core.types import NOISE, NS_PER_S, Json
from informer.incidents.group import CHANGE, NOVELTY, Story, group, pause_ns
from informer.incidents.slow import by_blame
from informer.incidents.words import (
    OUTCOMES,
    explanation,
    new_with_it_words,
    outcome_words,
    severity,
    title,
)

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
    suspects: Sequence[Json] = (),
    earlier: Sequence[Json] = (),
    from_ns: int = 0,
) -> pa.Table:
    """Group detections into incidents with evidence; INCIDENTS rows in order of opening.

    `changes` are versions that appeared or went (service, version, what, since_ns, first_ns,
    last_ns); `novel` things never learned (what, name, pattern_id, rpc_id); `suspects` the rpcs
    that stood out beside the one that was named (pattern_id, rpc_id, first_ns, last_ns, others:
    rpc_id, observed, expected). An incident whose last step touches `until_ns` is still open.
    `earlier` are incidents, rows as well, that were open when the range began, at `from_ns`: one
    that goes on keeps its id and its beginning.
    """
    before = {c["detection_id"]: i for i in earlier for c in detections_of(i)}
    rows = DETECTIONS.of([*(c for i in earlier for c in detections_of(i)), *detections.to_pylist()])
    told_before = [n for i in earlier for n in orjson.loads(i["evidence"])["novel"]]
    groups = group(
        rows,
        step_ns=step_ns,
        callers=_ends(names),
        services_of=names.services_of,
        forms={_cell(n) for n in (*told_before, *novel) if n["what"] == "shape"},
        from_ns=from_ns,
    )
    found = []
    for stories in groups:
        ids = [row["detection_id"] for story in stories for row in story.rows]
        known = [before[i] for i in ids if i in before]
        if len(known) == len(ids):
            continue  # nothing new of it
        row = _row(stories, names, step_ns, until_ns, changes, novel, suspects)
        found.append(_going_on(min(known, key=_age), row) if known else row)
    return INCIDENTS.of(sorted(found, key=lambda row: (row["opened_ns"], row["incident_id"])))


def detections_of(incident: Json) -> list[Json]:
    """The detections that an incident is made of."""
    found: list[Json] = orjson.loads(incident["evidence"])["detections"]
    return found


def _going_on(before: Json, row: dict[str, object]) -> dict[str, object]:
    """The incident that a person knows, with all that was found of it since."""
    told, now = orjson.loads(before["evidence"]), orjson.loads(str(row["evidence"]))
    for name in ("changes", "novel"):
        now[name] = [*told[name], *(x for x in now[name] if x not in told[name])]
    kept = {name: before[name] for name in ("incident_id", "opened_ns", "verdict")}
    return row | kept | {"evidence": orjson.dumps(now).decode()}


def _age(incident: Json) -> tuple[int, str]:
    return int(incident["opened_ns"]), str(incident["incident_id"])


def _row(
    stories: list[Story],
    names: Names,
    step_ns: int,
    until_ns: int,
    changes: list[Json],
    novel: list[Json],
    suspects: Sequence[Json],
) -> dict[str, object]:
    stories = sorted(stories, key=lambda s: (-s.score, s.rpc_id, s.pattern_id))
    kind = min((s.peak["kind"] for s in stories), key=PRECEDENCE.index)
    if kind == "latency":
        slow = by_blame([s for s in stories if s.kind == kind], _ends(names), names.calls)
        stories = [*slow, *(s for s in stories if s.kind != kind)]
    leading = next(s for s in stories if s.peak["kind"] == kind)
    opened_ns = min(s.first_ns for s in stories)
    ends_ns = max(s.last_ns for s in stories) + step_ns
    rpcs = _rpcs(leading, stories, names, suspects, step_ns)
    new_with_it = _new_with(kind, leading, stories)
    outcomes = _outcomes(leading, stories)
    louder = {
        s.kind: _counts(s, step_ns)
        for s in outcomes
        if s.rpc_id == leading.rpc_id and s.score > leading.score
    }
    near = [_change_words(c) for c in changes if _near(c, opened_ns, ends_ns)]
    concerning = [c for c in changes if _concerns(c, stories, names, opened_ns, ends_ns)]
    if kind == "latency":  # a deploy of last week is no reason
        concerning = [
            c for c in concerning if opened_ns - c["since_ns"] <= pause_ns(CHANGE, step_ns)
        ]
    own = [_change_words(c) for c in concerning]
    # The limit that opened the story: once it is open, less is enough for a cell to go on.
    threshold = max(float(r["threshold"]) for r in leading.like_peak)
    patterns = list(dict.fromkeys(s.pattern_id for s in stories if s.pattern_id != NOISE))
    evidence = {
        "rpcs": rpcs,
        "patterns": [{"id": p, "label": names.labels.get(p, p)} for p in patterns],
        "threshold": threshold,
        "explanation": explanation(
            kind,
            rpcs[0],
            leading.score,
            threshold,
            turned=None if leading.turned is None else _over(leading.turned, step_ns),
            new_form=leading.new_form,
        )
        + ([new_with_it_words([names.rpcs[r] for r in new_with_it])] if new_with_it else [])
        + [
            outcome_words(s.kind, names.rpcs[s.rpc_id], _counts(s, step_ns), s.score)
            for s in outcomes
        ],
        "changes": near,
        "novel": [n for n in novel if _told_of(n, stories)],
        "detections": [row for s in stories for row in s.rows],
    }
    cell = f"{leading.pattern_id}|{leading.rpc_id}|{leading.signal}|{opened_ns}"
    return {
        "incident_id": hashlib.sha256(cell.encode()).hexdigest()[:10],
        "title": title(
            kind,
            rpcs[0],
            own,
            new_form=leading.new_form,
            new_with_it=len(new_with_it),
            outcomes=louder,
        ),
        "kind": kind,
        "severity": severity(kind, leading.score, threshold),
        "opened_ns": opened_ns,
        "resolved_ns": None if ends_ns >= until_ns else ends_ns,
        "score": leading.score,
        "patterns": patterns,
        "evidence": orjson.dumps(evidence).decode(),
        "verdict": "open",
    }


def _new_with(kind: str, leading: Story, stories: Sequence[Story]) -> list[str]:
    """The other rpcs that were never met, in order; with a change all: it may be a break-in."""
    met = dict.fromkeys(s.rpc_id for s in stories if s.signal == NOVELTY and not s.new_form)
    if kind == "change":
        return list(met)
    return [r for r in met if r != leading.rpc_id] if leading.rpc_id in met else []


def _ends(names: Names) -> dict[str, tuple[str, str]]:
    """Caller and callee of every rpc."""
    return {k: (str(r["caller"]), str(r["callee"])) for k, r in names.rpcs.items()}


def _rpcs(
    leading: Story, stories: list[Story], names: Names, suspects: Sequence[Json], step_ns: int
) -> list[Json]:
    """The guilty rpcs, the guiltiest first, each with its share of the score.

    Behind the leading one come those that stood out with it: a person looks at the first three.
    """
    told = {leading.rpc_id: (leading.signal, leading.score, _counts(leading, step_ns))}
    for other, window_s in _beside(leading, suspects, step_ns):
        counts = {k: other[k] for k in ("observed", "expected")} | {"window_s": window_s}
        told.setdefault(other["rpc_id"], (leading.signal, 0.0, counts))
    for story in stories:
        signal, score, counts = told.get(story.rpc_id, (story.signal, 0.0, _counts(story, step_ns)))
        told[story.rpc_id] = (signal, max(score, story.score), counts)
    total = sum(score for _, score, _ in told.values())
    return [
        {
            "rpc_id": rpc_id,
            **{k: names.rpcs[rpc_id][k] for k in ("caller", "callee", "method")},
            "signal": signal,
            "share": score / total if total else 0.0,
            **counts,
        }
        for rpc_id, (signal, score, counts) in list(told.items())[:MOST_RPCS]
    ]


def _beside(leading: Story, suspects: Sequence[Json], step_ns: int) -> Iterator[tuple[Json, float]]:
    """The rpcs that stood out in the events of a story of volume, without the one it names.

    Each with how long its event lasted, seconds.
    """
    for one in suspects:
        cell = (one["pattern_id"], one["rpc_id"]) == (leading.pattern_id, leading.rpc_id)
        together = one["first_ns"] <= leading.last_ns and leading.first_ns <= one["last_ns"]
        if cell and together and leading.signal == "calls":
            window_s = (one["last_ns"] + step_ns - one["first_ns"]) / NS_PER_S
            for other in one["others"]:
                if (other["observed"] >= other["expected"]) == leading.rises:
                    yield other, window_s


def _outcomes(leading: Story, stories: list[Story]) -> list[Story]:
    """How calls ended, where that is not the kind: those of the guilty rpc, or else the worst."""
    found = []
    for kind in OUTCOMES:
        alike = [s for s in stories if s.kind == kind]
        if alike and kind != leading.kind:
            found.append(max(alike, key=lambda s: (s.rpc_id == leading.rpc_id, s.score)))
    return found


def _counts(story: Story, step_ns: int) -> Json:
    """Observed and expected where the story is most telling; of news, all there was."""
    if story.signal == NOVELTY:
        window_s = (story.last_ns + step_ns - story.first_ns) / NS_PER_S
        observed = sum(float(r["observed"]) for r in story.rows)
        return {"observed": observed, "expected": 0.0, "window_s": window_s}
    return _over(story.peak, step_ns)


def _over(row: Json, step_ns: int) -> Json:
    """What a detection counts, and over how many seconds."""
    window_s = row["window_steps"] * step_ns / NS_PER_S
    return {
        "observed": float(row["observed"]),
        "expected": float(row["expected"]),
        "window_s": window_s,
    }


def _told_of(novel: Json, stories: list[Story]) -> bool:
    return any(s.signal == NOVELTY and (s.pattern_id, s.rpc_id) == _cell(novel) for s in stories)


def _cell(novel: Json) -> tuple[str, str]:
    return novel["pattern_id"], novel["rpc_id"]


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
