"""How much better is a pattern with a short history forecast when others lend it their days?

usage: short_histories.py

Simulates 18 clean days of two scenarios (seeds below 100, steps of 300 s), and takes the clean
days of bookinfo-mesh below INFORMER_DATA if there (steps of 600 s). At several moments a world,
half of the patterns are young: of each only the last hour, six hours, day, ... is known, while the
other half is known for 14 days (mesh: all that came before) and lends. The day that follows is
forecast step by step, as `detect` does it, by the seasonal forecaster with the pool and without.
Prints for every world and length the error (sum of |observed - expected| / sum of observed) and
CRPS / mean, both over all rpcs with calls, and writes results/short_histories.json.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from informer.config.settings import Settings, SourceSettings
from informer.core.types import Floats, Forecast, Json, Series
from informer.forecasts.counts import crps
from informer.forecasts.pool import Pool, pool_of
from informer.forecasts.seasonal import Seasonal
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
from quality.campaigns import FROM_NS, write_scenario
from quality.real_data import real_data

RESULTS = Path(__file__).parent / "results" / "short_histories.json"
DAY_S = 86_400
DAYS, LENDERS_DAYS = 18, 14
HISTORIES_H = {"1 h": 1, "6 h": 6, "12 h": 12, "1 d": 24, "3 d": 72, "7 d": 168, "14 d": 336}
# Hours since the first Monday, at any time of the day.
MOMENTS_H = (14 * 24 + 5, 15 * 24 + 11, 16 * 24 + 21)
MESH_MOMENTS_H = (7 * 24 + 9, 8 * 24 + 15, 9 * 24 + 11, 10 * 24 + 21, 11 * 24 + 3, 12 * 24 + 18)


@dataclass(frozen=True, slots=True)
class World:
    """Clean traffic of the patterns of one system."""

    name: str
    series: list[Series]
    moments_h: tuple[int, ...]


def main() -> None:
    """Simulate, forecast, print and write."""
    results: Json = {}
    for world in _worlds():
        results[world.name] = _errors(world)
        for length, row in results[world.name].items():
            print(f"{world.name:12} {length:5}", *(f"{k} {v:<8}" for k, v in row.items()))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"results": results}, indent=2) + "\n", encoding="utf-8")


def _worlds() -> Iterator[World]:
    for base, seed in (("bank", 22), ("social", 23)):
        with tempfile.TemporaryDirectory() as folder:
            scenario, spans = Path(folder) / "clean.toml", Path(folder) / "spans"
            write_scenario(
                scenario, base, seed, days=DAYS + 1, train_days=DAYS, attacks=False, legit=False
            )
            simulate(read_scenario(str(scenario)), spans, seed=seed, from_ns=FROM_NS)
            yield World(f"{base} {seed}", _series(spans / "train", 300), MOMENTS_H)
    try:
        mesh = real_data("bookinfo-mesh") / "days" / "train.parquet"
    except FileNotFoundError as error:
        sys.stderr.write(f"without the mesh: {error}\n")
        return
    yield World("bookinfo-mesh", _series(mesh, 600, where="scope = 'envoy'"), MESH_MOMENTS_H)


def _series(spans: Path, step_s: int, where: str = "") -> list[Series]:
    """The traffic of every pattern that learning would find."""
    settings = replace(Settings(), source=SourceSettings(where=where))
    with (
        tempfile.TemporaryDirectory() as folder,
        Workspace.create(Path(folder), settings) as home,
        home.reading() as scratch,
    ):
        read_outlines(scratch, home, lambda: sources_of([spans], settings), silent, asked={})
        rpcs, shapes = (scratch.query(f"select * from {name}") for name in ("rpcs", "shapes"))
        found = find_patterns(
            shapes,
            rpcs,
            run_id="1",
            previous=previous_patterns(home),
            critical_share=settings.patterns.critical_share,
            critical_rules=(),
        )
        scratch.write("members", found.members)
        graphs = graphs_of(found.patterns, found.members, shapes)
        grid = bin_traffic(scratch, step_s=step_s)
        traffic = to_series(scratch.query("select * from traffic"), graphs.values(), grid)
    return [traffic[p].series for p in sorted(traffic)]


def _errors(world: World) -> Json:
    found: Json = {}
    for length, hours in HISTORIES_H.items():
        if hours > min(world.moments_h):
            continue
        offs = np.sum([o for m in world.moments_h for o in _offs(world, m, hours)], axis=0)
        calls, alone, pooled = offs[0], offs[1:3] / offs[0], offs[3:5] / offs[0]
        found[length] = {
            "calls": int(calls),
            "error_alone": round(float(alone[0]), 4),
            "error_pooled": round(float(pooled[0]), 4),
            "error_ratio": round(float(pooled[0] / alone[0]), 4),
            "crps_alone": round(float(alone[1]), 4),
            "crps_pooled": round(float(pooled[1]), 4),
            "crps_ratio": round(float(pooled[1] / alone[1]), 4),
        }
    return found


def _offs(world: World, moment_h: int, hours: int) -> Iterator[Floats]:
    """Of every pattern: calls; error and CRPS alone; error and CRPS with the pool. Summed."""
    for half in (0, 1):
        young, lenders = world.series[half::2], world.series[1 - half :: 2]
        per_h = 3600 // young[0].step_s
        now, day = moment_h * per_h, DAY_S // young[0].step_s
        pool = pool_of([s.slice(max(0, now - LENDERS_DAYS * day), now) for s in lenders])
        for series in young:
            whole = series.slice(now - hours * per_h, now + day)
            offs = [_off(whole, hours * per_h, given) for given in (None, pool)]
            yield np.array([whole.calls[hours * per_h :].sum(), *offs[0], *offs[1]])


def _off(whole: Series, known: int, pool: Pool | None) -> tuple[float, float]:
    """Error and CRPS of the steps after the known ones, summed."""
    if not whole.seen[:known].any():
        return 0.0, 0.0
    model = Seasonal(pool).fit(whole.slice(0, known), seed=0)
    made: Forecast = Seasonal().forecast(model, whole).slice(known)
    observed, seen = whole.calls[known:], whole.seen[known:, None]
    error = np.abs(observed - made.expected) * seen
    return float(error.sum()), float((crps(observed, made.expected, made.spread) * seen).sum())


if __name__ == "__main__":
    main()
