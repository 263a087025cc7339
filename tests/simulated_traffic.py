"""A tiny scenario, and what the simulator makes of it."""

import copy
import csv
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from informer.core.types import NS_PER_S, Json
from informer.simulate.read import scenario_of
from informer.simulate.write import simulate

FROM_NS = 1_780_272_000 * NS_PER_S  # Monday 2026-06-01
DAY_NS = 86_400 * NS_PER_S

LOGIN = """
gateway: POST /login
  auth: POST /v1/login
    users-db: SELECT user   kind=db
"""
BROWSE = """
gateway: GET /products/{id}
  catalog: GET /items       times=1-3
  mail: viewed              kind=queue p=0.5
"""
ATTACK = {
    "id": "A1",
    "kind": "account_cracking",
    "at": "0d 06:00",
    "minutes": 300,
    "patterns": ["login"],
    "guilty": "auth: POST /v1/login",
    "multiplier": 3,
    "refuse": 0.9,
}


def tiny(*events: Json, **sections: Any) -> Json:
    """One day of training, one after it; sections replace those of the scenario."""
    return copy.deepcopy(
        {
            "scenario": {"title": "tiny", "days": 2, "train_days": 1},
            "pattern": [
                {"name": "login", "per_minute": 4, "chain": LOGIN},
                {"name": "browse", "per_minute": 6, "chain": BROWSE},
            ],
            "event": list(events),
        }
        | sections
    )


def simulated(folder: Path, given: Json, seed: int = 0) -> tuple[Json, pa.Table, pa.Table]:
    """What is in `scenario.json`, the spans of training and those after it."""
    facts = simulate(scenario_of(given, "tiny"), folder, seed=seed, from_ns=FROM_NS)
    return facts, pq.read_table(folder / "train"), pq.read_table(folder / "test")


def calls(spans: pa.Table, service: str, operation: str) -> pa.Table:
    """Spans of one service and operation."""
    mine = pc.and_(
        pc.equal(spans["service"], service), pc.starts_with(spans["operation"], operation)
    )
    return spans.filter(mine)


def labels(folder: Path) -> dict[str, dict[str, str]]:
    """Rows of `labels.csv` by their event."""
    with (folder / "labels.csv").open(encoding="utf-8") as file:
        return {row["event_id"]: row for row in csv.DictReader(file)}


def within(spans: pa.Table, label: dict[str, str]) -> pa.Table:
    """Spans that begin in the window of an event."""
    start = spans["start_ns"].to_numpy()
    return spans.filter(
        pa.array((start >= int(label["start_ns"])) & (start < int(label["end_ns"])))
    )
