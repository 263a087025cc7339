"""How many lines a second does Informer read, from Parquet to shapes, patterns and traffic?

usage: lines_per_second.py [--lines N]... [--parquet FILE]... [--write FILE] [--seed S] [--runs R]
                           [--no-peers] [--stages] [--no-keep]

Writes N simulated lines of the `paper` scenario (1,200 services, as many lines a second as 7
billion in two weeks), with `--write` into FILE and nothing else, to be taken with `--parquet` when
the machine is free; then measures, each in a process of its own: the floor (DuckDB scans the
columns that phase 1 needs) and phase 1, R times in turn, of which the medians are told, by the
clock and by seconds of the processor, which other work on the machine lengthens less; and the
peers (Polars, PySpark on two cores, pandas), which do its counting part: see peers/counting.py.
Polars and PySpark get at most 20 M lines, pandas 2 M; INFORMER_PEERS names a Python that has
what this one lacks. `--stages` prints where phase 1 spends its time. Every size goes into
results/lines_per_second.json unless --no-keep.
"""

import argparse
import json
import multiprocessing as mp
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from informer.config.settings import Settings
from informer.core.types import Json
from informer.engines.duckdb import DuckDBEngine
from informer.patterns.find import find_patterns
from informer.pipeline.memory import previous_patterns
from informer.pipeline.progress import silent
from informer.pipeline.read import read_outlines, sources_of
from informer.pipeline.workspace import Workspace
from informer.simulate.blocks import block, simulation
from informer.simulate.read import read_scenario
from informer.simulate.write import parquet_writer
from informer.traffic.bin import bin_traffic
from quality.kept import commit_here, write_whole

RESULTS = Path(__file__).parent / "results" / "lines_per_second.json"
PAPER_LINES = 7_000_000_000
PEER_LINES = {"polars": 20_000_000, "pyspark": 20_000_000, "pandas": 2_000_000}
PEER_S = 1_800  # and no longer
FROM_NS = 1_790_000_000_000_000_000 // (86_400 * 10**9) * (86_400 * 10**9)
TEXTS = ("trace_id", "span_id", "parent_span_id", "service", "operation", "kind", "peer")
NUMBERS = ("start_ns", "duration_ns", "failed", "weight")
ASSUMED = "the rate stays that of this size; 1,200 services; one machine; Parquet on a local disk"


@dataclass(frozen=True, slots=True)
class Measured:
    """What one process took: seconds by the clock and of the processor, over all threads; peak RSS
    and most spilled bytes, in MiB.
    """

    seconds: float
    cpu_s: float
    rss_mib: float
    spill_mib: float


