"""How far are the forecasters off one step ahead, and twelve?

usage: forecast_quality.py [WORLD...]

Worlds: two simulated clusters (seeds below 100, 17 clean days in steps of 300 s), the clean days of
bookinfo-mesh (steps of 600 s) and microirc (steps of a minute, learned from its clean hours or from
half of it, minutes of a fault apart), the latter two below INFORMER_DATA. The last three days (the
rest, for microirc) are told by models that learned all before. Of a cluster the patterns count
whose busiest rpc has a call a step, the six largest of them.

Twelve steps ahead every forecaster gets the series up to then and eleven steps that were not seen;
the spread is the likeliest one for such forecasts of the last 40 % of training. Ridge learns both
distances directly, from the last 12 steps of all rpcs. Prints WAPE and CRPS (over mean calls), and
the ratio of the CRPS to that of the default, with 95 % intervals from blocks of 24 steps or six
origins drawn again. Writes results/forecast_quality.json; worlds not asked for keep their rows.
"""

import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.linear_model import Ridge

from informer.config.settings import Settings, SourceSettings, TrafficSettings
from informer.core.ports import Forecaster
from informer.core.types import Bools, Floats, Forecast, Ints, Json, Model, Series
from informer.engines.duckdb import DuckDBEngine
from informer.forecasts.counts import crps, fit_spread
from informer.forecasts.diffusion_gru import DiffusionGru
from informer.forecasts.model import TooShortError
from informer.forecasts.select import forecaster
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
from quality.campaigns import FROM_NS, write_scenario
from quality.intervals import interval
from quality.real_data import real_data

RESULTS = Path(__file__).parent / "results" / "forecast_quality.json"
DEFAULT = DiffusionGru.name
OURS = (DEFAULT, "seasonal", "dcrnn")
AHEAD = 12
EVERY = 24  # steps between two origins of far forecasts
CONTEXT = 576  # steps before an origin
BLOCK = 24  # steps
BLOCK_ORIGINS = 6
PAST = 12
PENALTY = 10.0
DAYS, TEST_DAYS, MOST_PATTERNS, LEAST_CALLS = 17, 3, 6, 1.0
TUNED = 0.6


@dataclass(frozen=True, slots=True)
class Case:
    """One pattern: what is learned, the whole, and which steps are asked for, [t]."""

    train: Series
    whole: Series
    asked: Bools


Blocks = Floats  # [b, 3]: observed, |error| and CRPS, summed


def main() -> None:
    """Learn, forecast, print and write."""
    made: dict[str, Callable[[], list[Case]]] = {
        "shop 11": lambda: _simulated("shop", 11),
        "bank 12": lambda: _simulated("bank", 12),
        "bookinfo-mesh": _mesh,
        "microirc, clean hours": lambda: _microirc(microirc.SHORT),
        "microirc, half": lambda: _microirc(microirc.LONG),
    }
    before = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else {}
    found: Json = {name: before[name] for name in made if name in before}
    for name in sys.argv[1:] or made:
        found[name] = _world(name, made[name]())
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps({"results": found}, indent=1) + "\n", encoding="utf-8")


def _world(name: str, cases: list[Case]) -> Json:
    rows: Json = {}
    for title, ahead in (("1 step", 1), (f"{AHEAD} steps", AHEAD)):
        blocks: dict[str, list[Blocks]] = {}
        for case in cases:
            for who, told in _told(case, ahead):
                blocks.setdefault(who, []).append(told)
        rows[title] = _figures({who: np.concatenate(b) for who, b in blocks.items()})
        for who, row in rows[title].items():
            print(f"{name:24}{title:10}{who:15}", *(f"{k} {v}" for k, v in row.items()), flush=True)
    return rows


