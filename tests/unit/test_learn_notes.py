"""What a learning run says of the range that it learned."""

import numpy as np
import pyarrow as pa
import pytest

from informer.core.types import NS_PER_S, Grid, Ints
from informer.pipeline.learn_notes import idle_hours, notes_on_patterns

STEP_S = 600
MIDNIGHT_NS = 1_780_272_000 * NS_PER_S


def range_of(days: int, *busy: range, missing: range = range(0)) -> tuple[Grid, Ints]:
    """A grid, and its steps with traffic: those of some hours of each day, but `missing` hours."""
    grid = Grid(MIDNIGHT_NS, STEP_S, np.ones(days * 24 * 6, bool))
    hour = (grid.starts_ns() - MIDNIGHT_NS) // (3_600 * NS_PER_S)
    kept = np.isin(hour % 24, [h for hours in busy for h in hours])
    gone = np.isin(hour, missing)
    return Grid(MIDNIGHT_NS, STEP_S, ~gone), grid.starts_ns()[kept & ~gone]


@pytest.mark.parametrize(
    ("busy", "idle"),
    [
        ([range(24)], []),
        ([range(6)], ["from 06:00 to 00:00"]),
        ([range(8, 18)], ["from 18:00 to 08:00"]),
        ([range(8, 12), range(13, 18)], ["from 12:00 to 13:00", "from 18:00 to 08:00"]),
    ],
)
def test_hours_that_are_empty_every_day_are_told(busy: list[range], idle: list[str]) -> None:
    assert idle_hours(*range_of(3, *busy)) == idle


def test_of_a_single_day_nobody_knows_what_is_idle() -> None:
    assert idle_hours(*range_of(1, range(6))) == []


def test_hours_of_an_outage_are_not_idle() -> None:
    grid, busy_ns = range_of(2, range(6), range(12, 24), missing=range(6, 12))
    assert idle_hours(grid, busy_ns) == []


@pytest.mark.parametrize(("shares", "told"), [([0.6, 0.36], False), ([0.5, 0.23, 0.0], True)])
def test_many_chains_in_no_pattern_are_told(shares: list[float], told: bool) -> None:
    notes = list(notes_on_patterns(pa.table({"share": shares})))
    assert bool(notes) == told
    assert all(note.startswith("27% of the chains") for note in notes)
