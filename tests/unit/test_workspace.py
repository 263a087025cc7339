"""The workspace folder: what may be one, what it keeps, and who may write it."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

from informer.config.load import read_settings
from informer.config.settings import MachineSettings, Settings, TrafficSettings
from informer.core.errors import InformerError
from informer.core.tables import INCIDENTS, RPCS, TABLES
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.table_memory import when_folded
from informer.pipeline.workspace import FORMAT, Workspace

HOLD = """
import sys
from pathlib import Path
from informer.pipeline.workspace import Workspace
with Workspace.open(Path(sys.argv[1])):
    print("open", flush=True)
    sys.stdin.read()
"""
END = """
import os, sys
from pathlib import Path
from informer.pipeline.workspace import Workspace
Workspace.put = lambda home, name, value: os._exit(9)
Workspace.create(Path(sys.argv[1]))
"""
FAST = replace(Settings(), traffic=TrafficSettings(step_s=10))


def made(path: Path, settings: Settings | None = None) -> Path:
    with Workspace.create(path, settings) as home:
        home.keep_settings()
    return path


def complaint(action: object, path: Path) -> str:
    with pytest.raises(InformerError) as error:
        action(path)  # type: ignore[operator]
    assert "\n" not in str(error.value)
    return str(error.value)


def test_an_absent_folder_becomes_a_workspace_with_every_table(tmp_path: Path) -> None:
    path = made(tmp_path / "a" / "b")
    with Workspace.open(path) as home:
        for name in set(TABLES) - {"spans"}:
            assert home.table(name).num_rows == 0
            assert home.table(name).schema.names == TABLES[name].names


def test_an_empty_folder_becomes_a_workspace(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    Workspace.open(made(tmp_path / "w")).close()


def test_a_folder_with_settings_alone_becomes_a_workspace_that_has_them(tmp_path: Path) -> None:
    (tmp_path / "informer.toml").write_text("[traffic]\nstep_s = 10\n")
    with Workspace.create(tmp_path) as home:
        assert home.settings == FAST


def test_settings_that_were_being_written_when_all_ended_are_no_strangers(tmp_path: Path) -> None:
    (tmp_path / "informer.toml.part").write_text("[traf")
    Workspace.open(made(tmp_path)).close()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["informer.toml", "workspace.duckdb"]


def test_settings_given_hold_and_are_kept_when_the_work_was_done(tmp_path: Path) -> None:
    path = made(tmp_path / "w")
    with Workspace.create(path, FAST) as home:
        assert home.settings == FAST
    assert read_settings(path / "informer.toml") == Settings()
    assert read_settings(made(path, FAST) / "informer.toml") == FAST
    with Workspace.open(path) as home:
        assert home.settings == FAST


def test_a_file_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "must be a folder, it is a file" in complaint(Workspace.create, tmp_path / "file")
    assert "is no workspace" in complaint(Workspace.open, tmp_path / "file")


def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    said = complaint(Workspace.create, tmp_path)
    assert "must be absent, empty or a workspace, it holds 'thesis.tex'" in said
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_folder_below_a_file_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    assert "cannot be made" in complaint(Workspace.create, tmp_path / "file" / "w")


def test_what_was_never_learned_is_no_workspace(tmp_path: Path) -> None:
    assert "is no workspace: `informer learn` or `informer serve` makes one" in complaint(
        Workspace.open, tmp_path
    )


def test_a_foreign_database_is_no_workspace(tmp_path: Path) -> None:
    (tmp_path / "workspace.duckdb").write_bytes(b"something else entirely" * 1000)
    assert "workspace.duckdb cannot be opened" in complaint(Workspace.open, tmp_path)


@pytest.mark.parametrize("version", [FORMAT + 1, 0, "x"])
def test_a_workspace_of_another_version_is_refused(tmp_path: Path, version: object) -> None:
    path = made(tmp_path / "w")
    with Workspace.open(path) as home:
        home.put("format", {"version": version})
    for action in (Workspace.open, Workspace.create):
        said = complaint(action, path)
        assert f"is of version {version}, this Informer reads version {FORMAT}" in said


def test_a_database_that_is_no_workspace_is_of_no_version(tmp_path: Path) -> None:
    with DuckDBEngine(tmp_path / "workspace.duckdb") as engine:
        engine.run("create table t as select 1 as n")
    assert "is of version None" in complaint(Workspace.open, tmp_path)


@pytest.mark.parametrize("action", [Workspace.create, Workspace.open])
def test_a_folder_whose_maker_was_killed_is_made_by_whoever_comes_next(
    tmp_path: Path, action: Callable[[Path], Workspace]
) -> None:
    path = tmp_path / "w"
    assert subprocess.run([sys.executable, "-c", END, str(path)], check=False).returncode == 9
    assert (path / "workspace.duckdb").exists()
    with action(path) as home:
        key = home.key
        assert all(home.engine.has(name) for name in set(TABLES) - {"spans"})
    with Workspace.open(path) as home:
        assert home.key == key


def test_tables_that_went_are_not_made_anew_beside_models(tmp_path: Path) -> None:
    path = tmp_path / "w"
    (path / "models" / "p" / "0001").mkdir(parents=True)
    DuckDBEngine(path / "workspace.duckdb").close()
    for action in (Workspace.open, Workspace.create):
        assert "is of version None" in complaint(action, path)


def test_a_second_process_is_told_that_the_workspace_is_in_use(tmp_path: Path) -> None:
    path = made(tmp_path / "w")
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdin is not None
        assert other.stdout.readline() == "open\n"
        assert "is in use by another process" in complaint(Workspace.open, path)
        assert "is in use by another process" in complaint(Workspace.create, path)
        other.stdin.close()
    Workspace.open(path).close()


def test_notes_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = made(tmp_path / "w")
    note = {"a": [1, 2.5, None, True], "quote\"'\n": {"ü🎈": "x"}, "big": 2**62}
    with Workspace.open(path) as home:
        assert home.get("thing") == {}
        home.put("thing", {"before": 1})
        home.put("thing", note)
        home.put("it's", {"n": 1})
    with Workspace.open(path) as home:
        assert home.get("thing") == note
        assert home.get("it's") == {"n": 1}


def test_the_key_stays_and_differs_from_workspace_to_workspace(tmp_path: Path) -> None:
    one, other = made(tmp_path / "one"), made(tmp_path / "other")
    with Workspace.open(one) as home:
        key = home.key
    with Workspace.open(one) as home, Workspace.open(other) as stranger:
        assert home.key == key
        assert stranger.key != key


def rpc(rpc_id: str) -> dict[str, object]:
    row: dict[str, object] = dict.fromkeys(("caller", "callee", "method", "kind"), rpc_id)
    return row | {"rpc_id": rpc_id, "first_seen_ns": 1, "code": 1}


def test_what_was_met_and_not_learned_is_remembered_once(tmp_path: Path) -> None:
    with Workspace.create(tmp_path / "w") as home:
        home.save("rpcs", RPCS.of([rpc("known")]))
        home.meet("rpcs", "rpc_id", RPCS.of([rpc("known"), rpc("new")]))
        home.meet("rpcs", "rpc_id", RPCS.of([rpc("new"), rpc("newer")]))
        met = home.engine.query("select rpc_id from met_rpcs order by 1")["rpc_id"].to_pylist()
        assert met == ["new", "newer"]


def incidents(*rows: tuple[str, int, str]) -> pa.Table:
    filled = {"title": "", "kind": "volume", "severity": "high", "resolved_ns": None}
    filled |= {"score": 1.0, "patterns": [], "evidence": "{}"}
    return INCIDENTS.of(
        [filled | {"incident_id": i, "opened_ns": t, "verdict": v} for i, t, v in rows]
    )


def test_looking_again_replaces_the_incidents_of_a_range_but_for_their_verdicts(
    tmp_path: Path,
) -> None:
    with Workspace.create(tmp_path / "w") as home:
        home.keep_incidents(0, 100, incidents(("a", 10, "open"), ("b", 50, "open")))
        home.keep_incidents(100, 200, incidents(("late", 150, "open")))
        home.engine.run("update incidents set verdict = 'rejected' where incident_id = 'a'")
        home.keep_incidents(0, 100, incidents(("a", 10, "open"), ("c", 60, "open")))
        kept = [(r["incident_id"], r["verdict"]) for r in home.table("incidents").to_pylist()]
    assert sorted(kept) == [("a", "rejected"), ("c", "open"), ("late", "open")]


def test_rows_between_two_times_are_replaced_and_the_end_is_left_out(tmp_path: Path) -> None:
    with Workspace.create(tmp_path / "w") as home:
        home.keep_incidents(0, 300, incidents(("a", 99, "open"), ("b", 100, "open")))
        home.replace_between("incidents", "opened_ns", 0, 100, incidents(("c", 5, "open")))
        assert sorted(home.table("incidents")["incident_id"].to_pylist()) == ["b", "c"]


@pytest.mark.parametrize(
    ("memory", "folding", "folded"),
    [
        ("1GiB", "256.0 MiB", "409.5 MiB"),
        ("300MiB", "95.3 MiB", "120.0 MiB"),
        ("100MiB", "40.0 MiB", "40.0 MiB"),
    ],
)
def test_an_engine_of_a_reading_has_more_when_all_is_folded(
    tmp_path: Path, memory: str, folding: str, folded: str
) -> None:
    limit = "select value from duckdb_settings() where name = 'memory_limit'"
    settings = replace(FAST, machine=MachineSettings(memory=memory))
    with Workspace.create(tmp_path / "w", settings) as home, home.reading() as reading:
        assert reading.query(limit)["value"].to_pylist() == [folding]
        reading.limit(when_folded(settings.machine))
        assert reading.query(limit)["value"].to_pylist() == [folded]


def test_nothing_is_left_behind_of_the_work(tmp_path: Path) -> None:
    path = made(tmp_path / "w")
    with Workspace.open(path) as home, home.scratch() as scratch:
        scratch.run("create table t as select range as n from range(1000)")
    assert sorted(p.name for p in path.iterdir()) == ["informer.toml", "workspace.duckdb"]
