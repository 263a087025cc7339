"""Counts of cells come out of their table as they went in, whatever numbers they are."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from informer.core import cell_counts
from informer.core.cell_counts import CellCounts, cells_between
from informer.core.packed import packed, unpacked

STEP_NS = 300 * 10**9
COLUMNS = ("step_start_ns", "cell", "size", "bucket", "lines")


def drawn(seed: int, runs: int) -> CellCounts:
    """Runs in order of time."""
    rng = np.random.default_rng(seed)
    size = rng.integers(1, 40, runs)
    counts = int(size.sum())
    return CellCounts(
        1_790_000_000 * 10**9 + np.sort(rng.integers(0, 50, runs)) * STEP_NS,
        rng.integers(0, 2**31, runs),
        size,
        rng.integers(0, 512, counts).astype(np.int16),
        rng.choice([1, 2, 300, 70_000], counts),
    )


def same(one: CellCounts, other: CellCounts) -> bool:
    return all(np.array_equal(getattr(one, name), getattr(other, name)) for name in COLUMNS)


@pytest.mark.parametrize("most", [1, 100, 1 << 16])
@pytest.mark.parametrize("runs", [0, 1, 500])
def test_rows_hold_what_was_counted(monkeypatch: pytest.MonkeyPatch, runs: int, most: int) -> None:
    monkeypatch.setattr(cell_counts, "MOST_COUNTS", most)
    counts = drawn(1, runs)
    rows = counts.rows()
    assert same(CellCounts.of(rows), counts)
    assert rows["size"].to_pylist() == [
        len(unpacked(w.values.to_numpy())[0]) for w in rows["counts"]
    ]
    assert all(size < most + 40 for size in rows["size"].to_pylist())
    ends = np.cumsum([len(unpacked(w.values.to_numpy())[0]) for w in rows["runs"]]).tolist()
    spans = zip(rows["first_step_ns"].to_pylist(), rows["last_step_ns"].to_pylist(), strict=True)
    for span, (low, high) in zip(spans, pairwise([0, *ends]), strict=True):
        steps = counts.step_start_ns[low:high]
        assert span == (steps[0], steps[-1])


def test_rows_of_several_chunks_and_slices_are_read() -> None:
    one, other = drawn(1, 40), drawn(2, 60)
    rows = pa.concat_tables([one.rows(), other.rows()])
    both = CellCounts.of(rows)
    assert np.array_equal(both.lines, np.append(one.lines, other.lines))
    assert same(CellCounts.of(rows.slice(1)), other)
    assert same(CellCounts.of(rows.combine_chunks().slice(1)), other)


def test_counts_of_a_cell_in_a_step_are_one_run() -> None:
    step, cell = np.array([5, 5, 5, 7, 7]), np.array([1, 1, 2, 2, 2])
    told = CellCounts.counted(step, cell, np.arange(5), np.ones(5, np.int64))
    assert told.step_start_ns.tolist() == [5, 5, 7]
    assert told.cell.tolist() == [1, 2, 2]
    assert told.size.tolist() == [2, 1, 2]
    none = np.zeros(0, np.int64)
    assert CellCounts.counted(none, none, none, none).rows().num_rows == 0


def test_runs_are_taken_with_their_counts() -> None:
    counts = drawn(3, 100)
    odd = counts.taken(np.arange(100) % 2 == 1)
    ends = np.cumsum(counts.size)
    lines = [counts.lines[ends[n] - counts.size[n] : ends[n]] for n in range(1, 100, 2)]
    assert np.array_equal(odd.lines, np.concatenate(lines))
    assert counts.taken(np.ones(100, bool)) is counts


def test_cells_are_found_by_the_time_of_their_runs() -> None:
    counts = drawn(4, 100)
    low, high = (int(counts.step_start_ns[n]) for n in (30, 70))
    found = np.concatenate(list(cells_between(counts.rows(), low, high)))
    here = (counts.step_start_ns >= low) & (counts.step_start_ns < high)
    assert np.array_equal(found, counts.cell[here])


@pytest.mark.parametrize("most", [0, 255, 256, 2**16, 2**32, 2**62])
def test_columns_of_any_width_and_length_are_packed(most: int) -> None:
    columns = [np.array([0, most]), np.zeros(0, np.int64), np.full(1_000, most)]
    words = packed(columns)
    assert words.dtype == np.int64
    for column, told in zip(columns, unpacked(words), strict=True):
        assert np.array_equal(column, told)
