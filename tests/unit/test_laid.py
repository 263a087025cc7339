"""Rows of traffic, laid by pattern."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from informer.core.tables import FORECASTS, STEPS, TRAFFIC
from informer.core.types import NS_PER_S
from informer.pipeline.hours import HOUR_NS, forget_hours, roll_up
from informer.pipeline.laid import TIMES, lay
from informer.pipeline.workspace import Workspace

STEP_NS = 60 * NS_PER_S
START_NS = 1_780_272_000 * NS_PER_S
STEPS_KEPT, PATTERNS, RPCS = 250, 4, 2  # four hours and a piece
A_STEP = PATTERNS * RPCS
BLOCK = 90 * A_STEP  # an hour and a half


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Workspace]:
    """Steps as a service leaves them: each with every pattern."""
    with Workspace.create(tmp_path / "workspace") as workspace:
        workspace.put("trained", {"step_s": 60})
        starts = [START_NS + s * STEP_NS for s in range(STEPS_KEPT)]
        workspace.save("steps", STEPS.of([{"step_start_ns": s, "seen": True} for s in starts]))
        cells = [
            {"pattern_id": f"p{p}", "rpc_id": f"r{p}{r}", "step_start_ns": at}
            for at in starts
            for p in range(PATTERNS)
            for r in range(RPCS)
        ]
        counts = np.random.default_rng(0).poisson(9, len(cells)).tolist()
        nothing = {"failures": 0.0, "refusals": 0.0, "seen": True}
        latency = {"latency_p50_ms": None, "latency_p95_ms": None, "latency_mean_ms": 7.0}
        traffic = [c | nothing | latency | {"calls": n} for c, n in zip(cells, counts, strict=True)]
        workspace.save("traffic", TRAFFIC.of(traffic))
        made = {"run_id": "1", "signal": "calls", "made_at_ns": 0, "expected": 2.0, "spread": 0.5}
        workspace.save("forecasts", FORECASTS.of([c | made for c in cells]))
        while roll_up(workspace):
            pass
        yield workspace


def rows_of(home: Workspace, table: str) -> pa.Table:
    """In an order of their own, wherever they lie."""
    order = [(name, "ascending") for name in ("pattern_id", "rpc_id", TIMES[table])]
    return home.engine.query(f"select * from {table}").sort_by(order)


def patterns_in_place(home: Workspace, table: str) -> list[str]:
    """The pattern of every row, as they lie."""
    return home.engine.query(f"select pattern_id from {table} order by rowid")[
        "pattern_id"
    ].to_pylist()


def runs(patterns: list[str]) -> int:
    """How often another pattern begins."""
    return 1 + sum(a != b for a, b in pairwise(patterns))


def test_laying_changes_where_rows_lie_and_no_row(home: Workspace) -> None:
    before = {table: rows_of(home, table) for table in TIMES}
    blocks = 0
    while lay(home, block_rows=BLOCK):
        blocks += 1
    assert blocks == 2 * 2  # traffic and forecasts: three of the four hours that are over
    for table, rows in before.items():
        assert rows_of(home, table).equals(rows), table
    assert not lay(home, block_rows=BLOCK)


def test_a_block_lies_pattern_by_pattern_and_what_is_younger_step_by_step(home: Workspace) -> None:
    by_step = runs(patterns_in_place(home, "traffic"))
    assert by_step == STEPS_KEPT * PATTERNS
    while lay(home, block_rows=BLOCK):
        pass
    laid, rest = 2 * PATTERNS, STEPS_KEPT - 180
    assert runs(patterns_in_place(home, "traffic")) <= laid + rest * PATTERNS
    first = home.engine.query(
        "select max(rowid) - min(rowid) as far from traffic "
        "where pattern_id = 'p1' and step_start_ns < $until_ns",
        until_ns=START_NS + 90 * STEP_NS,
    )
    assert first["far"][0].as_py() == 90 * RPCS - 1  # one beside the other


def test_steps_that_are_not_over_are_left_alone(home: Workspace) -> None:
    assert lay(home, block_rows=240 * A_STEP)  # the four hours that are over
    forget_hours(home, START_NS)
    while roll_up(home):
        pass
    assert not lay(home, block_rows=241 * A_STEP)


def test_what_is_written_anew_is_laid_anew(home: Workspace) -> None:
    while lay(home, block_rows=BLOCK):
        pass
    again = rows_of(home, "traffic")
    forget_hours(home, START_NS + HOUR_NS)
    assert not lay(home, block_rows=BLOCK)  # nothing beyond the first hour is over
    while roll_up(home):
        pass
    assert lay(home, block_rows=BLOCK)
    assert rows_of(home, "traffic").equals(again)


def test_before_the_first_hour_is_rolled_up_there_is_nothing_to_lay(tmp_path: Path) -> None:
    with Workspace.create(tmp_path / "workspace") as workspace:
        workspace.engine.run("drop table hours")  # as in workspaces of before
        assert not lay(workspace)
