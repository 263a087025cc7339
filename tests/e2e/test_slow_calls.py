"""A service that becomes slow: told once, in milliseconds, and known once it is accepted."""

import shutil
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from command import done
from simulated_traffic import FROM_NS, simulated, tiny

SETTINGS = """
[patterns]
critical_share = 1.0
[machine]
processes = 1
"""
DAYS = {"title": "slow", "days": 3, "train_days": 2}
# From two in the afternoon of the third day until it ends.
SLOW = {
    "id": "S1",
    "kind": "slow",
    "at": "0d 14:00",
    "minutes": 600,
    "patterns": ["login"],
    "guilty": "users-db: SELECT user",
    "times_slower": 20,
}
SLOW_NS = FROM_NS + (2 * 24 + 14) * 3600 * 10**9
STEP_NS = 600 * 10**9


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with traffic and the workspace that learned it."""
    folder = tmp_path_factory.mktemp("slow")
    simulated(folder / "traffic", tiny(SLOW, scenario=DAYS))
    (folder / "workspace").mkdir()
    # Networks take time to train, and say nothing about latency.
    (folder / "workspace" / "informer.toml").write_text(SETTINGS)
    done("learn", folder / "traffic" / "train", "-w", folder / "workspace", "--step", "600s")
    return folder


@pytest.fixture
def workspace(learned: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(learned / "workspace", tmp_path / "workspace"))


def looked_at(learned: Path, workspace: Path, *options: object) -> list[dict[str, Any]]:
    ran = done("detect", learned / "traffic" / "test", "-w", workspace, "--json", *options)
    found: list[dict[str, Any]] = ran.json["incidents"]
    return found


def test_it_is_one_incident_that_names_the_slow_call_first(learned: Path, workspace: Path) -> None:
    (incident,) = looked_at(learned, workspace)
    assert incident["kind"] == "latency"
    assert SLOW_NS <= incident["opened_ns"] <= SLOW_NS + 4 * STEP_NS
    slow, *waiting = incident["rpcs"]
    assert slow["callee"] == "users-db"
    assert {r["callee"] for r in waiting} == {"auth", "gateway"}
    assert slow["observed"] == pytest.approx(100, rel=0.2)  # 5 ms, twenty times
    assert slow["expected"] == pytest.approx(5, rel=0.1)
    assert incident["title"].startswith("20 times slower (")
    assert len(incident["examples"]) == 5


def test_people_read_milliseconds(learned: Path, workspace: Path, tmp_path: Path) -> None:
    report = tmp_path / "report.html"
    (incident,) = looked_at(learned, workspace, "--report", report)
    usual = f"{incident['rpcs'][0]['expected']:.3g} ms"
    shown = done("incidents", "show", incident["id"], "-w", workspace).out
    assert f"where {usual} are usual, over " in shown
    assert usual in shown.split("guilty rpcs")[1]
    page = report.read_text(encoding="utf-8")
    assert '<span class="unit">ms</span>' in page
    assert f"ms observed where {usual} were expected" in page


def test_scores_hold_milliseconds_of_the_steps_with_calls(
    learned: Path, workspace: Path, tmp_path: Path
) -> None:
    looked_at(learned, workspace, "--scores", tmp_path / "scores.parquet")
    scores = pq.read_table(tmp_path / "scores.parquet")
    mine = pc.and_(pc.equal(scores["signal"], "latency"), pc.equal(scores["callee"], "users-db"))
    rows = scores.filter(mine).to_pylist()
    assert len(rows) == 144
    early = [r for r in rows if r["step_start_ns"] < SLOW_NS]
    late = [r for r in rows if r["step_start_ns"] >= SLOW_NS + 4 * STEP_NS]
    assert all(3 < r["observed"] < 9 and r["score"] < r["threshold"] for r in early)
    assert all(60 < r["observed"] < 160 and r["score"] >= r["threshold"] for r in late)
    assert {round(r["expected"], 6) for r in rows} == {round(rows[0]["expected"], 6)}


def test_once_accepted_it_is_usual_and_reverting_makes_it_slow_again(
    learned: Path, workspace: Path
) -> None:
    (incident,) = looked_at(learned, workspace)
    done("incidents", "accept", incident["id"], "-w", workspace)
    assert looked_at(learned, workspace) == []
    (pattern,) = incident["patterns"]
    done("patterns", "revert", pattern["id"], "-w", workspace)
    (again,) = looked_at(learned, workspace)
    assert again["kind"] == "latency"
