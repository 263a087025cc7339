"""Learning reads once, slice by slice, and goes on where it was stopped, whatever stopped it."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from command import done
from informer.config.settings import MachineSettings, Settings
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline import reading
from informer.pipeline.workspace import READING_FILE, TABLES_FILE, Workspace
from shop import Shop
from traffic_maker import COLUMNS
from unmeasured import unmeasured

SLICED = "[patterns]\ncritical_share = 1.0\n[machine]\nprocesses = 1\nslice_lines = 5000\n"
START = COLUMNS.split("start_ns=")[1].split(",")[0]
KILLS = int(os.environ.get("INFORMER_KILLS", "3"))
COMPARED = {
    "traffic": "*",
    "workloads": "*",
    "steps": "*",
    "rpcs": "*",
    "shapes": "*",
    "members": "*",
    "patterns": "*",
    "pattern_edges": "*",
    "attribute_values": "*",
}


def arguments(traces: Path, workspace: Path) -> list[str]:
    return ["learn", str(traces), "-w", str(workspace), "--step", "600s", "--columns", COLUMNS]


def made(workspace: Path, settings: str) -> Path:
    """A workspace that nothing was learned into."""
    Workspace.create(workspace, Settings()).close()
    (workspace / "informer.toml").write_text(settings, "utf-8")
    return workspace


def tables(workspace: Path) -> dict[str, list[tuple[object, ...]]]:
    """What was learned, in a stable order."""
    with DuckDBEngine(workspace / TABLES_FILE) as engine:
        return {
            name: engine.query(f"select {columns} from {name} order by all").to_pylist()
            for name, columns in COMPARED.items()
        }


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copies of it have one key, so that what they learn can be compared bit by bit."""
    return made(tmp_path_factory.mktemp("one_pass") / "empty", SLICED)


@pytest.fixture(scope="module")
def undisturbed(shop: Shop, empty: Path) -> Path:
    workspace = Path(shutil.copytree(empty, empty.parent / "undisturbed"))
    done(*arguments(shop.train, workspace))
    return workspace


def test_slices_learn_what_is_learned_at_once(
    shop: Shop, empty: Path, undisturbed: Path, tmp_path: Path
) -> None:
    whole = Path(shutil.copytree(empty, tmp_path / "whole"))
    (whole / "informer.toml").write_text(SLICED.replace("slice_lines = 5000", ""), "utf-8")
    done(*arguments(shop.train, whole))
    in_slices, at_once = tables(undisturbed), tables(whole)
    for name in ("traffic", "workloads", "steps", "members", "patterns", "pattern_edges"):
        assert in_slices[name] == at_once[name], name


