"""How well does Informer detect when it has learned from hours and not from weeks?

usage: cold_start.py [--bases NAME...] [--seeds FIRST LAST] [--hours H...] [--no-write]

Simulates eight clean days of each scenario and the four that follow, clean and with campaigns.
At two moments (a Tuesday 11:00, and a Thursday 20:00) learns from the clean hours before, from one
to 72 of them, in steps of 60 s, and judges the 36 hours that come next, with campaigns and without
any event. Held beside it: the sixty lines that anybody would write first, on the same patterns.
Prints and writes to results/cold_start.json, for each length and over all worlds, F1, recall and
false incidents a day at a budget of 1, 5 and 20 a day.
"""

import argparse
import csv
import json
import multiprocessing
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq

from informer.core.types import Json
from informer.simulate.read import read_scenario
from informer.simulate.write import simulate
from quality.campaigns import BASES, FROM_NS, write_scenario
from quality.capture import Capture, build, build_again
from quality.datasets import CLEAN, WHOLE, settings_of
from quality.evaluate import OURS, runs
from quality.judge import EventFigures, pooled
from quality.kept import write_whole
from quality.lasting import HOUR_NS
from quality.metrics import BUDGETS

RESULTS = Path(__file__).parent / "results" / "cold_start.json"
TRAIN_DAYS, DAYS, STEP_S = 8, 12, 60
MOMENTS_H = (8 * 24 + 11, 10 * 24 + 20)  # since a Monday 00:00
LEARNED_H = (1, 3, 6, 12, 24, 72)
JUDGED_H = 36
DETECTORS = (OURS, "sixty lines")
SEED = 1


@dataclass(frozen=True, slots=True)
class Judged:
    """A detector on one world that it learned for so many hours."""

    detector: str
    version: str
    learned_h: int
    figures: dict[int, EventFigures]  # by budget


def main() -> None:
    """Measure every world, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--bases", nargs="+", default=BASES, choices=BASES)
    parser.add_argument("--seeds", nargs=2, type=int, default=(101, 102), metavar=("FIRST", "LAST"))
    parser.add_argument("--hours", nargs="+", type=int, default=LEARNED_H)
    parser.add_argument("--no-write", action="store_true")
    given = parser.parse_args()
    seeds = range(given.seeds[0], given.seeds[1] + 1)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, spawn, max_tasks_per_child=1) as pool:
        running = [pool.submit(judge, b, s, given.hours) for b in given.bases for s in seeds]
        found = [row for one in running for row in one.result()]
    told = [_told(name, hours, found) for hours in given.hours for name in DETECTORS]
    for line in told:
        print(json.dumps(line))
    if not given.no_write:
        about = {"bases": list(given.bases), "seeds": list(seeds)}
        write_whole(RESULTS, json.dumps(about | {"results": told}, indent=1) + "\n")


def judge(base: str, seed: int, lengths_h: Sequence[int]) -> list[Judged]:
    """Both detectors at every moment, with every length of history before it."""
    found: list[Judged] = []
    with tempfile.TemporaryDirectory() as made:
        for version in (WHOLE, CLEAN):
            _simulate(Path(made) / version, base, seed, attacks=version == WHOLE)
        for moment_h in MOMENTS_H:
            for hours in lengths_h:
                name = f"{base} {seed}, {hours} h before +{moment_h} h"
                with tempfile.TemporaryDirectory() as cut:
                    for version, capture in _captures(Path(made), Path(cut), moment_h, hours, name):
                        found += _judged(version, hours, capture)
                print(name, file=sys.stderr, flush=True)
    return found


def _judged(version: str, hours: int, capture: Capture) -> Iterator[Judged]:
    for detector, run in runs(capture, seed=SEED):
        if detector in DETECTORS and (version == WHOLE or detector == OURS):
            yield Judged(detector, version, hours, run().figures)


def _simulate(folder: Path, base: str, seed: int, *, attacks: bool) -> None:
    scenario = folder.with_suffix(".toml")
    write_scenario(
        scenario, base, seed, days=DAYS, train_days=TRAIN_DAYS, attacks=attacks, legit=attacks
    )
    simulate(read_scenario(str(scenario)), folder, seed=seed, from_ns=FROM_NS)


def _captures(
    made: Path, cut: Path, moment_h: int, hours: int, name: str
) -> Iterator[tuple[str, Capture]]:
    """What came after a moment, with campaigns and without, the clean hours before it learned."""
    at_ns = FROM_NS + moment_h * HOUR_NS
    learned: Capture | None = None
    for version in (WHOLE, CLEAN):
        folder = cut / version
        _cut(made / version, folder / "test", at_ns, at_ns + JUDGED_H * HOUR_NS)
        _events_from(made / version, folder, at_ns)
        if learned is None:
            _cut(made / CLEAN, folder / "train", at_ns - hours * HOUR_NS, at_ns)
            settings = settings_of(STEP_S, models=True)
            learned = build(folder, name, cut / "workspace", settings=settings)
            yield version, learned
        else:
            yield version, build_again(folder, name, cut / "workspace", learned)


def _cut(made: Path, into: Path, from_ns: int, until_ns: int) -> None:
    """Traces that begin in a range, whole."""
    into.mkdir(parents=True)
    for file in sorted(made.glob("*/*.parquet")):
        spans = pq.read_table(file)
        starts = spans.group_by("trace_id").aggregate([("start_ns", "min")])
        at = starts["start_ns_min"]
        inside = starts.filter(pc.and_(pc.greater_equal(at, from_ns), pc.less(at, until_ns)))
        if len(inside):
            pq.write_table(
                spans.filter(pc.is_in(spans["trace_id"], value_set=inside["trace_id"])),
                into / file.name,
            )


def _events_from(made: Path, folder: Path, from_ns: int) -> None:
    """The truth about the judged range; what began before it excuses, and is not to be found."""
    until_ns = from_ns + JUDGED_H * HOUR_NS
    with (made / "labels.csv").open(encoding="utf-8") as file:
        rows = csv.DictReader(file)
        inside = [r for r in rows if int(r["end_ns"]) > from_ns and int(r["start_ns"]) < until_ns]
        columns = rows.fieldnames or ()
    for row in inside:
        if row["flag"] == "attack" and int(row["start_ns"]) < from_ns:
            row["flag"] = "fault"
    with (folder / "labels.csv").open("w", encoding="utf-8", newline="") as file:
        written = csv.DictWriter(file, columns)
        written.writeheader()
        written.writerows(inside)
    shutil.copy(made / "malicious.parquet", folder)


def _told(detector: str, hours: int, found: Sequence[Judged]) -> Json:
    own = [x for x in found if x.detector == detector and x.learned_h == hours]
    told: Json = {"detector": detector, "learned_h": hours}
    for budget in BUDGETS:
        whole = pooled([x.figures[budget] for x in own if x.version == WHOLE]).statistics()
        told[f"f1_{budget}"] = round(whole["f1"], 3)
        told[f"recall_z8_{budget}"] = round(whole["recall_z8"], 3)
        told[f"false_per_day_{budget}"] = round(whole["false_per_day"], 2)
        clean = [x.figures[budget] for x in own if x.version == CLEAN]
        if clean:
            told[f"false_per_day_clean_{budget}"] = round(
                pooled(clean).statistics()["false_per_day"], 2
            )
    return told


if __name__ == "__main__":
    main()
