"""Fits that are finished, on disk: what was interrupted does not fit them again."""

import hashlib
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
import orjson
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from informer.core.types import Floats, Forecast, Model
from informer.forecasts.backtest import Backtest, Score
from informer.forecasts.workers import Result, Task

MODEL, MADE = "model.", "forecast."


class Finished:
    """A folder of results by what they were made of; it may be deleted at any time."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, task: Task, result: Result) -> None:
        """Write the result of a task; it appears complete or not at all."""
        model, backtest = result
        arrays = {f"{MODEL}{k}": np.asarray(a, order="C") for k, a in model.arrays.items()}
        if backtest.forecast is not None:
            made = asdict(backtest.forecast)
            arrays |= {
                f"{MADE}{k}": np.ascontiguousarray(a) for k, a in made.items() if a is not None
            }
        told = {
            "forecaster": model.forecaster,
            "settings": model.settings,
            "backtest": backtest.to_json(),
        }
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(task)
        unfinished = path.with_suffix(".part")
        text = orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY).decode()
        save_file(arrays, unfinished, metadata={"told": text})
        unfinished.rename(path)

    def of(self, task: Task) -> Result | None:
        """What was made of the same series in the same way; None where nothing was."""
        path = self._path(task)
        if not path.exists():
            return None
        try:
            with safe_open(path, framework="numpy") as file:
                told = orjson.loads(file.metadata()["told"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        except (SafetensorError, OSError, KeyError, ValueError):
            return None  # it is fitted again
        model = Model(told["forecaster"], _named(arrays, MODEL), told["settings"])
        made = _named(arrays, MADE)
        scores = {name: Score(**score) for name, score in told["backtest"].pop("scores").items()}
        forecast = Forecast(**made) if made else None
        return model, Backtest(**told["backtest"], scores=scores, forecast=forecast)

    def _path(self, task: Task) -> Path:
        return self._folder / f"{fingerprint(task)}.safetensors"


def fingerprint(task: Task) -> str:
    """The same for tasks that give the same result, in any process."""
    series, graph = task.series, task.series.graph
    level = np.zeros(0) if series.level is None else series.level
    arrays = (graph.edges, graph.weight, series.calls, series.seen, level)
    pools = [pool and pool.to_json() for pool in (task.pools.models, task.pools.backtests)]
    told = [
        _code(),
        [graph.pattern_id, graph.rpc_ids],
        [series.start_ns, series.step_s, series.stands_for],
        [task.names, task.seed, pools],
        [[a.dtype.str, a.shape] for a in arrays],
    ]
    digest = hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SERIALIZE_NUMPY))
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@cache
def _code() -> str:
    """What fits, as written: after an upgrade, or an edit, nothing of before is taken over."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _named(arrays: dict[str, Floats], prefix: str) -> dict[str, Floats]:
    return {k.removeprefix(prefix): a for k, a in arrays.items() if k.startswith(prefix)}
