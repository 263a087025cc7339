"""`informer learn` on a Spark cluster and from ClickHouse learns what it learns from files here."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from command import done, run
from folded_lines import folded_rows
from informer.core.ports import Engine
from informer.engines.duckdb import DuckDBEngine
from informer.outlines.state import begin
from informer.pipeline.stored import PASSWORD as PASSWORD_NAME
from informer.pipeline.stored import clickhouse_at, spark_at, stored_sources
from informer.pipeline.workspace import Workspace
from informer.spans.parcels import coded
from informer.spans.received import Selection
from informer.spans.templates import Templates
from simulated_traffic import simulated, tiny
from three_engines import needed
from workspace_tables import learned

# What it says of a run: everything but what it was read from.
SAID = ("run_id", "from_ns", "until_ns", "thresholds", "spans", "chains", "rejected", "patterns")
TABLE = "table:otel.otel_traces"
# Whoever sends spans may put any bytes in them: the collector takes them as they are.
NO_TEXTS = """
create table otel.otel_traces engine = MergeTree order by Timestamp as
select
    fromUnixTimestamp64Nano(toInt64(1700000000000000000 + number * 1000000000)) as Timestamp,
    toString(intDiv(number, 2)) as TraceId, toString(number) as SpanId,
    if(number % 2 = 1, toString(number - 1), '') as ParentSpanId, '' as TraceState,
    concat('GET /', unhex('FF')) as SpanName, 'SERVER' as SpanKind,
    concat(if(number % 2 = 1, 'a', 'b'), unhex('FF')) as ServiceName, '' as ScopeName,
    map('k8s.pod.name', concat('pod', unhex('FE'))) as ResourceAttributes,
    map('http.route', concat('/x', unhex('FF'))) as SpanAttributes,
    toInt64(5) as Duration, 'OK' as StatusCode
from numbers(2000)
"""


@pytest.fixture(scope="module")
def traffic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("traffic")
    simulated(folder, tiny())
    return folder


@pytest.fixture(scope="module")
def from_files(traffic: Path) -> tuple[Path, dict[str, Any]]:
    """The workspace that files were learned into, and what was said."""
    workspace = traffic / "from-files"
    return workspace, said(done("learn", traffic / "train", "-w", workspace, "--json").json)


@pytest.fixture
def other_engines_end() -> Iterator[None]:
    """Engines last as long as the process; tests that come after want others."""
    yield
    for at in (spark_at, clickhouse_at):
        at.cache_clear()


def said(document: dict[str, Any]) -> dict[str, Any]:
    return {name: document[name] for name in SAID}


@pytest.mark.usefixtures("other_engines_end")
def test_a_spark_cluster_learns_the_same(
    traffic: Path,
    from_files: tuple[Path, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needed("spark")
    from elsewhere.spark_cluster import cluster

    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    workspace, there = tmp_path / "workspace", from_files[1]
    with cluster(tmp_path) as url:
        asked = ("learn", traffic / "train", "-w", workspace, "--engine", url, "--json")
        found = done(*asked).json
        spark_at(url).close()
    for worker in ("worker0", "worker1"):
        assert list((tmp_path / worker).glob("app-*/*")), f"{worker} did nothing"
    assert said(found) == there
    assert learned(workspace) == learned(from_files[0])


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are found in /proc")
@pytest.mark.usefixtures("other_engines_end")
def test_what_a_lost_spark_worker_had_is_made_again(
    traffic: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed("spark")
    from elsewhere.spark_cluster import cluster
    from informer.pipeline import on_spark

    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    with cluster(tmp_path) as url:
        undisturbed = folded_on(url, traffic / "train")

        def bereaved(engine: Engine, said: Iterable[pa.Table]) -> pa.Table:
            """Called when all lines are told and lie on the executors, and none are folded."""
            os.kill(executor_in(tmp_path / "worker0"), signal.SIGKILL)
            return coded(engine, said)

        monkeypatch.setattr(on_spark, "coded", bereaved)
        assert folded_on(url, traffic / "train") == undisturbed
        spark_at(url).close()


def folded_on(url: str, folder: Path) -> dict[str, list[str]]:
    """What is in the tables at home after a Spark cluster folded some files."""
    from informer.pipeline.on_spark import bring_home, fold_on_spark

    key, spark = b"a key of the workspace", spark_at(url)
    with DuckDBEngine() as home:
        begin(home)
        sources = stored_sources([str(folder)], url, Selection())
        operations = fold_on_spark(spark, home, sources, Templates(), key=key, step_s=60)
        assert bring_home(spark, home, operations, key=key) > 0
        return folded_rows(home)


def executor_in(folder: Path) -> int:
    """The process id of the executor that a worker started in its folder."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            here = Path(process, "cwd").readlink().is_relative_to(folder)
            if here and b"CoarseGrainedExecutorBackend" in Path(process, "cmdline").read_bytes():
                return int(process.name)
    raise LookupError(f"no executor runs in {folder}")


