"""A capture of spans becomes a world, and Informer's own word on it for any alert budget."""

import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from informer.config.settings import Settings
from informer.core.types import Bools, Floats, Grid, Ints, Json, Model, PatternTraffic
from informer.detections.detect import Detected, Learned
from informer.engines.duckdb import DuckDBEngine
from informer.incidents.build import Names
from informer.pipeline.history import history
from informer.pipeline.judge import Gathered, gather, incidents_of, judge, names_of
from informer.pipeline.learn import learn
from informer.pipeline.memory import models_in_force, pattern_graphs, previous_patterns, recall
from informer.pipeline.progress import silent
from informer.pipeline.read import read_chains, sources_of
from informer.pipeline.sampled import counted_by
from informer.pipeline.workspace import Workspace
from informer.spans.templates import Templates
from quality.alarms import NEWS
from quality.world import Event, Unmet, World, read_events

COMMON_SIGNALS = ("calls", "failures", "refusals")  # those that every detector sees
MALICIOUS_STEPS = """
select m.pattern_id, h.start_ns // $step_ns * $step_ns as step_start_ns, count(*) as chains
from chains as h join malicious using (trace_id) left join members as m using (shape_id)
group by 1, 2
"""

# Edges from or to nobody known come of spans that were lost: they are no rpc.
UNMET_CALLS = """
select
    c.rpc_id,
    coalesce(m.pattern_id, '-1') as pattern_id,
    (h.start_ns - $from_ns) // $step_ns as step,
    sum(c.weight) as calls
from calls as c
join chains as h using (trace_id)
left join members as m using (shape_id)
left join known_rpcs as k on k.rpc_id = c.rpc_id
where k.rpc_id is null and c.caller <> 'unknown' and c.callee <> 'unknown'
    and h.start_ns >= $from_ns and h.start_ns < $until_ns
group by 1, 2, 3
order by 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Word:
    """What a detector says of a world at an alert budget."""

    incidents: list[Json]
    scores: dict[str, Floats]  # by pattern, [t, 1]: how near its cells are to an alarm, 1 = there


@dataclass(frozen=True, slots=True)
class Capture:
    """A world, and what Informer needs to judge it again and again."""

    world: World
    gathered: Gathered
    models: dict[str, Model]
    learned: Learned
    names: Names
    learn_s: float
    read_s: float
    spans: int

    def word(self, budget: float) -> Word:
        """Informer's incidents at a budget of misuse incidents a day, and its scores."""
        learned = replace(self.learned, budget_per_day=budget)
        found = judge(self.gathered, self.models, learned).found
        incidents = as_json(incidents_of(self.gathered, found, self.names))
        return Word(incidents, pattern_scores(found, self.world))

    def counts_only(self) -> "Capture":
        """The same detector with the same models, blind to new calls, new forms and versions."""
        observed = replace(self.gathered.observed, novel=[], workloads={})
        learned = replace(self.learned, version_shares={})
        return replace(self, gathered=replace(self.gathered, observed=observed), learned=learned)


def build(
    folder: Path, name: str, workspace: Path, *, settings: Settings, labels: Path | None = None
) -> Capture:
    """Learn `train/`, read `test/`; labels.csv and malicious.parquet in the folder say the truth.

    A folder without the latter takes an attack's steps as malicious in every pattern that makes
    its guilty call.
    """
    started = time.process_time()
    learn([folder / "train"], workspace, settings=settings)
    return _read(folder, name, workspace, labels, time.process_time() - started)


def build_again(folder: Path, name: str, workspace: Path, before: Capture) -> Capture:
    """Another test range after the same training."""
    return _read(folder, name, workspace, None, before.learn_s)


def _read(folder: Path, name: str, workspace: Path, labels: Path | None, learn_s: float) -> Capture:
    started = time.process_time()
    with Workspace.open(workspace) as home, home.scratch() as scratch:
        read = read_chains(
            scratch,
            home,
            sources_of([folder / "test"], home.settings),
            Templates.from_json(home.get("templates")),
            silent,
        )
        gathered = gather(home, scratch, silent)
        events = read_events(labels or folder / "labels.csv")
        learned = recall(home)
        names = names_of(scratch.query("select * from rpcs"), home.table("patterns"), learned)
        train_grid, train = _train(home)
        truth = folder / "malicious.parquet"
        if truth.exists():
            malicious = _malicious(scratch, truth, gathered)
        else:
            malicious = _guilty_steps(events, gathered, names)
        world = World(
            name=name,
            train_grid=train_grid,
            test_grid=gathered.grid,
            train={p: train[p] for p in gathered.traffic},
            test=gathered.traffic,
            rpcs=names.rpcs,
            labels=names.labels,
            services_of=learned.services_of,
            events=events,
            malicious=malicious,
            unmet=_unmet(scratch, gathered.grid),
        )
        models = models_in_force(home)[1]
        read_s = time.process_time() - started
        return Capture(world, gathered, models, learned, names, learn_s, read_s, read.chains.spans)


