"""How many lines a second does `informer simulate` write, and how near is that to writing alone?

The floor is Parquet: the same spans, ready in memory, written the same way.
"""

import json
import os
import platform
import tempfile
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from informer.core.types import NS_PER_S
from informer.simulate.blocks import block, simulation
from informer.simulate.read import in_days, read_scenario
from informer.simulate.write import parquet_writer, simulate

FROM_NS = 1_780_272_000 * NS_PER_S  # Monday 2026-06-01
GOAL = 500_000
SCENARIOS = ("shop", "bank", "social")
RESULT = Path(__file__).parent / "results" / "simulate_lines.json"


def measured(name: str, folder: Path) -> dict[str, float | int | str]:
    """Lines a second of one scenario, a day after training, on one core."""
    scenario = read_scenario(name)
    scenario = in_days(scenario, scenario.head.train_days + 1)
    began = time.perf_counter()
    facts = simulate(scenario, folder / name, seed=0, from_ns=FROM_NS)
    seconds = time.perf_counter() - began
    lines = sum(facts["spans"].values())
    alone_lines, alone_seconds = writing_alone(name, folder)
    alone = alone_lines / alone_seconds
    size = sum(f.stat().st_size for f in (folder / name).rglob("*.parquet"))
    return {
        "scenario": name,
        "lines": lines,
        "seconds": round(seconds, 2),
        "lines_per_s": round(lines / seconds),
        "parquet_alone_lines_per_s": round(alone),
        "fraction_of_parquet_alone": round(lines / seconds / alone, 2),
        "bytes_per_line": round(size / lines, 1),
    }


def writing_alone(name: str, folder: Path) -> tuple[int, float]:
    """Lines and seconds of writing one day that is ready in memory."""
    scenario = read_scenario(name)
    sim = simulation(scenario, 0, FROM_NS)
    tables = [block(sim, number)[0] for number in range(1440 // sim.steps_per_block)]
    began = time.perf_counter()
    with parquet_writer(folder / f"{name}.parquet", tables[0].schema) as writer:
        for table in tables:
            writer.write_table(table)
    seconds = time.perf_counter() - began
    lines = pq.read_metadata(folder / f"{name}.parquet").num_rows
    return lines, seconds


def main() -> None:
    pa.set_cpu_count(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        rows = [measured(name, Path(folder)) for name in SCENARIOS]
    print(f"{'scenario':10} {'lines':>12} {'lines/s':>10} {'Parquet alone':>14} {'of it':>6}")
    for row in rows:
        print(
            f"{row['scenario']:10} {row['lines']:12,} {row['lines_per_s']:10,} "
            f"{row['parquet_alone_lines_per_s']:14,} {row['fraction_of_parquet_alone']:6.2f}"
        )
    print(f"goal: {GOAL:,} lines/s on one core")
    RESULT.parent.mkdir(exist_ok=True)
    result = {"goal_lines_per_s": GOAL, "scenarios": rows, "python": platform.python_version()}
    RESULT.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
