"""How long do Spark and ClickHouse take for what DuckDB does, and are their tables equal?

usage: engine_seconds.py [--lines N]... [--engine NAME]... [--parquet FILE] [--no-keep]

Writes N simulated lines of the `paper` scenario (or takes FILE) and reads them up to shapes and
counted calls: with DuckDB, on a standalone Spark (a master and two workers with a core each, all on
this machine), and out of a ClickHouse table as the OpenTelemetry Collector's exporter makes it
(chDB, in this process). Every engine runs in a process of its own. Beside the time that passed it
tells the processor time of all processes that had a part in it, for where the machine has other
work to do, and how many rows of the tables are not those of DuckDB. Goes into
results/engine_seconds.json unless --no-keep.
"""

import argparse
import json
import multiprocessing as mp
import os
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from elsewhere.otel_table import fill
from elsewhere.spark_cluster import cluster
from informer.config.settings import Settings, SourceSettings
from informer.core.cell_counts import CellCounts
from informer.core.ports import Source
from informer.core.types import Json
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.progress import silent
from informer.pipeline.read import read_outlines, sources_of
from informer.pipeline.workspace import Workspace
from lines_per_second import write_lines
from quality.kept import commit_here, write_whole

RESULTS = Path(__file__).parent / "results" / "engine_seconds.json"
TABLE = "otel.otel_traces"
WORKER_MEMORY, EXECUTOR_MEMORY = "4g", "3g"
# What must be the same; codes are secret to a workspace, examples are each engine's own choice.
COMPARED = {
    "rpcs": "select rpc_id, caller, callee, method, kind, first_seen_ns from rpcs",
    "shapes": "select * exclude (example_trace_ids) from shapes",
    "called": """
        select k.shape_id, k.rpc_id, k.version, c.step_start_ns, c.bucket,
            cast(sum(round(c.lines * s.weight_e6 * s.share)) as bigint) as calls_e6,
            s.failed, s.refused
        from counted_cells as c
        join cell_shares as s on s.cell = c.cell
        join call_kinds as k on k.call_kind = s.call_kind
        group by all
    """,
    "chain_steps": """
        select step_start_ns, cast(sum(chains) as bigint) as chains, min(first_ns) as first_ns,
            max(last_ns) as last_ns
        from chain_steps group by all
    """,
}


@dataclass(frozen=True, slots=True)
class Took:
    """From lines to counted calls, with the start of a session; and what was counted."""

    seconds: float
    processor_s: float
    begin_processor_s: float  # of it, until columns were known: a cluster's session has begun
    chains: str
    tables: Path  # a folder with COMPARED


EITHER = "(from '{one}/{name}.parquet' except from '{other}/{name}.parquet')"


def main() -> None:
    """Measure every size on every engine, print and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", action="append", type=int, default=[])
    parser.add_argument("--engine", action="append", choices=ENGINES, default=[])
    parser.add_argument("--parquet", type=Path)
    parser.add_argument("--no-keep", action="store_true")
    given = parser.parse_args()
    for lines in given.lines or [1_000_000]:
        with tempfile.TemporaryDirectory() as folder:
            path = given.parquet or Path(folder, "lines.parquet")
            if given.parquet is None:
                write_lines(path, lines, seed=1)
            row = measured(path, ["duckdb", *given.engine] if given.engine else list(ENGINES))
        print(json.dumps(row, indent=1), flush=True)
        if not given.no_keep:
            _keep({"commit": commit_here(), **row})


def measured(path: Path, engines: list[str]) -> Json:
    """The row of one size: seconds, lines a second, and whether tables equal DuckDB's."""
    lines = pq.read_metadata(path).num_rows
    row: Json = {"lines": lines}
    with tempfile.TemporaryDirectory() as folder:
        found = {
            name: _alone(ENGINES[name], path, Path(folder, name)) for name in dict.fromkeys(engines)
        }
        told = {name: _differing(took, found["duckdb"]) for name, took in found.items()}
    for name, took in found.items():
        row[f"{name}_seconds"] = round(took.seconds, 1)
        row[f"{name}_lines_per_s"] = round(lines / took.seconds)
        row[f"{name}_processor_s"] = round(took.processor_s, 1)
        row[f"{name}_processor_us_a_line"] = round(1e6 * took.processor_s / lines, 2)
        row[f"{name}_begin_processor_s"] = round(took.begin_processor_s, 1)
        row[f"{name}_processor_us_a_line_then"] = round(
            1e6 * (took.processor_s - took.begin_processor_s) / lines, 2
        )
        row[f"{name}_equal"] = took.chains == found["duckdb"].chains and not any(
            told[name].values()
        )
        row[f"{name}_rows_that_differ"] = told[name]
    return row


