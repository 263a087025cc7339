"""Versions of a pattern's model: what each was learned from, and what each expects of a day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from informer.core.errors import UnknownError
from informer.core.types import NS_PER_S, Model, PatternGraph, Series
from informer.forecasts.clock import learned_days, learned_until_ns
from informer.forecasts.select import forecast_with
from informer.forecasts.store import load_model, versions
from informer.pipeline.accepts import Accept
from informer.pipeline.band import band
from informer.pipeline.curves import Curve, curves
from informer.pipeline.sampled import counted_in
from informer.pipeline.steps import step_ns_of
from informer.pipeline.workspace import Workspace

MOST = 8  # of the newest
WARM_S, SHOWN_S = 86_400, 86_400  # before what is shown, so that levels are warm; and what is shown


@dataclass(frozen=True, slots=True)
class Version:
    """One of them."""

    version: str
    in_force: bool
    made_ns: int
    forecaster: str
    days: float  # of traffic that it learned from
    until_ns: int  # end of that traffic
    incidents: tuple[str, ...]  # whose accept it came of


def versions_of(
    home: Workspace, pattern_id: str, in_force: str, accepts: Sequence[Accept]
) -> list[Version]:
    """The newest first; `accepts` are those of the workspace."""
    folder = home.models / pattern_id
    came_of = {a.version: a.incidents for a in accepts if a.pattern_id == pattern_id}
    found = []
    for name in reversed(versions(folder)[-MOST:] if folder.exists() else []):
        model = load_model(folder, name)
        found.append(
            Version(
                name,
                name == in_force,
                round((folder / name).stat().st_mtime * NS_PER_S),
                model.forecaster,
                learned_days(model),
                learned_until_ns(model),
                came_of.get(name, ()),
            )
        )
    return found


def made(home: Workspace, pattern_id: str, version: str) -> datetime | None:
    """When a version was made; None where it is not there."""
    try:
        return datetime.fromtimestamp((home.models / pattern_id / version).stat().st_mtime, UTC)
    except OSError:
        return None


def as_expected_by(
    home: Workspace, pattern_id: str, names: Sequence[str], until_ns: int, rpc_ids: Sequence[str]
) -> dict[str, list[Curve]]:
    """The last day of some rpcs beside what each version of the model would have expected of it.

    Nothing is written. Errors: UnknownError for a version that is not there.
    """
    folder = home.models / pattern_id
    there = versions(folder) if folder.exists() else []
    unknown = [name for name in names if name not in there]
    if unknown:
        raise UnknownError(f"pattern {pattern_id!r} has no version {unknown[0]!r}")
    models = {name: load_model(folder, name) for name in names}
    nodes = sorted({str(r) for model in models.values() for r in model.settings["rpcs"]})
    step_ns = step_ns_of(home)
    from_ns = until_ns - (WARM_S + SHOWN_S) * NS_PER_S
    from_ns -= from_ns % step_ns
    cells = [(pattern_id, rpc_id) for rpc_id in nodes]
    seen = {c.rpc_id: c for c in curves(home, cells, from_ns, until_ns, exact=True, bare=True)}
    return {
        name: _expected(model, seen, until_ns, step_ns, rpc_ids) for name, model in models.items()
    }


def _expected(
    model: Model,
    known: Mapping[str, Curve],
    until_ns: int,
    step_ns: int,
    rpc_ids: Sequence[str],
) -> list[Curve]:
    nodes = tuple(str(r) for r in model.settings["rpcs"])
    seen = [known[node] for node in nodes if node in known]
    if not seen or not len(seen[0].starts_ns):
        return []
    first = int(seen[0].starts_ns[0])
    steps = (seen[0].starts_ns - first) // step_ns
    each = counted_in(model)
    calls = np.full((int(steps[-1]) + 1, len(nodes)), np.nan)
    calls[steps] = np.stack([curve.observed for curve in seen], axis=1) / each  # [t, n]
    graph = PatternGraph(seen[0].pattern_id, nodes, np.zeros((2, 0), np.int64), np.zeros(0))
    is_seen = ~np.isnan(calls).any(axis=1)
    series = Series(
        graph, first, step_ns // NS_PER_S, np.nan_to_num(calls), is_seen, stands_for=each
    )
    forecast = forecast_with(model, series)
    shown = seen[0].starts_ns >= until_ns - SHOWN_S * NS_PER_S
    found = []
    for curve, node in zip(seen, nodes, strict=True):
        if node not in rpc_ids:
            continue
        n = nodes.index(node)
        expected, spread = forecast.expected[steps, n] * each, forecast.spread[steps, n]
        low, high = band(expected, expected * each + spread * expected**2)
        found.append(
            Curve(
                curve.pattern_id,
                curve.rpc_id,
                curve.signal,
                curve.starts_ns[shown],
                curve.every_s,
                *(x[shown] for x in (curve.observed, expected, low, high)),
                *(x[shown] for x in (curve.score, curve.threshold)),
            )
        )
    return found
