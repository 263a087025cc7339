"""A workspace remembers the traffic it looked at, and which of it may teach."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from informer.core.tables import WORKLOADS
from informer.core.types import Floats, PatternTraffic
from informer.pipeline.history import (
    CONTEXT_DAYS,
    LONGEST_GAP_DAYS,
    forget_other_steps,
    joined,
    keep_range,
)
from informer.pipeline.steps import last_looked_ns
from informer.pipeline.teaching import keep_irregular
from informer.pipeline.workspace import Workspace
from kept_traffic import STEP_NS, STEP_S, calls_of, keep, kept
from pattern_traffic import START_NS, traffic_of

DAY = 144  # steps


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create(tmp_path / "w") as workspace:
        yield workspace


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


def test_steps_were_looked_at_up_to_the_end_of_the_last_one(home: Workspace) -> None:
    assert last_looked_ns(home) == 0
    home.put("trained", {"step_s": STEP_S})
    keep(home, 0, [1.0])
    keep(home, 4, [3.0, 2.0])
    assert last_looked_ns(home) == START_NS + 6 * STEP_NS


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


def test_steps_of_another_length_are_forgotten(home: Workspace) -> None:
    home.put("trained", {"step_s": STEP_S})
    grid = keep(home, 0, [1.0, 2.0])
    keep_irregular(home, grid, {"p": np.array([True, True])})
    forget_other_steps(home, STEP_S)
    assert calls_of(kept(home)) == [None, None]
    forget_other_steps(home, 60)
    assert kept(home) is None
    assert home.table("irregular_steps").num_rows == 0


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


def test_context_from_before_a_leap_does_not_count() -> None:
    before = steps(np.array([1.0, 2.0, 8.0]), 0)
    level = np.array([[0.5], [0.5], [1.0]])
    before = replace(before, series=replace(before.series, level=level))
    series, context = joined(before, steps(np.array([9.0]), 3))
    assert series.seen.tolist() == [False, False, True, True]
    assert series.level is None
    assert context == 3


def test_a_range_from_before_a_leap_keeps_its_context_and_its_level() -> None:
    before, now = steps(np.array([1.0, 2.0]), 0), steps(np.array([3.0, 6.0]), 3)
    level = np.array([[0.5], [0.5]])
    before = replace(before, series=replace(before.series, level=level))
    now = replace(now, series=replace(now.series, level=np.array([[0.5], [1.0]])))
    series, _ = joined(before, now)
    assert series.seen.tolist() == [True, True, False, True, True]
    assert series.level is not None
    assert series.level[:, 0].tolist() == [0.5, 0.5, 0.5, 0.5, 1.0]
