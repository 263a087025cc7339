"""How good is Informer's detection, beside what else there is, on traffic it was not built on?

usage: detection_quality.py [--only DATASET]... [--detectors NAME]... [--missing] [--table]

Every data set is learned from its clean days and judged on days that no choice was made on; the
protocol is in docs/explanation/quality.md. Raw figures go to results/detection_quality/ as soon as
a detector is done with a source, and only the rows that were measured change. The tables, printed
and in results/detection_quality.json, are made of them; `--table` does that alone.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import traceback
from collections.abc import Collection
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

from quality.datasets import DATA_SETS, WHOLE, DataSet, Source
from quality.evaluate import DETECTORS, NEED_MODELS, OURS, runs
from quality.fingerprint import fingerprint
from quality.kept import Cell, Row, commit_here, file_of, keep, kept_rows, write_whole
from quality.table import print_table, table_of
from quality.world import World

RESULTS = Path(__file__).parent / "results" / "detection_quality.json"
KEPT = RESULTS.with_suffix("")
SEED = 1


def main() -> None:
    """Measure what was asked for, then print the tables of it and write those of everything."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", action="append", default=[], choices=list(DATA_SETS))
    parser.add_argument("--detectors", action="append", default=[], choices=DETECTORS)
    parser.add_argument("--missing", action="store_true", help="leave rows that were kept before")
    parser.add_argument("--table", action="store_true", help="measure nothing")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    names = given.only or list(DATA_SETS)
    failed: list[str] = []
    if not given.table:
        asked = given.detectors or DETECTORS
        failed = measure(names, asked, missing=given.missing, processes=given.processes)
    tables = {name: table_of(d.about, _kept(name, d), d.detectors) for name, d in DATA_SETS.items()}
    tables = {name: table for name, table in tables.items() if table["detectors"]}
    write_whole(RESULTS, json.dumps({"results": tables}, indent=1) + "\n")
    for name in names:
        if name in tables:
            print_table(name, tables[name])
            print(flush=True)
    if failed:
        sys.exit("not measured: " + "; ".join(failed))


def measure(
    names: Collection[str], detectors: Collection[str], *, missing: bool, processes: int
) -> list[str]:
    """Judge every source of these data sets, each in a process of its own; says what failed."""
    commit, failed = commit_here(), []
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, spawn, max_tasks_per_child=1) as pool:
        running: dict[str, Future[list[str]]] = {}
        for name in names:
            for source in DATA_SETS[name].sources:
                path = file_of(KEPT, name, source.name)
                cells = _cells(DATA_SETS[name], source, detectors)
                cells = [c for c in cells if not (missing and c in kept_rows(path))]
                if cells:
                    running[f"{name}, {source.name}"] = pool.submit(
                        judge_source, source, path, cells, commit
                    )
        for told, one in running.items():
            why = one.exception()  # the others go on
            failed += [f"{told}: {why!r}"] if why else one.result()
    return failed


def judge_source(source: Source, path: Path, cells: Collection[Cell], commit: str) -> list[str]:
    """Keep the row of every cell (version, detector) of a source; says what failed."""
    failed = []
    versions = [version for version, _ in cells]
    models = any(detector in NEED_MODELS for _, detector in cells)
    with tempfile.TemporaryDirectory() as folder:
        for version, judged in source.captures(Path(folder), versions, models=models):
            world = fingerprint(judged if isinstance(judged, World) else judged.world)
            for name, run in runs(judged, seed=SEED):
                if (version, name) not in cells:
                    continue
                told = f"{path.parent.name}, {source.name}, {version}: {name}"
                try:
                    found = run()
                except Exception:  # noqa: BLE001  # one row is lost, told at the end, and not all
                    traceback.print_exc()
                    failed.append(told)
                    continue
                keep(path, (version, name), Row(found, commit, world))
                print(f"{told} {found.seconds:.0f} s", file=sys.stderr, flush=True)
    return failed


def _cells(data_set: DataSet, source: Source, detectors: Collection[str]) -> list[Cell]:
    """Everybody is judged on all events; ours as well on the ordinary ones and on none."""
    asked = [name for name in data_set.detectors if name in detectors]
    return [(v, d) for v in source.versions for d in asked if v == WHOLE or d == OURS]


def _kept(name: str, data_set: DataSet) -> dict[str, dict[Cell, Row]]:
    return {s.name: kept_rows(file_of(KEPT, name, s.name)) for s in data_set.sources}


if __name__ == "__main__":
    main()
