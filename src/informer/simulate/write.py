"""Writes a simulation: span files, one a day, the labels and the facts."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from informer.core.errors import InformerError
from informer.core.types import NS_PER_S, Json
from informer.simulate.blocks import Simulation, block, simulation
from informer.simulate.labels import labels_csv
from informer.simulate.rates import STEP_NS, STEPS_PER_DAY
from informer.simulate.scenario import Scenario
from informer.simulate.spans import MALICIOUS

DAY_NS = STEPS_PER_DAY * STEP_NS
TRAIN, TEST = "train", "test"


class Progress(Protocol):
    """Told what is going on, how much is done, and of how much."""

    def __call__(self, what: str, done: int, total: int | None) -> None:
        """`done` and `total` count days."""


def simulate(
    scenario: Scenario,
    folder: Path,
    *,
    seed: int,
    from_ns: int,
    progress: Progress | None = None,
) -> Json:
    """Write spans and the truth about them: see docs/how-to/simulate.md for what the folder holds.

    Nothing happens in `train/`; every event begins after it. The same scenario, seed and
    beginning give the same bytes. Gives what `scenario.json` holds.
    Errors: InformerError when the folder holds something.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InformerError(f"-o must be an absent or empty folder, got {folder}")
    for part in (TRAIN, TEST):
        (folder / part).mkdir(parents=True)
    sim = simulation(scenario, seed, from_ns)
    spans = {TRAIN: 0, TEST: 0}
    with pq.ParquetWriter(folder / "malicious.parquet", MALICIOUS, compression="zstd") as truth:
        for day in range(scenario.head.days):
            if progress is not None:
                progress("simulating days", day, scenario.head.days)
            part = TRAIN if day < scenario.head.train_days else TEST
            name = datetime.fromtimestamp((from_ns + day * DAY_NS) // NS_PER_S, UTC)
            spans[part] += _day(sim, day, folder / part / f"{name:%Y-%m-%d}.parquet", truth)
    (folder / "labels.csv").write_text(labels_csv(sim), encoding="utf-8")
    facts = _facts(sim, spans)
    (folder / "scenario.json").write_bytes(orjson.dumps(facts, option=orjson.OPT_INDENT_2))
    return facts


def parquet_writer(path: Path, schema: pa.Schema) -> pq.ParquetWriter:
    """How spans are written; texts are read back as texts, not as dictionaries."""
    texts = [f.name for f in schema if f.name not in ("trace_id", "start_ns", "duration_ns")]
    return pq.ParquetWriter(
        path, schema, compression="zstd", use_dictionary=texts, store_schema=False
    )


def _day(sim: Simulation, day: int, path: Path, truth: pq.ParquetWriter) -> int:
    """Write the blocks of a day, a row group each, and the truth; how many spans they hold."""
    blocks = STEPS_PER_DAY // sim.steps_per_block
    writer = None
    spans = 0
    for number in range(day * blocks, (day + 1) * blocks):
        table, malicious = block(sim, number)
        if malicious.num_rows:
            truth.write_table(malicious)
        if writer is None:
            writer = parquet_writer(path, table.schema)
        writer.write_table(table)
        spans += table.num_rows
    if writer is not None:
        writer.close()
    return spans


def _facts(sim: Simulation, spans: dict[str, int]) -> Json:
    head = sim.scenario.head
    return {
        "scenario": sim.scenario.name,
        "title": head.title,
        "seed": sim.seed,
        "from_ns": sim.from_ns,
        "train_until_ns": sim.from_ns + head.train_days * DAY_NS,
        "until_ns": sim.from_ns + head.days * DAY_NS,
        "days": head.days,
        "train_days": head.train_days,
        "services": len(sim.words.services),
        "patterns": len(sim.scenario.patterns),
        "spans": spans,
        "events": [it.event.id for it in sim.found],
        "left_out": [
            e.id for e in sim.scenario.events if e.id not in {it.event.id for it in sim.found}
        ],
    }
