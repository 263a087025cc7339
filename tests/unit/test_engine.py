"""DuckDB as the engine: one file, one writer, bounded memory."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from informer.core.errors import InformerError
from informer.engines.duckdb import DuckDBEngine, plainly

HOLD = """
import sys
from pathlib import Path
from informer.engines.duckdb import DuckDBEngine
with DuckDBEngine(Path(sys.argv[1])):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_a_file_keeps_its_tables(tmp_path: Path) -> None:
    with DuckDBEngine(tmp_path / "t.duckdb") as engine:
        engine.write("t", pa.table({"n": [1, 2]}))
    with DuckDBEngine(tmp_path / "t.duckdb") as engine:
        assert engine.has("t")
        assert not engine.has("u")
        assert engine.query("select sum(n) as n from t")["n"].to_pylist() == [3]


def test_a_second_process_is_told_that_the_file_is_in_use(tmp_path: Path) -> None:
    path = tmp_path / "t.duckdb"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(InformerError, match="is in use by another process") as error:
            DuckDBEngine(path)
        other.stdin.close()
    assert "\n" not in str(error.value)
    DuckDBEngine(path).close()


def test_a_file_that_is_no_database_cannot_be_opened(tmp_path: Path) -> None:
    path = tmp_path / "t.duckdb"
    path.write_bytes(b"not a database, but longer than its header would be" * 500)
    with pytest.raises(InformerError, match=r"t\.duckdb cannot be opened: ") as error:
        DuckDBEngine(path)
    assert "\n" not in str(error.value)


def test_a_folder_that_is_absent_is_named(tmp_path: Path) -> None:
    with pytest.raises(InformerError, match=r"none/t\.duckdb cannot be opened: "):
        DuckDBEngine(tmp_path / "none" / "t.duckdb")


def test_work_that_needs_more_memory_than_allowed_says_so() -> None:
    with (
        DuckDBEngine(memory=20_000_000, threads=1) as engine,
        pytest.raises(InformerError, match="not enough memory or disk: ") as error,
    ):
        engine.query("select list(range) as l, sum(range) as s from range(20_000_000)")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("memory", [1_000, 10_000])
def test_an_engine_with_hardly_any_memory_says_so(memory: int) -> None:
    with (
        DuckDBEngine(memory=memory, threads=1) as engine,
        pytest.raises(InformerError, match="not enough memory or disk: ") as error,
    ):
        engine.write("t", pa.table({"n": range(1_000_000)}))
    assert "\n" not in str(error.value)


def test_memory_that_runs_out_in_the_middle_of_a_stream_is_told_as_well() -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"n": [1]})
        raise OSError("Out of Memory Error: failed to allocate 4 MiB\n\nPossible solutions:")

    told = plainly(batches())
    assert next(told)["n"].to_pylist() == [1]
    with pytest.raises(
        InformerError, match=r"^not enough memory or disk: failed to allocate 4 MiB$"
    ):
        next(told)


def test_what_does_not_fit_spills(tmp_path: Path) -> None:
    sql = "create table t as select hash(range) as h, range as n from range($rows) order by h"
    with DuckDBEngine(spill=tmp_path / "spill", memory=60_000_000, threads=1) as engine:
        engine.run(sql, rows=8_000_000)  # 128 MB
        assert engine.query("select count(*) as n from t")["n"].to_pylist() == [8_000_000]


def test_many_cores_do_not_read_json_at_once_where_memory_is_short(tmp_path: Path) -> None:
    row = json.dumps({"n": 1, "text": "x" * 1000})
    (tmp_path / "rows.json").write_text(f"{row}\n" * 70_000)  # more than two threads take at once
    with DuckDBEngine(memory=100_000_000, threads=16) as engine:
        counted = engine.query(f"select count(*) as n from read_json('{tmp_path}/rows.json')")
    assert counted["n"].to_pylist() == [70_000]


@pytest.mark.parametrize(("memory", "threads"), [(50_000_000, 1), (150_000_000, 2), (10**12, 16)])
def test_an_engine_has_as_many_threads_as_find_room(memory: int, threads: int) -> None:
    with DuckDBEngine(memory=10**9, threads=16) as engine:
        engine.limit(memory)
        assert engine.query("select current_setting('threads') as n")["n"].to_pylist() == [threads]