def main() -> None:
    """Measure every size, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", action="append", type=int, default=[])
    parser.add_argument("--parquet", action="append", type=Path, default=[])
    parser.add_argument("--write", type=Path)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--stages", action="store_true")
    parser.add_argument("--no-keep", action="store_true")
    given = parser.parse_args()
    if given.write:
        write_lines(given.write, *given.lines, given.seed)
        return
    rates: Json = {}
    for path in given.parquet:
        _measure(path, pq.read_metadata(path).num_rows, rates, given)
    for lines in sorted(given.lines or [2_000_000] * (not given.parquet)):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "lines.parquet")
            _measure(path, write_lines(path, lines, given.seed), rates, given)


def _measure(path: Path, lines: int, rates: Json, given: argparse.Namespace) -> None:
    row = measured(path, lines, given.runs, stages=given.stages)
    if not given.no_peers:
        _measure_peers(rates, path, lines)
    row |= {f"{n}_lines_per_s": rate and round(rate) for n, rate in rates.items()}
    row |= {f"{n}_ratio": r and round(row["lines_per_s"] / r, 2) for n, r in rates.items()}
    print(json.dumps(row, indent=1), flush=True)
    if not given.no_keep:
        _keep({"commit": commit_here(), **row})


def write_lines(path: Path, lines: int, seed: int) -> int:
    """Blocks of the simulation until there are so many lines; gives how many there are."""
    sim = simulation(read_scenario("paper"), seed, FROM_NS)
    written, number = 0, 0
    first, _ = block(sim, 0)
    with parquet_writer(path, first.schema) as writer:
        while written < lines:
            table, _ = (first, None) if number == 0 else block(sim, number)
            table = table.slice(0, lines - written)
            writer.write_table(table)
            written += table.num_rows
            number += 1
    return written


def measured(path: Path, lines: int, runs: int, *, stages: bool) -> Json:
    """The row of one size, without the peers."""
    floors, phases = [], []
    for _ in range(runs):
        floors.append(_alone(_floor, path))
        phases.append(_alone(_phase_1, path, stages))
    floor_s, phase_s = (statistics.median(m.seconds for m in ms) for ms in (floors, phases))
    return {
        "lines": lines,
        "runs": runs,
        "lines_per_s": round(lines / phase_s),
        "floor_lines_per_s": round(lines / floor_s),
        "floor_ratio": round(
            statistics.median(p.seconds / f.seconds for p, f in zip(phases, floors, strict=True)),
            2,
        ),
        "lines_per_cpu_s": round(lines / statistics.median(m.cpu_s for m in phases)),
        "floor_cpu_ratio": round(
            statistics.median(p.cpu_s / f.cpu_s for p, f in zip(phases, floors, strict=True)), 2
        ),
        "peak_rss_mib": round(max(m.rss_mib for m in phases)),
        "spill_mib": round(max(m.spill_mib for m in phases)),
        "hours_for_7e9": round(PAPER_LINES / lines * phase_s / 3600, 2),
        "assumed": ASSUMED,
        "load_after": round(os.getloadavg()[0], 1),
        "cpus": os.cpu_count(),
        "peers_do": "the counting part of phase 1; the ratio is phase 1 whole against that",
        "peers_lines": PEER_LINES,
    }


def _measure_peers(rates: Json, path: Path, lines: int) -> None:
    """Lines a second of each peer; those of a larger file are those of the last one in reach."""
    for name, most in PEER_LINES.items():
        if lines <= most or name == "pandas":
            rates[name] = _peer_rate(name, path, min(lines, most))


def _peer_rate(name: str, path: Path, lines: int) -> float | None:
    for python in (sys.executable, os.environ.get("INFORMER_PEERS", sys.executable)):
        command = [python, "-m", "peers.counting", name, str(path), str(lines)]
        try:
            done = subprocess.run(
                command, cwd=Path(__file__).parent, capture_output=True, text=True, timeout=PEER_S
            )
        except subprocess.TimeoutExpired:
            print(f"{name}: not done after {PEER_S} s", flush=True)
            return None
        if done.returncode == 0:
            told = json.loads(done.stdout.splitlines()[-1])
            print(f"{name}: {told}", flush=True)
            return float(lines / told["seconds"])
    print(f"{name}: {done.stderr.strip().splitlines()[-1:]}", flush=True)
    return None


def _alone(task: Callable[..., None], *given: Any) -> Measured:
    """Run in a fresh process, so that the peak of its memory is its own."""
    with ProcessPoolExecutor(1, mp_context=mp.get_context("spawn")) as pool:
        return pool.submit(_watched, task, *given).result()


def _watched(task: Callable[..., None], *given: Any) -> Measured:
    with tempfile.TemporaryDirectory() as folder:
        most, done = [0], threading.Event()
        watcher = threading.Thread(target=_watch, args=(Path(folder), most, done))
        watcher.start()
        started, cpu = time.perf_counter(), time.process_time()
        try:
            task(Path(folder), *given)
        finally:
            seconds, cpu_s = time.perf_counter() - started, time.process_time() - cpu
            done.set()
            watcher.join()
    used = [resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    rss_mib = sum(one.ru_maxrss for one in used) / 1024
    return Measured(seconds, cpu_s, rss_mib, most[0] / 2**20)


def _watch(folder: Path, most: list[int], done: threading.Event) -> None:
    """Keep the most bytes that DuckDB's spill files took; a file may go while it is looked at."""
    while not done.wait(0.2):
        sizes = 0
        for file in folder.rglob("duckdb_temp*"):
            try:
                sizes += file.stat().st_blocks * 512
            except FileNotFoundError:
                continue
        most[0] = max(most[0], sizes)


def _floor(folder: Path, path: Path) -> None:
    touched = [f"max(hash({c}))" for c in TEXTS] + [f"max({c})" for c in NUMBERS]
    held = set(pq.read_schema(path).names)
    touched = [t for t, c in zip(touched, (*TEXTS, *NUMBERS), strict=True) if c in held]
    with DuckDBEngine(spill=folder) as engine:
        engine.query(f"select {', '.join(touched)} from read_parquet('{path}')")


def _phase_1(folder: Path, path: Path, stages: bool) -> None:
    took: defaultdict[str, float] = defaultdict(float)
    if stages:
        _time_statements(took)
    settings = Settings()
    with Workspace.create(folder / "w", settings) as home, home.reading() as scratch:
        read_outlines(scratch, home, lambda: sources_of([path], settings), silent, asked={})
        found = find_patterns(
            scratch.query("select * from shapes"),
            scratch.query("select * from rpcs"),
            run_id="000001",
            previous=previous_patterns(home),
            critical_share=settings.patterns.critical_share,
            critical_rules=settings.patterns.critical,
        )
        scratch.write("members", found.members)
        bin_traffic(scratch, step_s=settings.traffic.step_s)
    for what, seconds in sorted(took.items(), key=lambda one: -one[1])[:25]:
        print(f"{seconds:8.2f} s  {what}", flush=True)


def _time_statements(took: defaultdict[str, float]) -> None:
    """Let the engine of this process add up the seconds of its statements, by their first line."""
    for name in ("run", "query"):
        inner = getattr(DuckDBEngine, name)

        def timed(
            self: DuckDBEngine,
            sql: str,
            *given: Any,
            _inner: Any = inner,
            _n: str = name,
            **kw: Any,
        ) -> Any:
            started = time.perf_counter()
            out = _inner(self, sql, *given, **kw)
            made = [line for line in sql.splitlines() if line.startswith("create")] or [sql]
            took[f"{_n} {made[0][:80]}"] += time.perf_counter() - started
            return out

        setattr(DuckDBEngine, name, timed)


def _keep(row: Json) -> None:
    """In place of an earlier row of this size."""
    rows: list[Json] = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else []
    rows = sorted([*(r for r in rows if r["lines"] != row["lines"]), row], key=lambda r: r["lines"])
    write_whole(RESULTS, json.dumps({"results": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
