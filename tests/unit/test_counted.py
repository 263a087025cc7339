"""Counts of cells added up by loops are those of plain sums over all of them."""

import math
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest

from informer.core.cell_counts import CELL_COUNTS, CellCounts
from informer.traffic import counted
from informer.traffic.counted import Counts, Shares, summed

CELLS, SERIES, WORKLOADS, STEPS, STEP_NS = 40, 6, 3, 5, 10**9
FROM_NS = 7 * STEP_NS


def drawn(seed: int) -> tuple[Counts, Shares, np.ndarray, np.ndarray]:
    """Runs in no order; cells with no share, with one or several, of series or of none."""
    rng = np.random.default_rng(seed)
    rows = some_counts(rng).rows()
    cell = np.sort(rng.integers(0, CELLS, 50))
    told = {
        "cell": cell,
        "call_kind": np.arange(50),
        "weight_e6": rng.choice([1_000_000, 333_333, 0], 50),
        "failed": rng.random(50) < 0.3,
        "refused": rng.random(50) < 0.3,
        "share": rng.choice([1.0, 0.5, 1 / 3], 50),
    }
    series, workload = rng.integers(-1, SERIES, 50), rng.integers(-1, WORKLOADS, 50)
    counts = Counts.of(rows, FROM_NS, FROM_NS + STEPS * STEP_NS, STEP_NS)
    return counts, Shares.of(pa.table(told), CELLS), series, workload


def some_counts(rng: np.random.Generator) -> CellCounts:
    """Runs of which some are before and after the steps that are asked for."""
    size = rng.integers(1, 9, 60)
    n = int(size.sum())
    return CellCounts(
        FROM_NS + rng.integers(-2, STEPS + 2, len(size)) * STEP_NS,
        rng.integers(0, CELLS, len(size)).astype(np.int32),
        size,
        rng.integers(20, 60, n).astype(np.int16),
        rng.integers(0, 50, n),
    )


@pytest.mark.parametrize("room", [1, 1 << 22])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_sums_are_those_of_all_counts(
    monkeypatch: pytest.MonkeyPatch, seed: int, room: int
) -> None:
    monkeypatch.setattr(counted, "MOST_ROOM", room)
    counts, shares, series, workload = drawn(seed)
    calls, failures, refusals = (np.zeros((SERIES, STEPS), np.int64) for _ in range(3))
    of_workloads = np.zeros((WORKLOADS, STEPS), np.int64)
    held: defaultdict[tuple[int, int], list[tuple[int, int]]] = defaultdict(list)
    for row, step in enumerate(counts.step.tolist()):
        for c in range(counts.begins[row], counts.begins[row + 1]):
            cell = counts.cell[row]
            for k in range(shares.begins[cell], shares.begins[cell + 1]):
                e6 = math.floor(counts.lines[c] * shares.weight_e6[k] * shares.share[k] + 0.5)
                if workload[k] >= 0:
                    of_workloads[workload[k], step] += e6
                if series[k] >= 0:
                    place = series[k], step
                    calls[place] += e6
                    failures[place] += e6 * shares.failed[k]
                    refusals[place] += e6 * shares.refused[k]
                    held[place].append((int(counts.bucket[c]), e6))
    sums = summed(counts, shares, series, workload, (SERIES, WORKLOADS, STEPS))
    assert (sums.calls_e6 == calls).all()
    assert (sums.failures_e6 == failures).all()
    assert (sums.refusals_e6 == refusals).all()
    assert (sums.workload_calls_e6 == of_workloads).all()
    for s, t in np.ndindex(SERIES, STEPS):
        found, total = sums.latency[:, s, t], calls[s, t]
        if not total:
            assert np.isnan(found).all()
            continue
        by_bucket = sorted(held[s, t])
        up_to = np.cumsum([n for _, n in by_bucket])
        for place, share in ((0, 0.5), (1, 0.95)):
            assert found[place] == by_bucket[int(np.argmax(up_to >= share * total))][0]
        assert found[2] == pytest.approx(sum(b * n for b, n in by_bucket) / total)


def test_no_counts_come_to_nothing() -> None:
    _, shares, series, workload = drawn(1)
    counts = Counts.of(CELL_COUNTS.empty_table(), 0, 1, 1)
    sums = summed(counts, shares, series, workload, (SERIES, WORKLOADS, STEPS))
    assert not sums.calls_e6.any()
    assert np.isnan(sums.latency).all()