def test_what_an_engine_holds_beyond_a_new_limit_spills(tmp_path: Path) -> None:
    with DuckDBEngine(spill=tmp_path, memory=500_000_000, threads=1) as engine:
        engine.run("create table t as select hash(range) as h from range(10_000_000)")  # 80 MB
        engine.limit(40_000_000)
        held = engine.query("select sum(memory_usage_bytes) as n from duckdb_memory()")["n"]
        assert 0 < held[0].as_py() < 40_000_000
        assert engine.query("select count(*) as n from t")["n"].to_pylist() == [10_000_000]


def test_a_file_that_went_away_is_the_users_to_mend(tmp_path: Path) -> None:
    with (
        DuckDBEngine() as engine,
        pytest.raises(InformerError, match="cannot read or write: ") as error,
    ):
        engine.query(f"select * from read_csv('{tmp_path}/none.csv')")
    assert "\n" not in str(error.value)


def test_an_error_of_ours_keeps_its_name() -> None:
    with DuckDBEngine() as engine, pytest.raises(Exception, match="nonsense") as error:
        engine.query("select nonsense")
    assert not isinstance(error.value, InformerError)


def test_a_transaction_that_fails_leaves_everything_as_it_was(tmp_path: Path) -> None:
    with DuckDBEngine(tmp_path / "t.duckdb") as engine:
        engine.write("t", pa.table({"n": [1]}))
        with pytest.raises(InformerError), engine.transaction():
            _replace_and_break_off(engine)
        assert engine.query("select * from t").to_pylist() == [{"n": 1}]
        assert not engine.has("new")
        with engine.transaction():
            engine.append("new", pa.table({"n": [2]}))
    with DuckDBEngine(tmp_path / "t.duckdb") as engine:
        assert engine.query("select * from new").to_pylist() == [{"n": 2}]


def _replace_and_break_off(engine: DuckDBEngine) -> None:
    engine.write("t", pa.table({"other": ["x"]}))
    engine.append("new", pa.table({"n": [2]}))
    raise InformerError("half way")


def test_what_is_committed_later_is_seen_by_whatever_is_asked_next(tmp_path: Path) -> None:
    with DuckDBEngine(tmp_path / "t.duckdb") as engine:
        for n in range(20):
            with engine.transaction(later=True):
                engine.append("t", pa.table({"n": list(range(1000))}))
            ways = (engine.query, lambda sql: engine.stream(sql).read_all())
            assert ways[n % 2]("select count(*) as n from t")["n"].to_pylist() == [1000 * (n + 1)]
        with engine.transaction(later=True):
            engine.append("new", pa.table({"n": [1]}))
    with DuckDBEngine(tmp_path / "t.duckdb") as engine:
        assert engine.query("select * from new").num_rows == 1
        with pytest.raises(InformerError), engine.transaction(later=True):
            _replace_and_break_off(engine)
        assert engine.query("select count(*) as n from t")["n"].to_pylist() == [20_000]


@pytest.mark.parametrize("asked", ["query", "run", "append", "has", "close"])
def test_a_later_commit_that_fails_is_told_by_whatever_is_asked_next(
    tmp_path: Path, asked: str
) -> None:
    with DuckDBEngine(tmp_path / "t.duckdb") as engine, engine.beside() as other:
        engine.write("t", pa.table({"n": [1]}))
        engine.run("create unique index one on t (n)")
        with engine.transaction(later=True):
            # The same row from elsewhere comes first: only the commit finds out.
            engine.run("insert into t values (2)")
            other.run("insert into t values (2)")
        ask = {
            "query": lambda: engine.query("select 1"),
            "run": lambda: engine.run("select 1"),
            "append": lambda: engine.append("u", pa.table({"n": [1]})),
            "has": lambda: engine.has("t"),
            "close": engine.close,
        }
        with pytest.raises(InformerError, match="cannot read or write"):
            ask[asked]()
        if asked != "close":
            assert engine.query("select n from t order by n")["n"].to_pylist() == [1, 2]


def test_an_engine_beside_sees_what_is_kept_and_outlives_nobody(tmp_path: Path) -> None:
    with DuckDBEngine(tmp_path / "d.duckdb") as engine:
        engine.run("create table t as select 1 as n")
        other = engine.beside()
        with engine.transaction():
            engine.run("insert into t values (2)")
            assert other.query("select n from t").num_rows == 1
            other.run("create table u as select 3 as n")
        assert other.query("select n from t").num_rows == 2
        other.close()
        assert engine.query("select n from u")["n"].to_pylist() == [3]
