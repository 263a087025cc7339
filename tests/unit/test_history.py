"""A workspace remembers the traffic it looked at, and which of it may teach."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest

from informer.core.tables import INCIDENTS, TRAFFIC, WORKLOADS
from informer.core.types import Floats, Grid, PatternTraffic
from informer.pipeline.history import (
    CONTEXT_DAYS,
    LONGEST_GAP_DAYS,
    forget_other_steps,
    forgive,
    history,
    joined,
    keep_irregular,
    keep_range,
    rejected_steps,
    unseen,
)
from informer.pipeline.workspace import Workspace
from pattern_traffic import START_NS, graph_of, traffic_of

STEP_S = 600
STEP_NS = STEP_S * 10**9
DAY = 144  # steps
GRAPH = graph_of("p", "in")
EVER = 2**62


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create(tmp_path / "w") as workspace:
        yield workspace


def grid_of(first: int, seen: list[bool]) -> Grid:
    return Grid(START_NS + first * STEP_NS, STEP_S, np.array(seen))


def keep(home: Workspace, first: int, calls: list[float], seen: list[bool] | None = None) -> Grid:
    """Keep a range of steps with these calls of the pattern."""
    grid = grid_of(first, seen or [True] * len(calls))
    rows = [
        {
            "pattern_id": "p",
            "rpc_id": "in",
            "step_start_ns": int(start_ns),
            "calls": n,
            "failures": 0.0,
            "refusals": n / 10,
            "latency_p50_ms": None,
            "latency_p95_ms": None,
            "latency_mean_ms": 5.0,
            "seen": bool(covered),
        }
        for start_ns, n, covered in zip(grid.starts_ns(), calls, grid.seen, strict=True)
    ]
    keep_range(home, grid, TRAFFIC.of(rows), WORKLOADS.empty())
    return grid


def kept(home: Workspace, first: int = 0, last: int = 10_000) -> PatternTraffic | None:
    from_ns, until_ns = START_NS + first * STEP_NS, START_NS + last * STEP_NS
    return history(home, [GRAPH], STEP_S, from_ns, until_ns).get("p")


def calls_of(traffic: PatternTraffic | None) -> list[float | None]:
    """Calls of each step; None where it was not seen."""
    assert traffic is not None
    pairs = zip(traffic.series.calls[:, 0].tolist(), traffic.series.seen.tolist(), strict=True)
    return [calls if seen else None for calls, seen in pairs]


def incident(verdict: str, first: int, last: int, *, still_open: bool = False) -> dict[str, Any]:
    """An incident of the pattern with a detection in its first and last step."""
    cells = [{"step_start_ns": START_NS + step * STEP_NS} for step in (first, last)]
    return {
        "incident_id": f"{verdict}-{first}",
        "title": "",
        "kind": "refusal",
        "severity": "high",
        "opened_ns": START_NS + first * STEP_NS,
        "resolved_ns": None if still_open else START_NS + (last + 1) * STEP_NS,
        "score": 9.0,
        "patterns": ["p"],
        "evidence": orjson.dumps({"detections": cells}).decode(),
        "verdict": verdict,
    }


def test_what_was_kept_comes_back(home: Workspace) -> None:
    keep(home, 3, [1.0, 0.0, 5.0])
    found = kept(home)
    assert calls_of(found) == [1.0, 0.0, 5.0]
    assert found is not None
    assert found.series.start_ns == START_NS + 3 * STEP_NS
    assert found.refusals[:, 0].tolist() == [0.1, 0.0, 0.5]


def test_nothing_kept_is_no_history(home: Workspace) -> None:
    assert kept(home) is None
    keep(home, 0, [1.0])
    assert kept(home, 5) is None


def test_what_lies_between_two_ranges_was_not_seen(home: Workspace) -> None:
    keep(home, 0, [1.0, 2.0])
    keep(home, 4, [3.0])
    assert calls_of(kept(home)) == [1.0, 2.0, None, None, 3.0]


def test_a_step_that_was_not_covered_comes_back_unseen(home: Workspace) -> None:
    keep(home, 0, [1.0, 0.0, 2.0], [True, False, True])
    assert calls_of(kept(home)) == [1.0, None, 2.0]


def test_looking_again_replaces_what_was_kept(home: Workspace) -> None:
    keep(home, 0, [1.0, 2.0, 3.0, 4.0])
    keep(home, 1, [20.0, 30.0])
    assert calls_of(kept(home)) == [1.0, 20.0, 30.0, 4.0]


def test_history_ends_before_its_end(home: Workspace) -> None:
    keep(home, 0, [1.0, 2.0, 3.0])
    assert calls_of(kept(home, 0, 2)) == [1.0, 2.0]


def test_irregular_steps_do_not_teach_until_they_are_forgiven(home: Workspace) -> None:
    grid = keep(home, 0, [1.0, 9.0, 9.0, 1.0])
    keep_irregular(home, grid, {"p": np.array([False, True, True, False])})
    assert calls_of(kept(home)) == [1.0, None, None, 1.0]
    forgive(home, ["p"], START_NS + 2 * STEP_NS, EVER)
    assert calls_of(kept(home)) == [1.0, None, 9.0, 1.0]


def test_looking_again_replaces_the_marks_of_its_own_range_only(home: Workspace) -> None:
    keep(home, 0, [1.0] * 6)
    keep_irregular(home, grid_of(0, [True] * 6), {"p": np.array([True, False] * 3)})
    keep_irregular(home, grid_of(2, [True] * 2), {"p": np.array([False, True])})
    assert calls_of(kept(home)) == [None, 1.0, 1.0, None, None, 1.0]


def test_marks_of_other_patterns_do_not_count(home: Workspace) -> None:
    grid = keep(home, 0, [1.0, 2.0])
    keep_irregular(home, grid, {"q": np.array([True, True])})
    assert calls_of(kept(home)) == [1.0, 2.0]


def test_steps_of_a_rejected_incident_never_teach(home: Workspace) -> None:
    grid = keep(home, 0, [1.0, 2.0, 3.0, 4.0])
    home.save("incidents", INCIDENTS.of([incident("rejected", 1, 2), incident("open", 0, 0)]))
    assert rejected_steps(home, grid)["p"].tolist() == [False, True, True, False]
    forgive(home, ["p"], 0, EVER)
    assert calls_of(kept(home)) == [1.0, None, None, 4.0]


def test_a_rejected_incident_that_was_still_open_ends_with_its_last_step(home: Workspace) -> None:
    grid = keep(home, 0, [1.0, 2.0, 3.0, 4.0])
    home.save("incidents", INCIDENTS.of([incident("rejected", 1, 2, still_open=True)]))
    assert rejected_steps(home, grid)["p"].tolist() == [False, True, True, False]


def test_steps_of_another_length_are_forgotten(home: Workspace) -> None:
    home.put("trained", {"step_s": STEP_S})
    grid = keep(home, 0, [1.0, 2.0])
    keep_irregular(home, grid, {"p": np.array([True, True])})
    forget_other_steps(home, STEP_S)
    assert calls_of(kept(home)) == [None, None]
    forget_other_steps(home, 60)
    assert kept(home) is None
    assert home.table("irregular_steps").num_rows == 0


def test_a_step_marked_unseen_holds_zeros() -> None:
    given = traffic_of(
        "p",
        {"in": np.array([5.0, 6.0, 7.0])},
        failures={"in": np.ones(3)},
        refusals={"in": np.ones(3)},
    )
    found = unseen(given, np.array([False, True, False]))
    assert calls_of(found) == [5.0, None, 7.0]
    assert found.series.calls[1, 0] == found.failures[1, 0] == found.refusals[1, 0] == 0
    assert np.isnan(found.latency_ms[:, 0]).tolist() == [False, True, False]
    assert calls_of(given) == [5.0, 6.0, 7.0]


def steps(values: Floats, first: int) -> PatternTraffic:
    given = traffic_of("p", {"in": values})
    s = given.series
    moved = type(s)(s.graph, s.start_ns + first * STEP_NS, STEP_S, s.calls, s.seen)
    return replace(given, series=moved)


def test_a_range_is_joined_to_what_came_before_it() -> None:
    series, context = joined(steps(np.array([1.0, 2.0]), 0), steps(np.array([9.0]), 4))
    assert series.calls[:, 0].tolist() == [1, 2, 0, 0, 9]
    assert series.seen.tolist() == [True, True, False, False, True]
    assert context == 4


def test_without_context_a_range_stands_alone() -> None:
    now = steps(np.array([9.0]), 4)
    assert joined(None, now) == (now.series, 0)


def test_context_is_bounded_and_a_long_gap_ends_it() -> None:
    now = steps(np.array([9.0]), 100 * DAY)
    long_before = steps(np.ones(30 * DAY), 70 * DAY)
    series, context = joined(long_before, now)
    assert context == CONTEXT_DAYS * DAY
    assert series.steps == context + 1
    too_early = steps(np.ones(DAY), (100 - LONGEST_GAP_DAYS - 2) * DAY)
    assert joined(too_early, now) == (now.series, 0)
    just_in_time = steps(np.ones(DAY), (100 - LONGEST_GAP_DAYS - 1) * DAY)
    assert joined(just_in_time, now)[1] == (LONGEST_GAP_DAYS + 1) * DAY


def test_traffic_of_another_table_order_is_the_same(home: Workspace) -> None:
    grid = keep(home, 0, [1.0, 2.0, 3.0])
    rows: pa.Table = home.table("traffic")
    keep_range(home, grid, rows.take([2, 0, 1]), WORKLOADS.empty())
    assert calls_of(kept(home)) == [1.0, 2.0, 3.0]