def test_lines_that_wait_are_of_the_next_slice(
    shop: Shop, empty: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, inner = [], reading.Reading._fold

    def fold(self: reading.Reading, lines: int, *, last: bool) -> None:
        held.append((sum(map(len, self.parts)), lines))
        inner(self, lines, last=last)

    monkeypatch.setattr(reading.Reading, "_fold", fold)
    monkeypatch.setattr(reading, "PIECE_ROWS", 100)
    workspace = Path(shutil.copytree(empty, tmp_path / "held"))
    # Slices end anywhere here: lines that come minutes late would be too late, some of the time.
    in_order = tmp_path / "in_order.parquet"
    pq.write_table(pq.read_table(shop.train).sort_by(START), in_order)
    done(*arguments(in_order, workspace))
    assert max(lines for lines, _ in held) < 5_100
    assert any(new < lines for lines, new in held)
    assert tables(workspace) == tables(undisturbed)


def test_what_is_said_may_be_forgotten_after_each_slice(
    shop: Shop, empty: Path, undisturbed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MOST_SAYINGS", 5)
    workspace = Path(shutil.copytree(empty, tmp_path / "forgetful"))
    done(*arguments(shop.train, workspace))
    assert tables(workspace) == tables(undisturbed)


def test_a_reading_that_was_killed_goes_on_as_if_nothing_had_happened(
    shop: Shop, empty: Path, undisturbed: Path, tmp_path: Path
) -> None:
    moments, killed, number = random.Random(1), 0, 0
    while killed < KILLS:
        number += 1
        workspace = Path(shutil.copytree(empty, tmp_path / str(number)))
        command = [sys.executable, "-m", "informer", *arguments(shop.train, workspace)]
        while not is_learned(workspace):
            with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as it:
                try:
                    it.wait(moments.uniform(1.0, 6.0) if killed < KILLS else None)
                    assert it.returncode == 0
                    assert not list(workspace.glob(f"{READING_FILE}*"))
                except subprocess.TimeoutExpired:
                    it.send_signal(signal.SIGKILL)
                    it.wait()
                    killed += 1
        assert tables(workspace) == tables(undisturbed)


def is_learned(workspace: Path) -> bool:
    with DuckDBEngine(workspace / TABLES_FILE) as engine:
        return bool(engine.query("select count(*) as n from patterns")["n"][0].as_py())


def models(workspace: Path) -> dict[str, bytes]:
    """Everything below `models/`, by its path."""
    files = (p for p in (workspace / "models").rglob("*") if p.is_file())
    return {str(p.relative_to(workspace)): p.read_bytes() for p in files}


def test_an_interrupt_keeps_the_models_that_are_finished(
    shop: Shop, empty: Path, undisturbed: Path, tmp_path: Path
) -> None:
    workspace = Path(shutil.copytree(empty, tmp_path / "interrupted"))
    command = [sys.executable, "-m", "informer", *arguments(shop.train, workspace)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=unmeasured()) as learning:
        while learning.poll() is None and not kept(workspace):
            time.sleep(0.01)
        learning.send_signal(signal.SIGINT)
        said = learning.communicate()[1]
    assert learning.returncode == 130, said
    assert "the same command goes on from here" in said
    finished = kept(workspace)
    assert finished
    before = {path: path.stat().st_mtime_ns for path in finished}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Workspace, "forget_progress", lambda home: None)
        done(*arguments(shop.train, workspace))
    assert {path: path.stat().st_mtime_ns for path in finished} == before
    assert tables(workspace) == tables(undisturbed)
    assert models(workspace) == models(undisturbed)


def kept(workspace: Path) -> list[Path]:
    """Finished fits."""
    return sorted((workspace / "finished").glob("*.safetensors"))


def test_other_files_are_read_anew(shop: Shop, empty: Path, tmp_path: Path) -> None:
    workspace = Path(shutil.copytree(empty, tmp_path / "anew"))
    spans = pq.read_table(shop.train)
    few = tmp_path / "few.parquet"
    pq.write_table(spans.slice(0, 9), few)  # too few to find a pattern in
    with pytest.raises(AssertionError, match="alike chains"):
        done(*arguments(few, workspace))
    assert (workspace / READING_FILE).exists()
    told = done(*arguments(shop.train, workspace), "--json").json
    assert told["spans"] == spans.num_rows


@pytest.mark.parametrize("most_sayings", [reading.MOST_SAYINGS, 5])
def test_files_that_are_not_in_order_of_time_break_no_trace(
    shop: Shop,
    empty: Path,
    undisturbed: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    most_sayings: int,
) -> None:
    monkeypatch.setattr(reading, "MOST_SAYINGS", most_sayings)
    spans = pq.read_table(shop.train)
    service = COLUMNS.split("service=")[1].split(",")[0]
    names = sorted(set(spans[service].to_pylist()))
    folder = tmp_path / "by service"
    folder.mkdir()
    for name in names:
        rows = spans.filter(pa.compute.equal(spans[service], name))
        pq.write_table(rows, folder / f"{name}.parquet")
    workspace = Path(shutil.copytree(empty, tmp_path / "workspace"))
    done(*arguments(folder, workspace))
    assert tables(workspace)["traffic"] == tables(undisturbed)["traffic"]


def test_a_slice_has_at_least_a_thousand_lines() -> None:
    assert MachineSettings().slice_lines >= 1000
