"""How many spans a second of one core does each format give, and what does the file alone cost?

usage: reading_formats.py [--spans N] [--rounds N] [--only NAME]... [--profile] [--no-keep]

Writes N spans (200,000) of the simulated shop in every format, as large as real ones: OTLP spans
have some nine attributes, of which three differ from span to span. Then measures in processes of
their own, N rounds (3), the median of each:

- floor: what cannot be saved. Unpacking and one general parser: orjson for JSON, the protobuf
  library, DuckDB's plain scan of all columns for tables; for text only its lines.
- reader: the file as columns, before the engine sees them. Tables have none of their own.
- staged: as lines in numbers, and their sayings in the engine, which a source owes to `learn`.
- learned: all of `learn` before patterns are looked for, the fold of traces included.

Rates are spans per second of processor time over all threads, and for `staged` and `learned` also
by the clock. Prints a row for every format and keeps it, by format and size, in
results/reading_formats.json; --profile prints where the reader spends its time instead.
"""

import argparse
import cProfile
import json
import multiprocessing as mp
import os
import pstats
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from importlib import import_module
from pathlib import Path
from statistics import median

import orjson
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from informer.config.settings import Settings
from informer.core.types import Json
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.progress import silent
from informer.pipeline.read import read_outlines, sources_of
from informer.pipeline.workspace import Workspace
from informer.spans.open import READERS
from informer.spans.received import Tally
from informer.spans.recognise import found_in
from informer.spans.scans import TableFile, scan_sql
from informer.spans.unpack import Content
from load.written import WRITERS
from quality.kept import commit_here, write_whole

KEY = bytes(32)
LOADED_LATE = (  # by those who need compiled loops, a second before the first line
    "informer.outlines.folding",
    "informer.spans.csv_pieces",
    "informer.spans.parquet_lines",
    "informer.spans.reader_lines",
    "informer.spans.scanned_lines",
)
RESULTS = Path(__file__).parent / "results" / "reading_formats.json"


def main() -> None:
    """Write, measure, print and keep."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--spans", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--no-keep", action="store_true")
    given = parser.parse_args()
    for name, (file, write) in WRITERS.items():
        if given.only and name not in given.only:
            continue
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, file)
            write(path, given.spans)
            if given.profile:
                _profiled(path)
                continue
            row = {"format": name, **measured(path, given.rounds)}
        print(json.dumps(row), flush=True)
        if not given.no_keep:
            _keep({**row, "commit": commit_here()})


def _keep(row: Json) -> None:
    """In place of an earlier row of this format and size."""

    def key(row: Json) -> tuple[int, int]:
        return list(WRITERS).index(row["format"]), row["spans"]

    rows: list[Json] = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else []
    rows = sorted([*(r for r in rows if key(r) != key(row)), row], key=key)
    write_whole(RESULTS, json.dumps({"results": rows}, indent=1) + "\n")


def measured(path: Path, rounds: int) -> Json:
    """The row of one file; rounds of all tasks after each other, so that all share what comes."""
    took: dict[str, list[tuple[int, float, float]]] = {}
    tasks = [_floor, _staged, _learned] if found_in(path).table else list(TASKS)
    for _ in range(rounds):
        for task in tasks:
            took.setdefault(task.__name__.lstrip("_"), []).append(_alone(task, path))
    spans = took["staged"][0][0]
    row: Json = {"spans": spans, "bytes_per_span": round(path.stat().st_size / spans)}
    row |= {"cpus": os.cpu_count(), "load_after": round(os.getloadavg()[0], 1)}
    for name, all_took in took.items():
        row[f"{name}_per_cpu_s"] = round(spans / median(cpu for _, cpu, _ in all_took))
        if name in ("staged", "learned"):
            row[f"{name}_per_s"] = round(spans / median(clock for _, _, clock in all_took))
    for name in took.keys() - {"floor"}:
        row[f"{name}_to_floor"] = round(row["floor_per_cpu_s"] / row[f"{name}_per_cpu_s"], 2)
    row["rounds"] = rounds
    return row


def _alone(task: Callable[[Path], int], path: Path) -> tuple[int, float, float]:
    with ProcessPoolExecutor(1, mp_context=mp.get_context("spawn")) as pool:
        return pool.submit(_timed, task, path).result()


def _timed(task: Callable[[Path], int], path: Path) -> tuple[int, float, float]:
    """Spans, seconds of the processor and seconds by the clock; all is imported before."""
    for module in LOADED_LATE:
        import_module(module)
    cpu, clock = time.process_time(), time.perf_counter()
    spans = task(path)
    return spans, time.process_time() - cpu, time.perf_counter() - clock


def _floor(path: Path) -> int:
    found = found_in(path)
    content = Content(path)
    if found.table is not None:
        scan = _scan(found.table)
        touched = ", ".join(f'max("{column}")' for column in found.table.columns)
        with DuckDBEngine() as engine:
            engine.query(f"select {touched} from {scan}")
    elif found.container == "frames":
        for frame in content.frames():
            ExportTraceServiceRequest.FromString(frame)
    else:
        parse = orjson.loads if found.format in ("otlp", "envoy") else len
        for line in content.lines():
            parse(line)
    return 0


def _scan(table: TableFile) -> str:
    if table.container != "csv":
        return scan_sql([table], table.columns)
    columns = ", ".join(f"'{column}': 'VARCHAR'" for column in table.columns)
    return f"read_csv('{table.path}', columns = {{{columns}}}, auto_detect = false, header = true)"


def _reader(path: Path) -> int:
    found = found_in(path)
    read, _ = READERS[found.format, found.container]
    return sum(table.num_rows for table in read(Content(path), Tally()))


def _staged(path: Path) -> int:
    spans = 0
    with tempfile.TemporaryDirectory() as folder, DuckDBEngine(spill=Path(folder)) as engine:
        for source in sources_of([path], Settings()):
            spans += sum(map(len, source.lines(engine, KEY)))
    return spans


def _learned(path: Path) -> int:
    settings = Settings()
    with (
        tempfile.TemporaryDirectory() as folder,
        Workspace.create(Path(folder) / "w", settings) as home,
        home.reading() as scratch,
    ):
        read = read_outlines(scratch, home, lambda: sources_of([path], settings), silent, asked={})
    return read.chains.spans


TASKS = (_floor, _reader, _staged, _learned)


def _profiled(path: Path) -> None:
    profile = cProfile.Profile()
    profile.runcall(_staged if found_in(path).table else _reader, path)
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
