"""A person's decisions: accept, reject and revert, each for the patterns it names and no other."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from informer.core.errors import InformerError
from informer.core.types import NS_PER_S, Json
from informer.detections.streams import Rates, learn_rates
from informer.forecasts.fit import fit_all
from informer.forecasts.store import save_model
from informer.pipeline.history import ends_ns, forgive, history
from informer.pipeline.learn import add_run, next_run_id
from informer.pipeline.memory import (
    pattern_graphs,
    previous_patterns,
    rates_from_json,
    rates_to_json,
)
from informer.pipeline.workspace import Workspace

EVER = 2**62


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision did."""

    run_id: str
    models: dict[str, str]  # pattern: the version now in force, for the patterns that changed
    learned_rpcs: tuple[str, ...]  # rpcs that were novel and are not any more


def accept_incident(workspace: str | Path, incident_id: str) -> Decision:
    """It was legitimate: its steps may teach, its news is known, its patterns learn again."""
    with Workspace.open(Path(workspace)) as home, home.engine.transaction():
        incident = _incident(home, incident_id)
        _set_verdict(home, [incident_id], "accepted")
        until_ns = ends_ns(incident, int(home.get("trained")["step_s"]) * NS_PER_S)
        forgive(home, incident["patterns"], incident["opened_ns"], until_ns)
        learned = _learn_news(home, incident)
        return _relearn(home, incident["patterns"], learned)


def reject_incident(workspace: str | Path, incident_id: str) -> None:
    """It was misuse: its steps stay out of training for good."""
    with Workspace.open(Path(workspace)) as home, home.engine.transaction():
        _incident(home, incident_id)
        _set_verdict(home, [incident_id], "rejected")


def accept_pattern(workspace: str | Path, pattern_id: str) -> Decision:
    """Whatever irregular traffic the pattern has is legitimate, but for rejected incidents."""
    with Workspace.open(Path(workspace)) as home, home.engine.transaction():
        _check_pattern(home, pattern_id)
        forgive(home, [pattern_id], 0, EVER)
        learned: list[str] = []
        for incident in _incidents_of(home, pattern_id):
            if incident["verdict"] == "rejected":
                continue
            _set_verdict(home, [incident["incident_id"]], "accepted")
            learned += _learn_news(home, incident)
        return _relearn(home, [pattern_id], learned)


def reject_pattern(workspace: str | Path, pattern_id: str) -> None:
    """Whatever irregular traffic the pattern has and nobody accepted is misuse."""
    with Workspace.open(Path(workspace)) as home, home.engine.transaction():
        _check_pattern(home, pattern_id)
        ids = [i["incident_id"] for i in _incidents_of(home, pattern_id) if i["verdict"] == "open"]
        _set_verdict(home, ids, "rejected")


def revert_pattern(workspace: str | Path, pattern_id: str) -> Decision:
    """Put the pattern's previous model back in force.

    Errors: InformerError when it never had another.
    """
    with Workspace.open(Path(workspace)) as home, home.engine.transaction():
        _check_pattern(home, pattern_id)
        runs = home.table("runs").sort_by("run_id").to_pylist()
        versions = [orjson.loads(run["models"]) for run in runs]
        current = versions[-1].get(pattern_id)
        earlier = [v[pattern_id] for v in versions if v.get(pattern_id, current) < current]
        if not earlier:
            raise InformerError(f"pattern {pattern_id} has no model before {current}")
        return _put_in_force(home, {pattern_id: earlier[-1]}, {}, ())


def _relearn(home: Workspace, pattern_ids: Sequence[str], learned: Sequence[str]) -> Decision:
    """Train these patterns again on all kept traffic that may teach; touch nothing else."""
    patterns = previous_patterns(home)
    trained = home.get("trained")
    graphs = [g for g in pattern_graphs(patterns) if g.pattern_id in set(pattern_ids)]
    traffic = history(home, graphs, int(trained["step_s"]), 0, EVER)
    critical = {r["pattern_id"] for r in patterns.patterns.to_pylist() if r["critical"]}
    fitted = fit_all(
        [t.series for t in traffic.values()],
        critical=critical,
        seed=home.settings.machine.seed,
        processes=1,
    )
    versions = {p: save_model(f.model, home.models / p) for p, f in fitted.items()}
    _relearn_rates(home, {p: learn_rates({p: t}, t.series.seen) for p, t in traffic.items()})
    backtests = {p: f.backtest.to_json() for p, f in fitted.items()}
    return _put_in_force(home, versions, backtests, learned)


def _relearn_rates(home: Workspace, fresh: dict[str, Rates]) -> None:
    rates = rates_from_json(home.get("rates"))
    for one in fresh.values():
        rates.calls.update(one.calls)
        rates.hits.update(one.hits)
    home.put("rates", rates_to_json(rates))


def _put_in_force(
    home: Workspace,
    changed: dict[str, str],
    backtests: dict[str, Json],
    learned: Sequence[str],
) -> Decision:
    """Write a run in which only these models are other ones."""
    last = home.table("runs").sort_by("run_id").to_pylist()[-1]
    run_id = next_run_id(home, last["trained_to_ns"])
    add_run(
        home,
        run_id,
        (last["trained_from_ns"], last["trained_to_ns"]),
        orjson.loads(last["backtest"]) | backtests,
        orjson.loads(last["models"]) | changed,
    )
    return Decision(run_id, changed, tuple(learned))


def _learn_news(home: Workspace, incident: Json) -> list[str]:
    """Make the incident's novel rpcs and shapes known ones, and the shapes that these rpcs make."""
    learned = []
    for thing in orjson.loads(incident["evidence"])["novel"]:
        name = str(thing["name"])
        if thing["what"] != "shape":
            _know(home, "rpcs", "rpc_id", "rpc_id = $name", name)
        _know(home, "shapes", "shape_id", "shape_id = $name or $name in rpc_ids", name)
        learned.append(name)
    return learned


def _know(home: Workspace, table: str, key: str, which: str, name: str) -> None:
    home.engine.run(
        f"insert into {table} by name select * from met_{table} where ({which}) "
        f"and {key} not in (select {key} from {table})",
        name=name,
    )


def _incident(home: Workspace, incident_id: str) -> Json:
    for row in home.table("incidents").to_pylist():
        if row["incident_id"] == incident_id:
            return dict(row)
    raise InformerError(f"incident {incident_id!r} is unknown: see `informer incidents list`")


def _incidents_of(home: Workspace, pattern_id: str) -> list[Json]:
    return [i for i in home.table("incidents").to_pylist() if pattern_id in i["patterns"]]


def _check_pattern(home: Workspace, pattern_id: str) -> None:
    known = home.table("patterns").to_pylist()
    if not any(p["pattern_id"] == pattern_id and p["state"] != "retired" for p in known):
        raise InformerError(f"pattern {pattern_id!r} is unknown: see `informer patterns list`")


def _set_verdict(home: Workspace, incident_ids: Sequence[str], verdict: str) -> None:
    for incident_id in incident_ids:
        home.engine.run(
            "update incidents set verdict = $verdict where incident_id = $incident_id",
            verdict=verdict,
            incident_id=incident_id,
        )
