"""Learning runs: each says which models are in force from then on."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime

import orjson

from informer.core.tables import RUNS
from informer.core.types import NS_PER_S, Json
from informer.forecasts.store import kept_versions
from informer.pipeline.states import keep_states
from informer.pipeline.workspace import Workspace

LAST = "select {columns} from runs order by run_id desc limit 1"


def is_learned(home: Workspace) -> bool:
    """Whether anything was learned into the workspace."""
    return bool(home.engine.query(LAST.format(columns="run_id")).num_rows)


def models_of_runs(home: Workspace) -> dict[str, dict[str, str]]:
    """By run, the oldest first, the version of each pattern that was in force from then on."""
    rows = home.engine.query("select run_id, models from runs order by run_id").to_pylist()
    return {row["run_id"]: orjson.loads(row["models"]) for row in rows}


def kept_models_of_runs(home: Workspace) -> list[dict[str, str]]:
    """The same without the versions that are kept no longer."""
    kept = kept_versions(home.models)
    return [
        {p: v for p, v in models.items() if v in kept.get(p, ())}
        for models in models_of_runs(home).values()
    ]


def next_run_id(home: Workspace, until_ns: int) -> str:
    """Sortable: number of the run, then the end of what it learned."""
    last = home.engine.query(LAST.format(columns="run_id"))["run_id"].to_pylist()
    number = int(last[0].partition("-")[0]) + 1 if last else 1
    until = datetime.fromtimestamp(until_ns // NS_PER_S, UTC)
    return f"{number:06d}-{until:%Y%m%dT%H%M%SZ}"


def add_run(
    home: Workspace,
    run_id: str,
    trained: tuple[int, int],
    backtests: Mapping[str, Json],
    versions: Mapping[str, str],
) -> None:
    """Write down a learning run; `versions` are the models in force from now on."""
    row = {
        "run_id": run_id,
        "trained_from_ns": trained[0],
        "trained_to_ns": trained[1],
        "config": orjson.dumps(asdict(home.settings)).decode(),
        "backtest": orjson.dumps(backtests, option=orjson.OPT_SERIALIZE_NUMPY).decode(),
        "models": orjson.dumps(versions).decode(),
    }
    home.engine.append("runs", RUNS.of([row]))


def put_in_force(
    home: Workspace, versions: Mapping[str, str], backtests: Mapping[str, Json], until_ns: int = 0
) -> None:
    """Write a run in which only these models are other ones; they learned up to `until_ns`."""
    (last,) = home.engine.query(LAST.format(columns=", ".join(RUNS.names))).to_pylist()
    until_ns = max(last["trained_to_ns"], until_ns)
    add_run(
        home,
        next_run_id(home, until_ns),
        (last["trained_from_ns"], until_ns),
        orjson.loads(last["backtest"]) | backtests,
        orjson.loads(last["models"]) | versions,
    )
    keep_states(home)
