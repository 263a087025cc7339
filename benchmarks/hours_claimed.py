"""Does the clock claim an hour where there is one, and none where there is none, from two to three?

usage: hours_claimed.py

Learns the clock (`seasonal`) from 2 to 3 hours of steps of one minute or five, and lets it forecast
the two hours that follow. Traffic without an hour: drawn at one rate (1 and 100 calls a step), and
with a level that wanders (half gone after 3.5, 10 and 28 minutes, or hardly at all), 1 to 8 rpcs,
100 draws each; a simulated bank (four days, seed 22) and the clean days of bookinfo-mesh, at every
third hour. With an hour: drawn, and the later hours of microirc, faults included. Prints how often
an hour is claimed and, over all, the error beside that of a clock that claims none; writes
results/hours_claimed.json.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from unittest import mock

import numpy as np

from informer.core.types import Floats, Json, PatternGraph, Series
from informer.forecasts import season
from informer.forecasts.seasonal import Seasonal
from informer.simulate.read import read_scenario
from informer.simulate.write import simulate
from quality import microirc
from quality.campaigns import FROM_NS, write_scenario
from quality.real_data import real_data
from short_histories import _series

RESULTS = Path(__file__).parent / "results" / "hours_claimed.json"
DRAWS, MONDAY_S = 100, 1_780_272_000
KNOWN_MIN, AFTER_MIN, APART_MIN = (120, 180), 120, 180
WANDER_MIN = {"5 min": 5.0, "15 min": 15.0, "40 min": 40.0, "days": 3_000.0}
FIRST_FAULT_MIN = 148  # of microirc; the hours before are those that are judged elsewhere


def main() -> None:
    """Learn, forecast, print and write."""
    results: Json = {}
    for name, cuts in _worlds():
        for step_s in (60, 300):
            rng = np.random.default_rng(step_s)
            told = np.array([_told(s, known) for s, known in cuts(step_s, rng)])
            if len(told):
                claimed, ours, flat = told.T
                results[f"{name}, {step_s} s"] = {
                    "cuts": len(told),
                    "claimed": int(claimed.sum()),
                    "error_ratio": round(float(ours.sum() / flat.sum()), 4),
                }
                print(f"{name}, {step_s} s", results[f"{name}, {step_s} s"], flush=True)
    RESULTS.write_text(json.dumps({"results": results}, indent=2) + "\n", encoding="utf-8")


Cuts = Callable[[int, np.random.Generator], Iterator[tuple[Series, int]]]


def _worlds() -> Iterator[tuple[str, Cuts]]:
    for rate in (1.0, 100.0):
        yield f"flat, {rate:g} calls", partial(_drawn, rate, 0.0, 1.0, 0.0)
    for title, minutes in WANDER_MIN.items():
        yield f"wanders, {title}", partial(_drawn, 100.0, 0.25, minutes, 0.0)
    yield "with an hour", partial(_drawn, 100.0, 0.1, 15.0, 0.6)
    yield "bank 22", _cuts_of(_bank)
    if "INFORMER_DATA" not in os.environ:
        sys.stderr.write("without INFORMER_DATA: no mesh, no microirc\n")
        return
    mesh = real_data("bookinfo-mesh") / "days" / "train.parquet"
    yield "bookinfo-mesh", _cuts_of(lambda step_s: _series(mesh, step_s, where="scope = 'envoy'"))
    yield "microirc, later hours", _later


def _told(series: Series, known: int) -> tuple[bool, float, float]:
    """Whether an hour was claimed, and the error with it and without, over mean calls."""
    with mock.patch.object(season, "FEWEST_HOURS", np.inf):
        without = _error(series, known)[1]
    model, error = _error(series, known)
    mean = max(float(series.calls[known:].mean()), 1e-9)
    return model == season.HOUR_S, error / mean, without / mean


def _error(series: Series, known: int) -> tuple[int, float]:
    model = Seasonal().fit(series.slice(0, known), seed=0)
    made = Seasonal().forecast(model, series).expected[known:]
    off = np.abs(series.calls[known:] - made)[series.seen[known:]]
    return int(model.settings["period_s"]), float(off.mean())


def _drawn(
    rate: float, sd: float, minutes: float, hour: float, step_s: int, rng: np.random.Generator
) -> Iterator[tuple[Series, int]]:
    keeps = np.exp(-step_s / 60 / minutes)
    for _ in range(DRAWS):
        known = int(rng.integers(*KNOWN_MIN)) * 60 // step_s
        steps, n = known + AFTER_MIN * 60 // step_s, int(rng.integers(1, 9))
        level, start = np.zeros(steps), MONDAY_S + 60 * int(rng.integers(60))
        level[0] = rng.normal()
        for t in range(1, steps):
            level[t] = keeps * level[t - 1] + np.sqrt(1 - keeps**2) * rng.normal()
        wave = hour * np.sin(2 * np.pi * (start + np.arange(steps) * step_s) / 3_600)
        rates = rate * rng.uniform(0.3, 3.0, n) * np.exp(sd * level + wave)[:, None]
        edges = np.stack([np.zeros(n - 1, np.int64), np.arange(1, n)])
        graph = PatternGraph("drawn", tuple(f"r{i}" for i in range(n)), edges, np.ones(n - 1))
        calls: Floats = rng.poisson(rates).astype(np.float64)
        yield Series(graph, start * 10**9, step_s, calls, np.ones(steps, bool)), known


def _cuts_of(read: Callable[[int], list[Series]]) -> Cuts:
    """Every pattern at every third hour, busy enough to have a form."""

    def cuts(step_s: int, rng: np.random.Generator) -> Iterator[tuple[Series, int]]:
        for series in read(step_s):
            for first in range(0, series.steps, APART_MIN * 60 // step_s):
                known = int(rng.integers(*KNOWN_MIN)) * 60 // step_s
                part = series.slice(first, first + known + AFTER_MIN * 60 // step_s)
                enough = part.steps > known and part.seen[:known].any() and part.seen[known:].any()
                if enough and part.calls[:known].mean(axis=0).max() >= 1.0:
                    yield part, known

    return cuts


def _bank(step_s: int) -> list[Series]:
    with tempfile.TemporaryDirectory() as folder:
        scenario, spans = Path(folder) / "clean.toml", Path(folder) / "spans"
        write_scenario(scenario, "bank", 22, days=5, train_days=4, attacks=False, legit=False)
        simulate(read_scenario(str(scenario)), spans, seed=22, from_ns=FROM_NS)
        return _series(spans / "train", step_s)


def _later(step_s: int, rng: np.random.Generator) -> Iterator[tuple[Series, int]]:
    if step_s != microirc.STEP_S:
        return
    series = microirc.whole(real_data("microirc"), real_data("online-boutique"))[0].series
    for first in range(FIRST_FAULT_MIN, series.steps - KNOWN_MIN[1] - AFTER_MIN, 20):
        known = int(rng.integers(*KNOWN_MIN))
        yield series.slice(first, first + known + AFTER_MIN), known


if __name__ == "__main__":
    main()
