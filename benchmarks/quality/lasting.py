"""Changes that are legitimate and stay: traffic before and after, and what they concern."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from informer.config.settings import Settings, SourceSettings
from informer.core.types import NS_PER_S, Json
from informer.pipeline.memory import pattern_graphs, previous_patterns
from informer.pipeline.workspace import Workspace
from informer.simulate.grafts import regular_rpcs
from informer.simulate.rates import STEPS_PER_DAY
from informer.simulate.read import scenario_of
from informer.simulate.scenario import Scenario
from informer.simulate.write import simulate
from quality.campaigns import FROM_NS
from quality.datasets import settings_of
from quality.judge import NAMED
from quality.real_data import real_data
from quality.world import Event, read_events

Rpc = tuple[str, str, str]  # caller, callee, method

HOUR_NS = 3_600 * NS_PER_S
BASE, STEP_S = "bank", 300
TRAIN_DAYS, DAYS = 14, 19
GROWN, TIMES = "balance", 1.6
DEPLOYED, BECOMES, SERVICE = "transfer", "transfer_by_v2", "transfers"
CHANGED_AT = "1d 00:00"  # after training; a day before it is as ever


@dataclass(frozen=True, slots=True)
class Lasting:
    """One change that stays, and the traffic around it.

    `concerns` says whether an incident is about it, given the ids of the patterns that it changes.
    """

    name: str
    test: Path
    settings: Settings
    changed_ns: int
    until_ns: int  # it stays so long, or the traffic ends
    patterns: tuple[frozenset[Rpc], ...]  # what they call, before and after
    new: frozenset[Rpc]  # rpcs that there were none of
    label: Event | None = None  # that names its rpcs, where its patterns are not known
    events: tuple[Event, ...] = ()  # attacks and faults meanwhile: they excuse what opens in them

    def concerns(self, incident: Json, changed: frozenset[str]) -> bool:
        """Whether an incident is of a pattern that changed, or of an rpc that did or came."""
        patterns = {p["id"] for p in incident["patterns"]}
        rpcs = {(r["caller"], r["callee"], r["method"]) for r in incident["rpcs"]}
        labelled = self.label and any(self.label.is_guilty(r) for r in incident["rpcs"][:NAMED])
        return bool(patterns & changed or rpcs & self.new or labelled)

    def changed_in(self, workspace: Path) -> frozenset[str]:
        """The learned patterns that call most nearly the same."""
        with Workspace.open(workspace) as home:
            rpcs = {
                r["rpc_id"]: (r["caller"], r["callee"], r["method"])
                for r in home.table("rpcs").to_pylist()
            }
            graphs = pattern_graphs(previous_patterns(home))
        learned = {g.pattern_id: frozenset(rpcs[r] for r in g.rpc_ids) for g in graphs}
        return frozenset(max(learned, key=_likeness_to(one, learned)) for one in self.patterns)


def _likeness_to(
    wanted: frozenset[Rpc], learned: dict[str, frozenset[Rpc]]
) -> Callable[[str], tuple[float, str]]:
    def likeness(pattern_id: str) -> tuple[float, str]:
        own = learned[pattern_id]
        return len(own & wanted) / len(own | wanted), pattern_id

    return likeness


def simulated(folder: Path, seed: int) -> tuple[Path, Iterator[Lasting]]:
    """A clean bank to learn, and what follows it with one change each: a growth, a deploy."""
    settings = settings_of(STEP_S, models=True)
    plain = _scenario([])
    simulate(plain, folder / "plain", seed=seed, from_ns=FROM_NS)
    return folder / "plain" / "train", _changes(folder, plain, settings, seed)


def _changes(folder: Path, plain: Scenario, settings: Settings, seed: int) -> Iterator[Lasting]:
    changed_ns = FROM_NS + (TRAIN_DAYS + 1) * STEPS_PER_DAY * 60 * NS_PER_S
    until_ns = FROM_NS + DAYS * STEPS_PER_DAY * 60 * NS_PER_S
    rpcs = {p.name: frozenset(regular_rpcs(p)) for p in plain.patterns}
    patterns = tuple(
        replace(p, per_minute=p.per_minute * TIMES) if p.name == GROWN else p
        for p in plain.patterns
    )
    simulate(replace(plain, patterns=patterns), folder / "grown", seed=seed, from_ns=FROM_NS)
    yield Lasting(
        f"growth of {GROWN} to {TIMES:g} times",
        _joined(folder / "growth", folder / "plain" / "test", folder / "grown" / "test"),
        settings,
        changed_ns,
        until_ns,
        (rpcs[GROWN],),
        frozenset(),
    )
    deploy: Json = {"id": "L1", "kind": "deploy", "at": CHANGED_AT, "minutes": 60}
    deploy |= {"patterns": [DEPLOYED], "to": BECOMES, "service": SERVICE, "version": "v2"}
    simulate(_scenario([deploy]), folder / "deployed", seed=seed, from_ns=FROM_NS)
    yield Lasting(
        f"deploy of {SERVICE} v2",
        folder / "deployed" / "test",
        settings,
        changed_ns,
        until_ns,
        (rpcs[DEPLOYED], rpcs[BECOMES]),
        rpcs[BECOMES] - frozenset().union(*(r for p, r in rpcs.items() if p != BECOMES)),
    )


def _scenario(events: list[Json]) -> Scenario:
    given: Json = {
        "like": BASE,
        "scenario": {"title": "A change that stays", "days": DAYS, "train_days": TRAIN_DAYS},
        "calendar": {"holidays": []},
        "event": events,
    }
    return scenario_of(given, BASE)


def _joined(folder: Path, before: Path, after: Path) -> Path:
    """The first day of one range, then the other days of the other."""
    folder.mkdir()
    first, *_ = sorted(before.iterdir())
    _, *others = sorted(after.iterdir())
    for file in (first, *others):
        (folder / file.name).symlink_to(file)
    return folder


def mesh() -> tuple[Path, Lasting]:
    """The real mesh: a version of a service goes for a day and a half, others take its calls."""
    days = real_data("bookinfo-mesh") / "days"
    events = read_events(days / "labels_a.csv")
    (deploy,) = [e for e in events if e.kind.startswith("deploy")]
    settings = replace(
        settings_of(600, models=True), source=SourceSettings(where="scope = 'envoy'")
    )
    return days / "train.parquet", Lasting(
        "mesh: reviews v1 goes",
        days / "segment_a.parquet",
        settings,
        deploy.start_ns,
        deploy.end_ns,
        (),
        frozenset(),
        deploy,
        tuple(e for e in events if e.flag != "legit"),
    )
