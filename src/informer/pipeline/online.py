"""A workspace that watches live traffic: spans come in batches, steps are closed, incidents told.

A step is closed when stream time, the start of the newest spans, is past its end by the
watermark. No data closes nothing: it is not silence. What is told of a step is kept in one
transaction with how far the watching came, so that a step is judged once, whatever happens.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.chains.build import build_chains
from informer.core.ports import Engine, Source
from informer.core.types import NS_PER_S, Grid, Json, PatternGraph, PatternTraffic, Series
from informer.detections.calibrate import SECONDS_A_DAY
from informer.detections.detect import Observed
from informer.forecasts.clock import learned_until_ns
from informer.pipeline.accepts import accepts_in, levelled
from informer.pipeline.history import context_start_ns, history, kept
from informer.pipeline.judge import Gathered, count
from informer.pipeline.memory import (
    models_in_force,
    pattern_graphs,
    previous_patterns,
    recall,
    recall_entries,
    workload_series,
)
from informer.pipeline.open_spans import Came, OpenSpans
from informer.pipeline.progress import silent
from informer.pipeline.sampled import counted_by
from informer.pipeline.steps import step_ns_of
from informer.pipeline.strangers import share_methods, share_names
from informer.pipeline.teaching import barred_steps
from informer.pipeline.tell import Look, tell
from informer.pipeline.watch import Watch
from informer.pipeline.workspace import Workspace
from informer.spans.templates import OPERATIONS, Templates
from informer.traffic.bin import bin_onto
from informer.traffic.coverage import covered

NOTE = "watching"  # how far it came
BEGINS_S = SECONDS_A_DAY  # before the newest span, at most, the watching begins
CHAINS_S = 8 * SECONDS_A_DAY  # of chains before a step say whether it was covered
CHAINS = """
select t.step_start_ns, sum(t.calls) as chains
from traffic as t
inner join patterns as p on p.pattern_id = t.pattern_id and p.entry_rpc_id = t.rpc_id
where t.step_start_ns >= $first and t.step_start_ns < $end
group by 1
"""


@dataclass(frozen=True, slots=True)
class Closed:
    """What closing some steps came to."""

    grid: Grid
    spans: int
    late: int
    chains: int
    incidents: pa.Table  # INCIDENTS that opened or went on
    strangers: int  # names that were too many, and share one
    orphan_share: float  # spans whose parent is lost, of all
    scores: dict[str, float]  # by pattern: the highest of the last step over its threshold
    rpc_scores: dict[tuple[str, str], float]  # the same by pattern and rpc
    learned_until_ns: dict[str, int]  # by pattern: its model knows nothing of later


class Online:
    """Watches by what the workspace learned; one thread at a time."""

    def __init__(
        self, home: Workspace, *, watermark_s: int, beside: Callable[[pa.Table, Json], None]
    ) -> None:
        """`beside` is called with the incidents of every look and the note of how far it came,
        inside the transaction that keeps them.
        """
        self.home = home
        self.scratch = home.scratch()
        self._watermark_ns = watermark_s * NS_PER_S
        self._beside = beside
        self.step_ns = step_ns_of(home)
        self.note = home.get(NOTE)
        self.closed_ns = int(self.note.get("closed_ns", 0))
        self.began_ns = int(self.note.get("began_ns", 0))
        self.open = OpenSpans(self.scratch, int(self.note.get("batch", 0)))
        self._missing: list[tuple[int, int]] = []
        self._watch: Watch | None = None

    @property
    def is_warm(self) -> bool:
        """Whether the next look has all that it looks back on at hand."""
        return self._watch is not None

    def add(self, sources: Sequence[Source], batch: int, *, now_ns: int) -> Came:
        """Take in a batch of spans, by its number."""
        return self.open.add(sources, batch, now_ns=now_ns)

    def missed(self, from_ns: int, until_ns: int) -> None:
        """Nobody listened in this time: its steps are not covered."""
        self._missing.append((from_ns, until_ns))

    def learned_anew(self) -> None:
        """Take up what the workspace holds now: models, patterns, accepted steps."""
        self._watch = None

    def due(self) -> int:
        """Until when steps can be closed; no later than `closed_ns` where none can."""
        if not self.note.get("closed_ns") and self.open.first_ns:
            # The step in which the first span came began before anybody listened. Some clock may
            # stand at 1970: what lies far before all others begins nothing.
            first = max(self.open.first_ns, self.open.stream_ns - BEGINS_S * NS_PER_S)
            self.closed_ns = self.began_ns = first - first % self.step_ns + self.step_ns
        stream = self.open.stream_ns - self._watermark_ns
        return max(stream - stream % self.step_ns, self.closed_ns)

    def close(self, until_ns: int, note: Json) -> Closed:
        """Close all steps that end until then, and tell what is to be told of them.

        `note` is kept with them.
        """
        grid = self._grid(until_ns)
        taken = self.open.take(grid.start_ns, grid.end_ns, began_ns=self.began_ns)
        strangers = self._learn_names()
        entries = recall_entries(self.home)
        chains = build_chains(self.scratch, key=self.home.key, remote_entries=entries)
        run_id, models = models_in_force(self.home)
        counted: list[Grid] = []

        def bins(engine: Engine, *, step_s: int) -> Grid:
            counted.append(self._covered(grid))
            bin_onto(engine, counted[-1])
            return counted[-1]

        newest = count(self.home, self.scratch, silent, models, bins)
        learned = recall(self.home)
        if self._watch is None:
            self._watch = self._window(grid.start_ns, learned.calibration.longest)
        gathered, judged = self._watch.look(newest, learned)
        look = Look(newest.grid, gathered, judged, learned, run_id)
        note = note | {"began_ns": self.began_ns, "closed_ns": grid.end_ns}

        def beside(incidents: pa.Table) -> None:
            self.home.put(NOTE, note)
            self._beside(incidents, note)

        told = tell(self.home, self.scratch, look, beside)
        self.note, self.closed_ns = note, grid.end_ns
        self._missing = [m for m in self._missing if m[1] > grid.end_ns]
        return Closed(
            newest.grid,
            taken.spans,
            taken.late,
            chains.chains,
            told.incidents,
            strangers,
            chains.orphans / max(chains.spans, 1),
            *_over_threshold(judged.found.scores, grid.end_ns - self.step_ns),
            {pattern_id: learned_until_ns(model) for pattern_id, model in models.items()},
        )

    def shut(self) -> None:
        """Let the scratch engine go; what is open is lost from it."""
        self.scratch.close()

    def _learn_names(self) -> int:
        """Make `methods` and the known `rpcs`; how many names are shared, for they are too many."""
        self.scratch.write("rpcs", self.home.table("rpcs"))
        strangers = share_names(self.scratch)
        templates = Templates.from_json(self.home.get("templates"))
        operations = self.scratch.query(OPERATIONS)
        self.scratch.write("methods", templates.mapping(operations))
        share_methods(self.scratch)
        return strangers

    def _grid(self, until_ns: int) -> Grid:
        steps = (until_ns - self.closed_ns) // self.step_ns
        return Grid(self.closed_ns, self.step_ns // NS_PER_S, np.ones(steps, bool))

    def _covered(self, grid: Grid) -> Grid:
        """The grid with the steps that were covered, by how busy it was before them."""
        before = CHAINS_S // grid.step_s
        first_ns = grid.start_ns - before * grid.step_ns
        chains = np.zeros(before + len(grid.seen))
        kept_chains = self.home.engine.query(CHAINS, first=first_ns, end=grid.start_ns)
        now = self.scratch.query("select step_start_ns, chains from chain_steps")
        for rows in (kept_chains, now):
            place = (rows["step_start_ns"].to_numpy() - first_ns) // grid.step_ns
            inside = (place >= 0) & (place < len(chains))
            chains[place[inside]] += rows["chains"].to_numpy()[inside]
        busy = np.flatnonzero(chains)
        first = int(busy[0]) if len(busy) else before
        first = min(first, before)
        whole = np.zeros(len(chains) - first)
        seen = np.concatenate(
            [np.zeros(first, bool), covered(chains[first:], whole, whole, grid.step_s)]
        )[before:]
        starts = grid.starts_ns()
        for from_ns, until_ns in self._missing:
            seen &= (starts + grid.step_ns <= from_ns) | (starts >= until_ns)
        return replace(grid, seen=seen)

    def _window(self, until_ns: int, longest: int) -> Watch:
        """What was kept of the steps before, ready to be looked at with the newest."""
        home, step_ns = self.home, self.step_ns
        step_s = step_ns // NS_PER_S
        models = models_in_force(home)[1]
        graphs = [g for g in pattern_graphs(previous_patterns(home)) if g.pattern_id in models]
        stands_for = counted_by(models)
        found = kept(home, graphs, step_s, until_ns - longest * step_ns, until_ns, stands_for)
        start_ns = found[0].start_ns if found else until_ns
        grid = Grid(start_ns, step_s, np.zeros((until_ns - start_ns) // step_ns, bool))
        if found:
            grid.seen[: len(found[0].seen)] = found[0].seen
        accepts = accepts_in(home)
        traffic = {
            g.pattern_id: levelled(accepts, _on(grid, g, found and found[1][g.pattern_id], each))
            for g in graphs
            for each in [stands_for[g.pattern_id]]
        }
        past = history(
            home,
            graphs,
            step_s,
            context_start_ns(start_ns),
            start_ns,
            stands_for=stands_for,
        )
        workloads = home.engine.query(
            "select * from workloads where step_start_ns >= $first", first=start_ns
        )
        observed = Observed(grid, [], workload_series(workloads, grid), {}, {})
        gathered = Gathered(grid, traffic, past, observed)
        return Watch(gathered, barred_steps(home, grid, accepts, undecided=False), models)


def _over_threshold(
    scores: pa.Table, step_start_ns: int
) -> tuple[dict[str, float], dict[tuple[str, str], float]]:
    """By pattern, and by pattern and rpc: the highest score over the threshold, in a step."""
    newest = scores.filter(pc.equal(scores["step_start_ns"], step_start_ns))
    over = newest.append_column("over", pc.divide(newest["score"], newest["threshold"]))
    highest = over.group_by(["pattern_id", "rpc_id"]).aggregate([("over", "max")])
    columns = (highest[name].to_pylist() for name in ("pattern_id", "rpc_id", "over_max"))
    by_rpc = {
        (pattern_id, rpc_id): value for pattern_id, rpc_id, value in zip(*columns, strict=True)
    }
    by_pattern: dict[str, float] = {}
    for (pattern_id, _), value in by_rpc.items():
        by_pattern[pattern_id] = max(value, by_pattern.get(pattern_id, value))
    return by_pattern, by_rpc


def _on(
    grid: Grid, graph: PatternGraph, known: PatternTraffic | None, stands_for: float
) -> PatternTraffic:
    """Traffic on a longer grid; what is not known was not seen."""
    none = np.zeros((len(grid.seen), len(graph.rpc_ids)))
    series = Series(graph, grid.start_ns, grid.step_s, none, grid.seen, stands_for=stands_for)
    traffic = PatternTraffic(series, none.copy(), none.copy(), np.full_like(none, np.nan))
    if known is not None:
        steps = known.series.steps
        series.calls[:steps] = known.series.calls
        traffic.failures[:steps] = known.failures
        traffic.refusals[:steps] = known.refusals
        traffic.latency_ms[:steps] = known.latency_ms
    return traffic
