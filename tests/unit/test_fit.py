"""Many patterns at once: the same models from any number of processes, and none left behind."""

import io
import pickle
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from informer.core.errors import InformerError
from informer.core.types import PatternGraph, Series
from informer.forecasts import workers
from informer.forecasts.fit import Fitted, fit_all, fit_each
from informer.forecasts.select import forecast_with, forecaster
from informer.forecasts.workers import Task, serve


def series_of(pattern_id: str, steps: int = 200, *, seed: int = 0) -> Series:
    graph = PatternGraph(pattern_id, ("a", "b"), np.array([[0], [1]]), np.ones(1))
    calls = np.random.default_rng(seed).poisson(4.0, (steps, 2)).astype(float)
    return Series(graph, 1_780_272_000 * 10**9, 600, calls, np.ones(steps, bool))


START = workers._start
THREE = [series_of("x", 100), series_of("y", 300, seed=1), series_of("z", 200, seed=2)]
UNSEEN = replace(series_of("blind"), seen=np.zeros(200, bool))


def test_two_processes_give_the_models_that_one_gives() -> None:
    heard: list[tuple[int, int]] = []
    alone = fit_all(THREE, critical=(), seed=0, processes=1)
    both = fit_all(
        THREE, critical=(), seed=0, processes=2, progress=lambda done, of: heard.append((done, of))
    )
    assert heard == [(1, 3), (2, 3), (3, 3)]
    assert list(alone) == list(both) == ["x", "y", "z"]
    for pattern_id, one in alone.items():
        other = both[pattern_id]
        assert other.backtest.to_json() == one.backtest.to_json()
        for name, array in one.model.arrays.items():
            assert np.array_equal(other.model.arrays[name], array)


def equal(one: Fitted, other: Fitted) -> bool:
    """Models bit by bit, and all that the backtest says."""
    made, again = one.backtest.forecast, other.backtest.forecast
    assert made is not None
    assert again is not None
    arrays = (one.model.arrays, other.model.arrays)
    return (
        one.model.settings == other.model.settings
        and one.backtest.to_json() == other.backtest.to_json()
        and arrays[0].keys() == arrays[1].keys()
        and all(np.array_equal(a, arrays[1][name]) for name, a in arrays[0].items())
        and np.array_equal(made.expected, again.expected)
        and np.array_equal(made.spread, again.spread)
    )


def test_what_was_finished_is_not_fitted_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fit_all(THREE[:2], critical=("x",), seed=0, processes=1, finished=tmp_path)
    fits: list[str] = []
    run = Task.run
    monkeypatch.setattr(
        Task, "run", lambda task: (fits.append(task.series.graph.pattern_id), run(task))[1]
    )
    again = fit_all(THREE, critical=("x",), seed=0, processes=1, finished=tmp_path)
    assert fits == ["z"]
    assert all(equal(again[p], one) for p, one in first.items())


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"critical": ("x",)},
        {"series": [replace(THREE[0], calls=THREE[0].calls + 1.0)]},
        {"series": [replace(THREE[0], step_s=60)]},
    ],
    ids=lambda other: next(iter(other)),
)
def test_what_was_finished_of_something_else_does_not_count(
    other: dict[str, Any], tmp_path: Path
) -> None:
    asked: dict[str, Any] = {"series": THREE[:1], "critical": (), "seed": 0, "processes": 1}
    fit_all(**asked, finished=tmp_path)
    fit_all(**asked | other, finished=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("damage", [b"", b"no safetensors"])
def test_a_damaged_result_is_made_again(damage: bytes, tmp_path: Path) -> None:
    first = fit_all(THREE[:1], critical=(), seed=0, processes=1, finished=tmp_path)["x"]
    (path,) = tmp_path.iterdir()
    path.write_bytes(damage)
    again = fit_all(THREE[:1], critical=(), seed=0, processes=1, finished=tmp_path)["x"]
    assert equal(first, again)


def test_a_pattern_that_is_not_critical_gets_no_network() -> None:
    found = fit_all(THREE[:1], critical=(), seed=0)["x"]
    assert found.backtest.reason == "seasonal: no other forecaster was tried"
    assert set(found.backtest.scores) == {"seasonal"}


def test_what_is_finished_is_handed_over_at_once_and_the_longest_comes_first() -> None:
    each = fit_each(THREE, critical=(), seed=0, processes=1)
    assert next(each)[0] == "y"
    each.close()


def test_an_interrupt_leaves_no_process_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        started.append(START())
        return started[-1]

    monkeypatch.setattr(workers, "_start", start)
    each = fit_each(THREE, critical=(), seed=0, processes=2)
    kept = [next(each)]
    with pytest.raises(KeyboardInterrupt):
        each.throw(KeyboardInterrupt)
    assert len(kept) == 1
    assert len(started) == 2
    assert all(process.poll() is not None for process in started)


def test_no_patterns_give_no_models() -> None:
    assert fit_all([], critical=(), seed=0) == {}


@pytest.mark.parametrize("processes", [1, 2])
def test_what_the_user_can_mend_comes_through(processes: int) -> None:
    with pytest.raises(InformerError, match="needs a step that was seen"):
        fit_all([UNSEEN, THREE[0]], critical=(), seed=0, processes=processes)


def test_a_process_that_dies_is_told_with_its_pattern(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(RuntimeError, match=r"the process that fitted [xyz] died"):
        fit_all(THREE, critical=(), seed=0, processes=2)


def test_a_worker_answers_every_task_and_ends_with_its_input() -> None:
    tasks, results = io.BytesIO(), io.BytesIO()
    for series in (THREE[0], UNSEEN):
        pickle.dump(Task(series, ("seasonal",), 0), tasks)
    tasks.seek(0)
    serve(tasks, results)
    results.seek(0)
    model, backtest = pickle.load(results)
    assert model.forecaster == backtest.chosen == "seasonal"
    assert isinstance(pickle.load(results), InformerError)
    assert results.read() == b""


def test_a_model_is_read_by_the_forecaster_that_made_it() -> None:
    model = fit_all(THREE[:1], critical=(), seed=0)["x"].model
    made = forecast_with(model, THREE[0])
    assert np.array_equal(made.expected, forecaster("seasonal").forecast(model, THREE[0]).expected)
    with pytest.raises(InformerError, match="one of seasonal, diffusion_gru, dcrnn, got oracle"):
        forecast_with(replace(model, forecaster="oracle"), THREE[0])


def run(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", script], capture_output=True, text=True, check=False
    )


def test_learning_does_without_jax() -> None:
    done = run(
        "import sys, informer.forecasts.fit, informer.forecasts.store, informer.forecasts.select\n"
        "assert 'jax' not in sys.modules"
    )
    assert done.returncode == 0, done.stderr


def test_the_reference_says_what_it_needs() -> None:
    done = run(
        "import sys\n"
        "sys.modules['jax'] = None\n"  # what an import of what is not installed comes to
        "from informer.core.errors import InformerError\n"
        "from informer.forecasts.select import forecaster\n"
        "try:\n    forecaster('dcrnn')\n"
        "except InformerError as error:\n    print(error)\n"
    )
    assert done.returncode == 0, done.stderr
    assert "rpc-informer[dcrnn]" in done.stdout
