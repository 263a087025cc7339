"""What a person let pass: traffic may not drift far from it without a person being asked.

The first model of a pattern was let pass by whoever chose its range, later ones by an accept. Those
that later runs learned in between do not count, so that no patience leads away from it.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import orjson

from informer.core.types import NS_PER_S, Bools, Grid, Json, Model, PatternTraffic
from informer.detections.calibrate import SECONDS_A_DAY
from informer.forecasts.clock import mean_by_the_clock, with_room
from informer.forecasts.store import load_model
from informer.pipeline.accepts import accepts_in
from informer.pipeline.drift import Drift, drift_of
from informer.pipeline.runs import kept_models_of_runs
from informer.pipeline.sampled import counted_in
from informer.pipeline.workspace import DRIFTED, Workspace

Passed: TypeAlias = dict[str, tuple[str, Model]]  # by pattern a version, and its model


@dataclass(frozen=True, slots=True)
class HeldBack:
    """A pattern whose last days are not let pass, and which steps these are."""

    drift: Drift
    steps: Bools  # [t]


def let_pass(home: Workspace, step_s: int, *, only: str | None = None) -> dict[str, Model]:
    """By pattern the last model, of this step, that a person let pass and that knows a week.

    With `only`, that of this pattern alone.
    """
    return {p: model for p, (_, model) in _let_pass(home, step_s, only).items()}


def versions_let_pass(home: Workspace, step_s: int) -> dict[str, str]:
    """The versions of these models, by pattern."""
    return {p: version for p, (version, _) in _let_pass(home, step_s, None).items()}


def _let_pass(home: Workspace, step_s: int, only: str | None) -> Passed:
    found: Passed = {}
    tried: set[tuple[str, str]] = set()  # a version is in force for many runs, and read once
    for models in kept_models_of_runs(home):
        for pattern_id, version in models.items():
            one = (pattern_id, version)
            if pattern_id not in found and one not in tried and only in (None, pattern_id):
                tried.add(one)
                found |= _known(home, pattern_id, version, step_s)
    for accept in accepts_in(home):
        if only in (None, accept.pattern_id):
            found |= _known(home, accept.pattern_id, accept.version, step_s)
    return found


def held_back(
    passed: Mapping[str, Model], traffic: Mapping[str, PatternTraffic], cap: float
) -> dict[str, HeldBack]:
    """Patterns that drifted beyond the cap, and the steps that must not teach therefore."""
    found = {}
    for pattern_id, one in traffic.items():
        model = passed.get(pattern_id)
        if model is None or model.settings["rpcs"][0] != one.series.graph.rpc_ids[0]:
            continue
        drift = drift_of(model, one.series, cap)
        if drift is not None:
            found[pattern_id] = HeldBack(drift, np.arange(one.series.steps) >= drift.first)
    return found


def roomy(model: Model, passed: Model | None, cap: float) -> Model:
    """The model with its level kept within the cap around what was let pass.

    One that knows less than a week keeps all freedom: it is still finding its level.
    """
    passed = passed or model
    rpcs, known = model.settings["rpcs"], passed.settings["rpcs"]
    own, then = mean_by_the_clock(model), mean_by_the_clock(passed)
    if own is None:
        return model
    shift = np.ones(len(rpcs))  # how far the model has gone already, [n]
    if then is not None:
        then = then * (counted_in(passed) / counted_in(model))
        for i, rpc_id in enumerate(rpcs):
            if rpc_id in known:
                shift[i] = own[i] / max(then[known.index(rpc_id)], 1e-9)
    least = np.minimum(1.0 / (1.0 + cap) / shift, 1.0)
    return with_room(model, least, np.maximum((1.0 + cap) / shift, 1.0))


def ask(home: Workspace, grid: Grid, held: Mapping[str, HeldBack]) -> list[str]:
    """Open an incident for every pattern that was held back; one that is open already goes on.

    Gives a line for each.
    """
    patterns = {p["pattern_id"]: p for p in home.table("patterns").to_pylist()}
    rpcs = {r["rpc_id"]: r for r in home.table("rpcs").to_pylist()}
    rows, lines = [], []
    for pattern_id, one in sorted(held.items()):
        pattern = patterns[pattern_id]
        row = _question(one.drift, pattern, rpcs[pattern["entry_rpc_id"]], grid)
        for earlier in (i for i in _unanswered(home) if i["patterns"] == [pattern_id]):
            kept = {k: earlier[k] for k in ("incident_id", "opened_ns")}
            row |= kept | {"resolved_ns": max(grid.end_ns, earlier["resolved_ns"])}
        rows.append(row)
        lines.append(
            f"{pattern_id} has {one.drift.times:.2g} times the calls that were let pass: its last "
            f"days do not teach until you accept incident {row['incident_id']}"
        )
    home.replace_incidents(rows)
    asked = {str(row["incident_id"]) for row in rows}
    return lines + [
        f"{earlier['patterns'][0]}: its drifted days do not teach until you accept incident "
        f"{earlier['incident_id']}"
        for earlier in _unanswered(home)
        if earlier["incident_id"] not in asked
    ]


def _unanswered(home: Workspace) -> list[Json]:
    """Questions that nobody decided on."""
    return [
        row
        for row in home.table("incidents").sort_by("opened_ns").to_pylist()
        if row["verdict"] == "open" and DRIFTED in orjson.loads(row["evidence"])
    ]


def _question(drift: Drift, pattern: Json, entry: Json, grid: Grid) -> Json:
    opened_ns = int(grid.starts_ns()[drift.first])
    days = (grid.end_ns - opened_ns) / NS_PER_S / SECONDS_A_DAY
    kind = "volume" if drift.times > 1.0 else "silence"
    pattern_id, name = pattern["pattern_id"], f"{entry['caller']} > {entry['callee']}"
    rpc = {
        **{k: entry[k] for k in ("rpc_id", "caller", "callee", "method")},
        "signal": "calls",
        "share": 1.0,
        "observed": drift.observed,
        "expected": drift.expected,
        "window_s": float(SECONDS_A_DAY),
    }
    evidence = {
        "rpcs": [rpc],
        "patterns": [{"id": pattern_id, "label": pattern["label"]}],
        "threshold": 0.0,
        "explanation": [
            f"{drift.observed:,.0f} calls a day for {days:.0f} days, where {drift.expected:,.0f} "
            "were learned when a person last let it pass.",
            "These days do not teach until the incident is accepted.",
        ],
        "changes": [],
        "novel": [],
        "detections": [],
        "attributes": [],
        "examples": [],
        "similar": [],
        DRIFTED: True,
    }
    cell = f"{DRIFTED}|{pattern_id}|{opened_ns}"
    return {
        "incident_id": hashlib.sha256(cell.encode()).hexdigest()[:10],
        "title": f"Traffic drifted to {drift.times:.2g} times what was let pass: "
        f"{name} {entry['method']}",
        "kind": kind,
        "severity": "medium",
        "opened_ns": opened_ns,
        "resolved_ns": grid.end_ns,
        "score": 0.0,
        "patterns": [pattern_id],
        "evidence": orjson.dumps(evidence).decode(),
        "verdict": "open",
    }


def _known(home: Workspace, pattern_id: str, version: str, step_s: int) -> Passed:
    model = load_model(home.models / pattern_id, version)
    if int(model.settings["step_s"]) != step_s or mean_by_the_clock(model) is None:
        return {}
    return {pattern_id: (version, model)}
