"""The states of patterns: learning, ready or stale, each with its reason."""

from collections.abc import Mapping
from dataclasses import dataclass

from informer.core.types import NS_PER_S, Model, PatternTraffic
from informer.detections.calibrate import SECONDS_A_DAY
from informer.forecasts.backtest import FEWEST_STEPS
from informer.forecasts.clock import leans_on, learned_days, learned_until_ns
from informer.pipeline.drift import drift_of, step_of
from informer.pipeline.history import history
from informer.pipeline.memory import models_in_force, pattern_graphs, previous_patterns
from informer.pipeline.sampled import counted_by
from informer.pipeline.workspace import Workspace

LEARNING, READY, STALE = "learning", "ready", "stale"
REASONS = "reasons"  # the note that keeps why a pattern is not ready
OLD_DAYS = 28.0  # between what was learned and what was last looked at
LOOK_DAYS = 7  # of the latest traffic


@dataclass(frozen=True, slots=True)
class PatternState:
    """What a pattern is, and why it is not ready."""

    state: str
    why: str = ""


def keep_states(home: Workspace) -> dict[str, PatternState]:
    """Work out the state of every pattern that is not retired, and write it down."""
    found = states_in(home)
    for pattern_id, one in found.items():
        home.engine.run(
            "update patterns set state = $state where pattern_id = $pattern_id",
            state=one.state,
            pattern_id=pattern_id,
        )
    home.put(REASONS, {p: one.why for p, one in found.items() if one.why})
    return found


def states_in(home: Workspace) -> dict[str, PatternState]:
    """The state of every pattern that is not retired, by what the workspace has kept so far."""
    models = models_in_force(home)[1]
    previous = previous_patterns(home)
    trained = home.get("trained")
    step_s = int(trained["step_s"])
    steps = home.engine.query("select max(step_start_ns) as t from steps where seen")
    until_ns = int(steps["t"][0].as_py() or trained["end_ns"]) + step_s * NS_PER_S
    from_ns = until_ns - LOOK_DAYS * SECONDS_A_DAY * NS_PER_S
    recent = history(
        home,
        pattern_graphs(previous),
        step_s,
        from_ns,
        until_ns,
        stands_for=counted_by(models),
    )
    cap = home.settings.learning.drift_cap
    return {
        p: state_of(models.get(p), recent.get(p), until_ns, cap)
        for p in _live(previous.patterns.to_pylist())
    }


def states_note(states: Mapping[str, PatternState]) -> list[str]:
    """One line on how many patterns are not ready; none where all are."""
    count = {s: sum(one.state == s for one in states.values()) for s in (LEARNING, STALE)}
    told = [f"{n} {state}" for state, n in count.items() if n]
    if not told:
        return []
    return [f"of {len(states)} patterns {' and '.join(told)}: see `informer patterns list`"]


def _live(rows: list[dict[str, str]]) -> list[str]:
    return [row["pattern_id"] for row in rows if row["state"] != "retired"]


def state_of(
    model: Model | None, recent: PatternTraffic | None, until_ns: int, cap: float
) -> PatternState:
    """The state of a pattern with this model, `recent` being its traffic up to `until_ns`."""
    if model is None:
        return PatternState(LEARNING, "no step of it may teach yet: it has no model")
    days = learned_days(model)
    steps = round(days * SECONDS_A_DAY / int(model.settings["step_s"]))
    on = leans_on(model)
    if on or steps < FEWEST_STEPS:
        leans = f"leans on the days of {', '.join(on)}" if on else "only its level is expected"
        return PatternState(LEARNING, f"learned from {_long(days)}: {leans}")
    age = (until_ns - learned_until_ns(model)) / NS_PER_S / SECONDS_A_DAY
    if age > OLD_DAYS:
        return PatternState(
            STALE, f"learned from traffic that ended {age:.0f} days before the last"
        )
    if recent is None:
        return PatternState(READY)
    series = recent.series
    since = series.slice(step_of(series, learned_until_ns(model)), series.steps)
    drift = drift_of(model, since, cap) if since.steps else None
    if drift is None:
        return PatternState(READY)
    lasted = (since.steps - drift.first) * since.step_s / SECONDS_A_DAY
    return PatternState(
        STALE, f"in the last {lasted:.0f} days it had {drift.times:.2g} times the calls it learned"
    )


def _long(days: float) -> str:
    """A duration for people."""
    minutes = days * SECONDS_A_DAY / 60
    if minutes < 120:
        return f"{minutes:.0f} minutes"
    return f"{minutes / 60:.0f} hours" if minutes < 2 * 24 * 60 else f"{days:.0f} days"
