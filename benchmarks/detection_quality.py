"""How good is Informer's detection, beside what else there is, on traffic it was not built on?

usage: detection_quality.py [--only DATASET]... [--detectors NAME]...

Every data set is learned from its clean days and judged on days that no choice was made on; the
protocol is in docs/explanation/quality.md. Prints a table per data set and writes
results/detection_quality.json.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from informer.core.types import Json
from quality.datasets import CLEAN, DATA_SETS, ORDINARY, WHOLE, DataSet, Source
from quality.evaluate import OURS, Evaluated, evaluate
from quality.judge import EventFigures, pooled
from quality.metrics import BUDGETS, summary_row

RESULTS = Path(__file__).parent / "results" / "detection_quality.json"
SEED = 1
SHOWN = (
    *("vus_pr", "f1_1", "f1_5", "f1_20", "recall_z8", "recall_z5_8", "recall_novel"),
    *("false_per_day", "delay_steps", "guilty_1", "guilty_3"),
)


def main() -> None:
    """Judge the data sets asked for; what was measured of others before stays in the file."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", action="append", default=[], choices=list(DATA_SETS))
    parser.add_argument("--detectors", action="append", default=[])
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    results: Json = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else {}
    with multiprocessing.get_context("spawn").Pool(given.processes, maxtasksperchild=1) as pool:
        for name in given.only or DATA_SETS:
            data_set = DATA_SETS[name]
            started = time.perf_counter()
            work = [(source, tuple(given.detectors)) for source in data_set.sources]
            found = pool.starmap(judge_source, work, chunksize=1)
            results[name] = table_of(data_set, found)
            print_table(name, results[name])
            print(f"{time.perf_counter() - started:.0f} s\n", flush=True)
            RESULTS.write_text(json.dumps({"results": results}, indent=1) + "\n", encoding="utf-8")


def judge_source(source: Source, detectors: tuple[str, ...]) -> dict[str, dict[str, Evaluated]]:
    """Every version of a source: what each detector made of it."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for version, capture in source.captures(Path(folder)):
            only = detectors if version == WHOLE else (OURS,)
            found[version] = evaluate(capture, seed=SEED, detectors=only)
            took = ", ".join(f"{n} {e.seconds:.0f} s" for n, e in found[version].items())
            print(f"{source.name}, {version}: {took}", file=sys.stderr, flush=True)
    return found


def table_of(data_set: DataSet, found: list[dict[str, dict[str, Evaluated]]]) -> Json:
    """Rows of the detectors over all sources, and the false incidents of ours by what was on."""
    whole = [f[WHOLE] for f in found]
    rows = []
    for name in whole[0]:
        at = {b: pooled([w[name].figures[b] for w in whole]) for b in BUDGETS}
        vus = [v for w in whole for v in w[name].vus.values()]
        rows.append(summary_row(name, vus, at, seed=SEED))
    campaigns = pooled([w[next(iter(w))].figures[1] for w in whole]).campaigns
    told: Json = {
        "about": data_set.about,
        "campaigns": len(campaigns),
        "days": round(sum(w[next(iter(w))].figures[1].days for w in whole), 2),
        "detectors": rows,
    }
    for version in (ORDINARY, CLEAN):
        ours = [f[version][OURS].figures for f in found if version in f]
        if ours:
            told[f"false_per_day_{version}"] = {
                str(b): _false(pooled([figures[b] for figures in ours])) for b in BUDGETS
            }
    return told


def _false(figures: EventFigures) -> Json:
    count = int(figures.false_by_day.sum())
    return {
        "per_day": round(count / figures.days, 3),
        "count": count,
        "days": round(figures.days, 2),
    }


def print_table(name: str, told: Json) -> None:
    """A row a detector; intervals of 95 % for what is compared first."""
    print(f"== {name}: {told['about']}; {told['campaigns']} campaigns in {told['days']} days")
    width = max(len(r["detector"]) for r in told["detectors"])
    print(" " * width, *(f"{x[:11]:>11}" for x in SHOWN))
    for row in told["detectors"]:
        print(f"{row['detector']:{width}}", *(f"{_shown(row[x]):>11}" for x in SHOWN))
    for key, value in told.items():
        if key.startswith("false_per_day"):
            print(f"{key}: {value}")


def _shown(figure: Iterable[float | None]) -> str:
    value, *_ = figure
    return "-" if value is None else f"{value:.3g}"


if __name__ == "__main__":
    main()
