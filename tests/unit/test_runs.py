"""Runs are numbered one after the other, and what is read of them does not grow with them."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from informer.config.settings import Settings
from informer.core.tables import MODEL_FACTS, RUNS
from informer.core.types import Json, Model
from informer.detections.calibrate import Calibration
from informer.detections.detect import Learned
from informer.detections.streams import Rates
from informer.engines.duckdb import DuckDBEngine
from informer.forecasts.seasonal import Seasonal
from informer.forecasts.store import load_model, save_model
from informer.pipeline import let_pass as passing
from informer.pipeline.facts import with_facts
from informer.pipeline.let_pass import let_pass
from informer.pipeline.memory import versions_in_force
from informer.pipeline.runs import add_run, is_learned, next_run_id, put_in_force
from informer.pipeline.workspace import TABLES_FILE, Workspace
from pattern_traffic import DAY, START_NS, STEP_S, traffic_of

LONG = "x" * 10_000  # a configuration, or what was measured of many patterns
RUNS_BEFORE = 50


class Counting(DuckDBEngine):
    """Counts the bytes of the rows that are asked for."""

    read = 0

    def query(self, sql: str, /, **values: Any) -> pa.Table:
        found = super().query(sql, **values)
        self.read += found.nbytes
        return found


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create(tmp_path / "w") as made:
        path = made.path
        made.put("trained", {"start_ns": 0, "end_ns": STEP_S * 10**9, "step_s": STEP_S})
    with Workspace(path, Counting(path / TABLES_FILE), Settings()) as counting:
        yield counting


def read_by(home: Workspace, action: Callable[[], object]) -> int:
    """Bytes of the rows that it asks for."""
    assert isinstance(home.engine, Counting)
    before = home.engine.read
    action()
    return home.engine.read - before


def ran_before(home: Workspace, times: int = RUNS_BEFORE, models: str = "{}") -> None:
    """Runs that were, with all that is written down of them."""
    row = {"trained_from_ns": 0, "trained_to_ns": 9, "config": f'"{LONG}"', "backtest": "{}"}
    begin = home.table("runs").num_rows + 1
    rows = [row | {"run_id": f"{begin + i:06d}-x", "models": models} for i in range(times)]
    home.engine.append("runs", RUNS.of(rows))


def model_of(days: int) -> Model:
    calls = np.full(days * DAY, 20.0)
    return Seasonal().fit(traffic_of("p", {"in": calls}).series, seed=0)


def test_runs_are_numbered_after_the_last_one_whatever_became_of_those_before(
    home: Workspace,
) -> None:
    assert not is_learned(home)
    assert next_run_id(home, START_NS).startswith("000001-")
    ran_before(home, 3)
    assert is_learned(home)
    home.engine.run("delete from runs where run_id < '000003'")
    assert next_run_id(home, START_NS).startswith("000004-")


def test_a_run_changes_the_models_it_names_and_goes_as_far_as_any_before(home: Workspace) -> None:
    add_run(home, next_run_id(home, 50), (10, 50), {"p": {"a": 1}}, {"p": "0001", "q": "0001"})
    version = save_model(model_of(1), home.models / "p")
    save_model(model_of(1), home.models / "q")
    put_in_force(home, {"p": version}, {"p": {"a": 2}}, 40)
    put_in_force(home, {}, {}, 70)
    assert versions_in_force(home)[1] == {"p": "0001", "q": "0001"}
    last = home.table("runs").sort_by("run_id").to_pylist()
    assert [(r["trained_from_ns"], r["trained_to_ns"]) for r in last] == [
        (10, 50),
        (10, 50),
        (10, 70),
    ]
    assert [r["backtest"] for r in last] == ['{"p":{"a":1}}', '{"p":{"a":2}}', '{"p":{"a":2}}']


def test_putting_a_model_in_force_reads_no_more_after_many_runs(home: Workspace) -> None:
    ran_before(home, 1)
    first = read_by(home, lambda: put_in_force(home, {}, {}))
    ran_before(home)
    assert read_by(home, lambda: put_in_force(home, {}, {})) < first + len(LONG)


def test_what_was_let_pass_is_read_without_what_else_runs_say(home: Workspace) -> None:
    ran_before(home)
    assert read_by(home, lambda: let_pass(home, STEP_S)) < len(LONG)


def test_facts_are_read_of_the_versions_in_force_alone(home: Workspace) -> None:
    nothing = Learned(Calibration({}, 0.0, 1, (), {}), Rates({}, {}), {}, {}, {}, 1.0)
    row: Json = {"pattern_id": "p", "rates": '{"calls":{},"hits":{},"latency":{}}'}
    rows = [
        row | {"version": f"{i:04d}", "inflation": f'{{"calls|p|{LONG}":[{i}.0]}}'}
        for i in range(RUNS_BEFORE)
    ]
    home.engine.append("model_facts", MODEL_FACTS.of(rows))
    in_force = {"p": "0007", "q": "0001"}
    known: list[Learned] = []
    size = read_by(home, lambda: known.append(with_facts(home, in_force, nothing)))
    assert list(known[0].calibration.inflation.values()) == [(7.0,)]
    assert size < 2 * len(LONG)
    assert with_facts(home, {}, nothing) == nothing


def test_a_model_that_knows_no_week_is_read_once_for_all_runs(
    home: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = save_model(model_of(2), home.models / "young")
    other = save_model(model_of(15), home.models / "old")
    ran_before(home, models=f'{{"young": "{version}", "old": "{other}"}}')
    loaded: list[str] = []

    def noting(folder: Path, version: str) -> Model:
        loaded.append(folder.name)
        return load_model(folder, version)

    monkeypatch.setattr(passing, "load_model", noting)
    assert set(let_pass(home, STEP_S)) == {"old"}
    assert sorted(loaded) == ["old", "young"]
    assert set(let_pass(home, STEP_S, only="young")) == set()
    assert loaded[2:] == ["young"]