def as_json(incidents: pa.Table) -> list[Json]:
    """Incidents with their rpcs, as `judge` of the metrics wants them."""
    return [
        {
            **{k: row[k] for k in ("kind", "opened_ns", "resolved_ns", "title", "score")},
            "rpcs": orjson.loads(row["evidence"])["rpcs"],
        }
        for row in incidents.to_pylist()
    ]


def pattern_scores(found: Detected, world: World) -> dict[str, Floats]:
    """How far the cells of each pattern are towards their thresholds, [t, 1]; 1 = an alarm.

    The highest at every step; 0 where it was not seen. Of what the baselines score as well: too
    much of what they see, and what was never met, at the same height.
    """
    too_much = pc.greater_equal(found.scores["observed"], found.scores["expected"])
    common = pc.is_in(found.scores["signal"], pa.array(COMMON_SIGNALS))
    told = found.scores.filter(pc.and_(too_much, common))
    ratio = pc.divide(told["score"], told["threshold"])
    cells = told.select(["pattern_id", "step_start_ns"]).append_column("ratio", ratio)
    highest = cells.group_by(["pattern_id", "step_start_ns"]).aggregate([("ratio", "max")])
    scores = {p: np.zeros((len(world.test_grid.seen), 1)) for p in world.test}
    for p, t, value in zip(
        highest["pattern_id"].to_pylist(),
        _steps(highest, world.test_grid),
        highest["ratio_max"].to_numpy(),
        strict=True,
    ):
        scores[p][t] = value
    news = found.detections.filter(pc.equal(found.detections["kind"], "novel"))
    for p, t in zip(news["pattern_id"].to_pylist(), _steps(news, world.test_grid), strict=True):
        if p in scores:
            scores[p][t] = NEWS
    return scores


def _steps(rows: pa.Table, grid: Grid) -> Ints:
    return np.asarray((rows["step_start_ns"].to_numpy() - grid.start_ns) // grid.step_ns)


def _train(home: Workspace) -> tuple[Grid, dict[str, PatternTraffic]]:
    trained = home.get("trained")
    graphs = pattern_graphs(previous_patterns(home))
    train = history(
        home,
        graphs,
        trained["step_s"],
        trained["start_ns"],
        trained["end_ns"],
        stands_for=counted_by(models_in_force(home)[1]),
    )
    seen = next(iter(train.values())).series.seen
    return Grid(trained["start_ns"], trained["step_s"], seen), train


def _unmet(scratch: DuckDBEngine, grid: Grid) -> tuple[Unmet, ...]:
    """What `gather` left in the scratch engine says which rpcs are known."""
    rows = scratch.query(
        UNMET_CALLS, step_ns=grid.step_ns, from_ns=grid.start_ns, until_ns=grid.end_ns
    ).to_pylist()
    calls: dict[tuple[str, str], Floats] = {}
    for row in rows:
        cell = (row["rpc_id"], row["pattern_id"])
        calls.setdefault(cell, np.zeros(len(grid.seen)))[row["step"]] += row["calls"]
    return tuple(Unmet(rpc_id, pattern_id, own) for (rpc_id, pattern_id), own in calls.items())


def _malicious(scratch: DuckDBEngine, truth: Path, gathered: Gathered) -> dict[str, Bools]:
    grid = gathered.grid
    scratch.write("malicious", pq.read_table(truth))
    marked = {p: np.zeros(len(grid.seen), dtype=bool) for p in gathered.traffic}
    for row in scratch.query(MALICIOUS_STEPS, step_ns=grid.step_ns).to_pylist():
        step = (row["step_start_ns"] - grid.start_ns) // grid.step_ns
        if row["pattern_id"] in marked and 0 <= step < len(grid.seen):
            marked[row["pattern_id"]][step] = True
    return marked


def _guilty_steps(events: tuple[Event, ...], gathered: Gathered, names: Names) -> dict[str, Bools]:
    grid = gathered.grid
    starts = grid.starts_ns()
    marked = {}
    for pattern_id, traffic in gathered.traffic.items():
        steps = np.zeros(len(grid.seen), dtype=bool)
        rpcs = [names.rpcs[r] for r in traffic.series.graph.rpc_ids]
        for event in events:
            if event.flag == "attack" and any(event.is_guilty(r) for r in rpcs):
                steps |= (starts + grid.step_ns > event.start_ns) & (starts < event.end_ns)
        marked[pattern_id] = steps
    return marked