@pytest.mark.usefixtures("other_engines_end")
def test_a_table_of_the_collector_in_clickhouse_is_learned_and_judged_the_same(
    traffic: Path, from_files: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    needed("clickhouse")
    from elsewhere.otel_table import fill
    from informer.engines.clickhouse_embedded import EmbeddedClickHouse

    url, workspace = f"chdb:{tmp_path / 'clickhouse'}", tmp_path / "workspace"
    filled = EmbeddedClickHouse(tmp_path / "clickhouse")
    filled.tell("create database otel", {})
    parts = [pq.read_table(traffic / part) for part in ("train", "test")]
    fill(filled, "otel.otel_traces", pa.concat_tables(parts))
    filled.close()
    until = ("--until", "2026-06-02")
    found = done("learn", TABLE, "-w", workspace, "--engine", url, *until, "--json").json
    assert learned(workspace) == learned(from_files[0])
    after = ("--from", "2026-06-02", "--json")
    judged = done("detect", TABLE, "-w", workspace, *after).json
    clickhouse_at(url).close()
    assert said(found) == from_files[1]
    assert judged == done("detect", traffic / "test", "-w", from_files[0], *after).json


@pytest.mark.usefixtures("other_engines_end")
def test_bytes_in_clickhouse_that_are_no_text_are_learned_as_signs(tmp_path: Path) -> None:
    needed("clickhouse")
    from informer.engines.clickhouse_embedded import EmbeddedClickHouse

    filled = EmbeddedClickHouse(tmp_path / "clickhouse")
    filled.tell("create database otel", {})
    filled.tell(NO_TEXTS, {})
    filled.close()
    url, workspace = f"chdb:{tmp_path / 'clickhouse'}", tmp_path / "workspace"
    asked = ("learn", TABLE, "-w", workspace, "--engine", url, "--step", "60s", "--json")
    assert done(*asked).json["spans"] == 2_000
    clickhouse_at(url).close()
    with Workspace.open(workspace) as home:
        rpcs = home.table("rpcs").select(["callee", "method"]).to_pylist()
    assert {(rpc["callee"], rpc["method"]) for rpc in rpcs} == {
        (f"{name}\ufffd", "/x\ufffd") for name in "ab"
    }


@pytest.mark.usefixtures("other_engines_end")
def test_a_clickhouse_that_refuses_or_is_not_there_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed("clickhouse")
    from clickhouse_server import PASSWORD, served

    with served() as url:
        asked = ("learn", TABLE, "-w", tmp_path / "w", "--engine", url)
        assert "Authentication failed" in run(*asked).complaint
        monkeypatch.setenv(PASSWORD_NAME, PASSWORD)
        assert run(*asked).complaint == "informer: ClickHouse has no table otel.otel_traces"
        other = ("learn", tmp_path, "-w", tmp_path / "w", "--engine", url)
        assert "SOURCE must be table:DATABASE.TABLE" in run(*other).complaint
        clickhouse_at(url).close()
    clickhouse_at.cache_clear()
    assert "cannot be reached" in run(*asked).complaint
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("engine", ["mysql://host", "clickhouse://me:secret@host", "spark:", ""])
def test_an_engine_that_is_none_is_refused(engine: str, tmp_path: Path) -> None:
    refused = run("learn", tmp_path, "-w", tmp_path / "w", "--engine", engine).complaint
    assert "source.engine must be duckdb, spark, spark://HOST:PORT" in refused