def _differing(one: Took, other: Took) -> dict[str, int]:
    """How many rows of the tables are in one of the two alone."""
    found = {}
    with DuckDBEngine() as engine:
        for name in COMPARED:
            sides = ((one, other), (other, one))
            froms = [EITHER.format(one=a.tables, other=b.tables, name=name) for a, b in sides]
            sql = f"select count(*) as n from ({' union all '.join(froms)})"
            found[name] = int(engine.query(sql)["n"][0].as_py())
    return found


def _on_duckdb(path: Path, tables: Path) -> Took:
    return _read("duckdb", str(path), tables)


def _on_spark(path: Path, tables: Path) -> Took:
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    asked = os.environ.get("PYSPARK_SUBMIT_ARGS", "pyspark-shell")
    os.environ["PYSPARK_SUBMIT_ARGS"] = f"--conf spark.executor.memory={EXECUTOR_MEMORY} {asked}"
    with (
        tempfile.TemporaryDirectory() as folder,
        cluster(Path(folder), memory=WORKER_MEMORY) as url,
    ):
        return _read(url, str(path), tables)


def _on_clickhouse(path: Path, tables: Path) -> Took:
    from informer.engines.clickhouse_embedded import EmbeddedClickHouse

    with tempfile.TemporaryDirectory() as folder:
        server = EmbeddedClickHouse(Path(folder))
        server.tell("create database otel", {})
        fill(server, TABLE, pq.read_table(path))
        server.close()
        return _read(f"chdb:{folder}", f"table:{TABLE}", tables)


def _read(engine: str, location: str, tables: Path) -> Took:
    settings = replace(Settings(), source=SourceSettings(engine=engine))
    begun_s = 0.0

    def sources() -> Sequence[Source]:
        nonlocal begun_s
        found = sources_of([location], settings)
        begun_s = _processor_s()
        return found

    with (
        tempfile.TemporaryDirectory() as folder,
        Workspace.create(Path(folder, "w"), settings) as home,
        home.reading() as scratch,
    ):
        began, busy_s = time.perf_counter(), _processor_s()
        read = read_outlines(scratch, home, sources, silent, asked={})
        seconds, processor_s = time.perf_counter() - began, _processor_s() - busy_s
        tables.mkdir()
        scratch.write("counted_cells", _counted(scratch))
        for name, sql in COMPARED.items():
            pq.write_table(scratch.query(sql), tables / f"{name}.parquet")
    return Took(seconds, processor_s, begun_s - busy_s, str(asdict(read.chains)), tables)


def _counted(scratch: DuckDBEngine) -> pa.Table:
    """`cell_counts`, a row for every count."""
    held = CellCounts.of(scratch.query("select * from cell_counts"))
    steps, cell = (np.repeat(told, held.size) for told in (held.step_start_ns, held.cell))
    names = ["step_start_ns", "cell", "bucket", "lines"]
    return pa.table([steps, cell, held.bucket, held.lines], names)


def _processor_s() -> float:
    """What this process took, and all that it or those started, a cluster with its workers too."""
    parents, ticks = {}, {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            told = Path(process, "stat").read_text().rpartition(")")[2].split()
            parents[int(process.name)] = int(told[1])
            ticks[int(process.name)] = sum(map(int, told[11:15]))  # own, and of children that ended
    ours = {os.getpid()}
    while more := {p for p, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return sum(ticks.get(process, 0) for process in ours) / os.sysconf("SC_CLK_TCK")


ENGINES: dict[str, Callable[[Path, Path], Took]] = {
    "duckdb": _on_duckdb,
    "spark": _on_spark,
    "clickhouse": _on_clickhouse,
}


def _alone(job: Callable[[Path, Path], Took], path: Path, tables: Path) -> Took:
    with ProcessPoolExecutor(1, mp_context=mp.get_context("spawn")) as process:
        return process.submit(_said, job, path, tables).result()


def _said(job: Callable[[Path, Path], Took], path: Path, tables: Path) -> Took:
    """What a job gives; its error in words, for one of Java's does not travel between processes."""
    try:
        return job(path, tables)
    except Exception as error:  # noqa: BLE001 (it is raised again, in words)
        raise RuntimeError("".join(traceback.format_exception(error))) from None


def _keep(row: Json) -> None:
    """In place of what an earlier row of this size said of the same engines."""
    rows: list[Json] = json.loads(RESULTS.read_text())["results"] if RESULTS.exists() else []
    by_lines = {r["lines"]: r for r in rows}
    by_lines[row["lines"]] = by_lines.get(row["lines"], {}) | row
    kept = [by_lines[lines] for lines in sorted(by_lines)]
    for name in ENGINES:
        took = f"{name}_processor_s"
        for less, more in pairwise([row for row in kept if took in row]):
            further_s, further = more[took] - less[took], more["lines"] - less["lines"]
            more[f"{name}_processor_us_a_further_line"] = round(1e6 * further_s / further, 2)
    write_whole(RESULTS, json.dumps({"results": kept}, indent=1) + "\n")


if __name__ == "__main__":
    main()
