"""How far are the forecasters off one step ahead, and twelve?

usage: forecast_quality.py [WORLD...]

Worlds: three simulated clusters (the seeds that are held out, 17 clean days in steps of 300 s), the
clean days of bookinfo-mesh (steps of 600 s) and microirc (steps of a minute, learned from its clean
hours or from half of it, minutes of a fault apart), the latter two below INFORMER_DATA. The last
three days (the rest, for microirc) are told by models that learned all before. Of a cluster the
patterns count whose busiest rpc has a call a step, the six with the most rpcs.

Twelve steps ahead every forecaster gets the series up to then and eleven steps that were not seen;
the spread is the likeliest one for such forecasts of the last 40 % of training. Ridge learns both
distances directly, from the last 12 steps of all rpcs, with the penalty that is best on those 40 %.
`dcrnn, small` has one layer of 16 and reads 12 steps: the published size takes minutes a pattern.
`selection` is what learning would run, chosen for each pattern by its backtest. Prints WAPE and
CRPS (over mean calls), and the ratio of the CRPS to that of the default, with 95 % intervals from
blocks of 24 steps or six origins drawn again. Writes results/forecast_quality.json; worlds not
asked for keep their rows.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from informer.config.settings import Settings, SourceSettings, TrafficSettings
from informer.core.types import Json, Series
from informer.engines.duckdb import DuckDBEngine
from informer.patterns.find import find_patterns
from informer.patterns.graphs import graphs_of
from informer.pipeline.memory import previous_patterns
from informer.pipeline.progress import silent
from informer.pipeline.read import read_outlines, sources_of
from informer.pipeline.workspace import Workspace
from informer.simulate.read import read_scenario
from informer.simulate.write import simulate
from informer.traffic.bin import bin_traffic
from informer.traffic.series import to_series
from quality import microirc
from quality.ahead import HORIZONS, Case, measured
from quality.campaigns import FROM_NS, write_scenario
from quality.kept import commit_here, write_whole
from quality.real_data import real_data

RESULTS = Path(__file__).parent / "results" / "forecast_quality.json"
SIMULATED = (("bank", 101), ("social", 101), ("shop", 101))
DAYS, TEST_DAYS, MOST_PATTERNS, LEAST_CALLS = 17, 3, 6, 1.0


def main() -> None:
    """Learn, forecast, print and write."""
    made: dict[str, Callable[[], list[Case]]] = {
        **{f"{base} {seed}": partial(_simulated, base, seed) for base, seed in SIMULATED},
        "bookinfo-mesh": _mesh,
        "microirc, clean hours": lambda: _microirc(microirc.SHORT),
        "microirc, half": lambda: _microirc(microirc.LONG),
    }
    before = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else {}
    found: Json = {name: before[name] for name in made if name in before}
    for name in sys.argv[1:] or made:
        if name not in made:
            sys.exit(f"there is no world {name}, only {', '.join(made)}")
        found[name] = {"commit": commit_here(), **measured(made[name]())}
        for ahead in HORIZONS:
            for who, row in found[name][ahead].items():
                told = (f"{k} {v}" for k, v in row.items())
                print(f"{name:24}{ahead:10}{who:15}", *told, flush=True)
        print(f"{name:24}chosen    {found[name]['chosen']}", flush=True)
        write_whole(RESULTS, json.dumps({"results": found}, indent=1) + "\n")


def _simulated(base: str, seed: int) -> list[Case]:
    with tempfile.TemporaryDirectory() as folder:
        scenario, spans = Path(folder) / "clean.toml", Path(folder) / "spans"
        write_scenario(
            scenario, base, seed, days=DAYS + 1, train_days=DAYS, attacks=False, legit=False
        )
        simulate(read_scenario(str(scenario)), spans, seed=seed, from_ns=FROM_NS)
        return _cases(spans / "train", 300, "")


def _mesh() -> list[Case]:
    spans = real_data("bookinfo-mesh") / "days" / "train.parquet"
    return _cases(spans, 600, "scope = 'envoy'")


def _cases(spans: Path, step_s: int, where: str) -> list[Case]:
    """Critical patterns that are busy enough for a network, the largest first."""
    settings = replace(
        Settings(), source=SourceSettings(where=where), traffic=TrafficSettings(step_s=step_s)
    )
    with (
        tempfile.TemporaryDirectory() as folder,
        Workspace.create(Path(folder) / "w", settings) as home,
        home.reading() as scratch,
    ):
        series = _series(home, scratch, spans, step_s)
    found = []
    for s in series:
        cut = s.steps - TEST_DAYS * 86_400 // step_s
        asked = s.seen & (np.arange(s.steps) >= cut)
        if s.calls[:cut].mean(axis=0).max() >= LEAST_CALLS:
            found.append(Case(s.slice(0, cut), s, asked))
    found.sort(key=lambda c: (-c.whole.calls.shape[1], c.whole.graph.pattern_id))
    return found[:MOST_PATTERNS]


def _series(home: Workspace, scratch: DuckDBEngine, spans: Path, step_s: int) -> list[Series]:
    settings = home.settings
    read_outlines(scratch, home, lambda: sources_of([spans], settings), silent, asked={})
    shapes = scratch.query("select * from shapes")
    found = find_patterns(
        shapes,
        scratch.query("select * from rpcs"),
        run_id="1",
        previous=previous_patterns(home),
        critical_share=settings.patterns.critical_share,
        critical_rules=settings.patterns.critical,
    )
    graphs = graphs_of(found.patterns, found.members, shapes)
    scratch.write("members", found.members)
    grid = bin_traffic(scratch, step_s=step_s)
    traffic = to_series(scratch.query("select * from traffic"), graphs.values(), grid)
    return [traffic[p].series for p in found.critical]


def _microirc(training: str) -> list[Case]:
    world = microirc.world(training=training)
    train, test = (part[microirc.PATTERN].series for part in (world.train, world.test))
    whole = replace(
        train,
        calls=np.concatenate([train.calls, test.calls]),
        seen=np.concatenate([train.seen, test.seen]),
    )
    asked = np.concatenate([np.zeros(train.steps, bool), microirc.ordinary(world) & test.seen])
    return [Case(train, whole, asked)]


if __name__ == "__main__":
    main()