def _told(case: Case, ahead: int) -> Iterator[tuple[str, Blocks]]:
    """Every forecaster that could learn, and its blocks."""
    learned = case.train.steps
    size = BLOCK if ahead == 1 else BLOCK_ORIGINS
    asked = _steps(np.flatnonzero(case.asked), ahead)
    tried = _steps(np.arange(int(TUNED * learned) + AHEAD, learned), ahead)
    tried = tried[case.train.seen[tried]]
    for who in OURS:
        ours = forecaster(who)
        try:
            model = _learned(who, case.train)
        except TooShortError:
            continue
        if ahead == 1:
            made = ours.forecast(model, case.whole)
            made = Forecast(made.expected[asked], made.spread[asked])
        else:
            far = _far(ours, model, case.whole, np.concatenate([tried, asked]))
            made = _with_spread(case, far[: len(tried)], tried, far[len(tried) :])
        yield who, _blocks(case.whole.calls[asked], made, size)
    expected = _ridge(case.whole, learned, ahead)
    made = _with_spread(case, expected[tried], tried, expected[asked])
    yield "ridge", _blocks(case.whole.calls[asked], made, size)


_MODELS: Json = {}


def _learned(who: str, train: Series) -> Model:
    """A model is learned once for both distances."""
    key = (who, train.graph.pattern_id, train.start_ns, train.steps)
    if key not in _MODELS:
        _MODELS[key] = forecaster(who).fit(train, seed=0)
    return _MODELS[key]


def _steps(steps: Ints, ahead: int) -> Ints:
    return steps if ahead == 1 else steps[:: min(EVERY, max(1, len(steps) // 60))]


def _far(ours: Forecaster, model: Model, whole: Series, steps: Ints) -> Floats:
    """Each of these steps, forecast from what was seen up to AHEAD steps before; [s, n]."""
    found = []
    for step in steps:
        first = max(0, int(step) + 1 - AHEAD - CONTEXT)
        part = whole.slice(first, int(step) + 1)
        seen = part.seen.copy()
        seen[-AHEAD:] = False
        calls = np.where(seen[:, None], part.calls, 0.0)
        told = ours.forecast(model, replace(part, calls=calls, seen=seen))
        found.append(told.expected[-1])
    return np.stack(found)


def _with_spread(case: Case, tried: Floats, at: Ints, expected: Floats) -> Forecast:
    spread = fit_spread(case.whole.calls[at], np.maximum(tried, 1e-3), np.ones(len(at), bool))
    expected = np.maximum(expected, 1e-3)
    return Forecast(expected, np.broadcast_to(spread, expected.shape))


def _ridge(series: Series, learned: int, ahead: int) -> Floats:
    """Logarithms so many steps ahead as a change from the last one known, [t, n]; early ones 1."""
    logs = np.log1p(series.calls)
    lags = np.concatenate([np.roll(logs, ahead + k, axis=0) for k in range(PAST)], axis=1)
    first = ahead + PAST
    now = np.roll(logs, ahead, axis=0)
    model = Ridge(alpha=PENALTY).fit(lags[first:learned], (logs - now)[first:learned])
    made = model.predict(lags).reshape(logs.shape)
    return np.where(
        np.arange(len(logs))[:, None] >= first, np.maximum(np.expm1(now + made), 0.0), 1.0
    )


def _blocks(observed: Floats, made: Forecast, size: int) -> Blocks:
    off = np.abs(observed - made.expected).sum(axis=1)
    score = crps(observed, made.expected, made.spread).sum(axis=1)
    each = np.stack([observed.sum(axis=1), off, score], axis=1)
    return np.stack([each[i : i + size].sum(axis=0) for i in range(0, len(each), size)])


def _figures(blocks: dict[str, Blocks]) -> Json:
    """WAPE, CRPS and the ratio of the CRPS to the default's, each with its interval."""
    names = list(blocks)
    size = len(next(iter(blocks.values())))
    names = [n for n in names if len(blocks[n]) == size]

    def figures(rows: Ints) -> Floats:
        total = np.stack([blocks[n][rows].sum(axis=0) for n in names])
        wape, score = total[:, 1] / total[:, 0], total[:, 2] / total[:, 0]
        base = score[names.index(DEFAULT)] if DEFAULT in names else np.nan
        return np.concatenate([wape, score, score / base])

    values = figures(np.arange(size))
    low, high = interval(lambda rng: figures(rng.integers(0, size, size)), seed=0)
    k = len(names)
    return {
        n: {
            name: [round(float(x[i + j * k]), 4) for x in (values, low, high)]
            for j, name in enumerate(("wape", "crps", "crps_ratio"))
        }
        for i, n in enumerate(names)
    }


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
