"""A person's decisions: accept, reject and revert, each for the patterns it names and no other.

Each is kept together with its line in the audit log; `by` is the user of this machine if not given.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import orjson

from informer.core.errors import InformerError, UnknownError
from informer.core.types import Json
from informer.pipeline.accepts import Accept, accepts_in, drop_accept, keep_accept
from informer.pipeline.audit import Decider, audited
from informer.pipeline.deploys import accept_versions, restore_versions
from informer.pipeline.look import incident_row
from informer.pipeline.memory import fits, pattern_graphs, previous_patterns, versions_in_force
from informer.pipeline.news import forget_news, learn_news, news_of, redraw
from informer.pipeline.relearn import lesson_of, relearn
from informer.pipeline.runs import kept_models_of_runs, put_in_force
from informer.pipeline.steps import last_looked_ns, step_ns_of
from informer.pipeline.teaching import ends_ns
from informer.pipeline.training import Training
from informer.pipeline.workspace import BLIND, Place, Workspace, at


@dataclass(frozen=True, slots=True)
class Decision:
    """What a decision did."""

    models: dict[str, str]  # pattern: the version now in force, for the patterns that changed
    reopened: tuple[str, ...] = ()  # incidents that wait for a decision again


def accept_incident(
    workspace: Place,
    incident_id: str,
    by: Decider | None = None,
    training: Training | None = None,
) -> Decision:
    """It was legitimate: its steps may teach, its news is known, its patterns learn again."""
    with at(workspace) as home, audited(home, by, "accept", f"incident {incident_id}"):
        incident = _incident(home, incident_id)
        until_ns = ends_ns(incident, step_ns_of(home))
        span_ns = (int(incident["opened_ns"]), until_ns)
        patterns = list(incident["patterns"])
        return _accept(home, patterns, [incident], span_ns, training or Training())


def reject_incident(workspace: Place, incident_id: str, by: Decider | None = None) -> Decision:
    """It was misuse: its steps stay out of training for good.

    One that had been accepted is taken back first, as `revert_pattern` does it. Errors:
    InformerError when its patterns have learned more since then.
    """
    with at(workspace) as home, audited(home, by, "reject", f"incident {incident_id}"):
        incident = _incident(home, incident_id)
        done = Decision({})
        if incident["verdict"] == "accepted":
            done = _take_back(home, incident)
        _set_verdict(home, [incident_id], "rejected")
        reopened = tuple(i for i in done.reopened if i != incident_id)
        return replace(done, reopened=reopened)


def accept_pattern(
    workspace: Place,
    pattern_id: str,
    by: Decider | None = None,
    training: Training | None = None,
) -> Decision:
    """Whatever irregular traffic the pattern has is legitimate, but for rejected incidents."""
    training = training or Training()
    with at(workspace) as home, audited(home, by, "accept", f"pattern {pattern_id}"):
        _check_pattern(home, pattern_id)
        end_ns = min(last_looked_ns(home), training.until_ns)
        open_ones = [i for i in _incidents_of(home, pattern_id) if i["verdict"] == "open"]
        incidents = [i for i in open_ones if i["opened_ns"] < end_ns]
        return _accept(home, [pattern_id], incidents, (0, end_ns), training)


def reject_pattern(workspace: Place, pattern_id: str, by: Decider | None = None) -> None:
    """Whatever irregular traffic the pattern has and nobody accepted is misuse."""
    with at(workspace) as home, audited(home, by, "reject", f"pattern {pattern_id}"):
        _check_pattern(home, pattern_id)
        ids = [i["incident_id"] for i in _incidents_of(home, pattern_id) if i["verdict"] == "open"]
        _set_verdict(home, ids, "rejected")


def revert_pattern(workspace: Place, pattern_id: str, by: Decider | None = None) -> Decision:
    """Put the pattern's previous model back in force, and undo the accept that replaced it.

    What the accept had said of this pattern is unsaid: its incidents are open again, its steps do
    not teach, its news is news. Errors: InformerError when there is no earlier model, or when it
    does not fit the pattern any more.
    """
    with at(workspace) as home, audited(home, by, "revert", f"pattern {pattern_id}"):
        _check_pattern(home, pattern_id)
        return _put_back(home, [pattern_id])


def _accept(
    home: Workspace,
    pattern_ids: list[str],
    incidents: list[Json],
    span_ns: tuple[int, int],
    training: Training,
) -> Decision:
    """Let steps teach, know the news, and train these patterns again; touch nothing else."""
    ids = [i["incident_id"] for i in incidents]
    _set_verdict(home, ids, "accepted")
    in_force = versions_in_force(home)[1]
    pattern_ids = [p for p in pattern_ids if p in in_force]
    news = learn_news(home, incidents, pattern_ids)
    shares = accept_versions(home, incidents, step_ns_of(home))
    redraw(home, sorted(set(news.joined.values())))
    lessons = []
    for pattern_id in pattern_ids:
        accept = Accept(
            pattern_id,
            "",
            in_force[pattern_id],
            *span_ns,
            incidents=tuple(ids),
            rpcs=news.rpcs,
            shapes=news.shapes_of(pattern_id),
            version_shares=shares,
        )
        lessons.append(lesson_of(home, accept, incidents, training.until_ns))
    versions, backtests = {}, {}
    for accept, fitted in relearn(home, lessons, training.runner):
        keep_accept(home, accept)
        versions[accept.pattern_id] = accept.version
        backtests[accept.pattern_id] = fitted.backtest.to_json()
    put_in_force(home, versions, backtests)
    return Decision(versions)


def _put_back(home: Workspace, pattern_ids: Sequence[str]) -> Decision:
    """The models before the ones in force, with all that goes with them."""
    in_force = versions_in_force(home)[1]
    accepts = accepts_in(home)
    undone = [a for a in accepts if a.pattern_id in pattern_ids and _made(a, in_force)]
    stay = [a for a in accepts if a not in undone]
    models = {a.pattern_id: a.before for a in undone}
    for pattern_id in pattern_ids:
        if pattern_id not in models:
            models[pattern_id] = _earlier_model(home, pattern_id, in_force.get(pattern_id, ""))
    for accept in undone:
        drop_accept(home, accept)
        # Of what several patterns were accepted with, each holds on to it.
        held = {service for a in stay for service in a.version_shares}
        before = {s: v for s, v in accept.version_shares.items() if s not in held}
        restore_versions(home, before)
    known, held_news = news_of(undone), news_of(stay)
    forget_news(home, known[0] - held_news[0], known[1] - held_news[1])
    redraw(home, pattern_ids)
    _check_fit(home, models)
    reopened = sorted({i for accept in undone for i in accept.incidents})
    _set_verdict(home, reopened, "open")
    put_in_force(home, models, {})
    return Decision(models, tuple(reopened))


def _made(accept: Accept, in_force: Mapping[str, str]) -> bool:
    """Whether the model in force came of this accept."""
    return in_force.get(accept.pattern_id) == accept.version


def _take_back(home: Workspace, incident: Json) -> Decision:
    """Undo the accept of an incident, for all of its patterns."""
    in_force = versions_in_force(home)[1]
    mine = [a for a in accepts_in(home) if incident["incident_id"] in a.incidents]
    for accept in mine:
        if not _made(accept, in_force):
            raise InformerError(
                f"incident {incident['incident_id']} was accepted, and pattern "
                f"{accept.pattern_id} has learned more since: first "
                f"`informer patterns revert {accept.pattern_id}`"
            )
    if mine:
        return _put_back(home, [a.pattern_id for a in mine])
    # It touched no pattern: all that accepting did was to make its news known.
    news = orjson.loads(incident["evidence"])["novel"]
    names = {str(n["name"]) for n in news}
    shapes = home.table("shapes").select(["shape_id", "rpc_ids"]).to_pylist()
    members = set(home.table("members")["shape_id"].to_pylist())
    holding = {s["shape_id"] for s in shapes if names & {s["shape_id"], *s["rpc_ids"]}} - members
    forget_news(home, {n["name"] for n in news if n["what"] != "shape"}, holding)
    return Decision({})


def _earlier_model(home: Workspace, pattern_id: str, current: str) -> str:
    """The last version that was in force before this one, of those that are older."""
    runs = kept_models_of_runs(home)
    earlier = [v[pattern_id] for v in runs if v.get(pattern_id, current) < current]
    if not earlier:
        raise InformerError(f"pattern {pattern_id} has no model before {current}")
    return str(earlier[-1])


def _check_fit(home: Workspace, models: Mapping[str, str]) -> None:
    graphs = {g.pattern_id: g for g in pattern_graphs(previous_patterns(home))}
    step_s = int(home.get("trained")["step_s"])
    for pattern_id, version in models.items():
        if not fits(home, graphs[pattern_id], version, step_s):
            raise InformerError(
                f"model {version} of pattern {pattern_id} knows other rpcs or another step than "
                "the pattern has since it was learned again"
            )


def _incident(home: Workspace, incident_id: str) -> Json:
    row = incident_row(home, incident_id)
    if row["kind"] == BLIND:
        raise InformerError(
            f"incident {incident_id} says that nothing was watched: there is nothing to decide on, "
            "it resolves by itself"
        )
    return row


def _incidents_of(home: Workspace, pattern_id: str) -> list[Json]:
    return [i for i in home.table("incidents").to_pylist() if pattern_id in i["patterns"]]


def _check_pattern(home: Workspace, pattern_id: str) -> None:
    known = home.table("patterns").to_pylist()
    if not any(p["pattern_id"] == pattern_id and p["state"] != "retired" for p in known):
        raise UnknownError(f"pattern {pattern_id!r} is unknown: see `informer patterns list`")


def _set_verdict(home: Workspace, incident_ids: Sequence[str], verdict: str) -> None:
    for incident_id in incident_ids:
        home.engine.run(
            "update incidents set verdict = $verdict where incident_id = $incident_id",
            verdict=verdict,
            incident_id=incident_id,
        )
