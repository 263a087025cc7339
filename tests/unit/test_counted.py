"""Counts of cells added up by loops are those of plain sums over all of them."""

import math
from collections import defaultdict

import numpy as np
import pyarrow as pa
import pytest

from informer.traffic import counted
from informer.traffic.counted import Counts, Shares, found_in, summed

CELLS, SERIES, WORKLOADS, STEPS, STEP_NS = 40, 6, 3, 5, 10**9


def drawn(seed: int) -> tuple[Counts, Shares, np.ndarray, np.ndarray]:
    """Rows in no order; cells with no share, with one or several, of series or of none."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 9, 30)
    offsets = np.append(0, np.cumsum(sizes)).astype(np.int32)
    n = int(offsets[-1])
    lists = {
        "cell": rng.integers(0, CELLS, n).astype(np.int32),
        "bucket": rng.integers(20, 60, n).astype(np.int16),
        "lines": rng.integers(0, 50, n),
    }
    rows = {"step_start_ns": 7 * STEP_NS + rng.integers(0, STEPS, len(sizes)) * STEP_NS}
    rows |= {
        name: pa.ListArray.from_arrays(pa.array(offsets), pa.array(values))
        for name, values in lists.items()
    }
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
    table = pa.table(rows)
    some = table.slice(3)  # whose lists do not begin at the first value
    return Counts.of(some, 7 * STEP_NS, STEP_NS), Shares.of(pa.table(told), CELLS), series, workload


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
            cell = counts.cell[c]
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
    none = pa.schema(
        [("step_start_ns", pa.int64())]
        + [(n, pa.list_(pa.int32())) for n in ("cell", "bucket", "lines")]
    ).empty_table()
    sums = summed(Counts.of(none, 0, 1), shares, series, workload, (SERIES, WORKLOADS, STEPS))
    assert not sums.calls_e6.any()
    assert np.isnan(sums.latency).all()


def test_cells_are_found_in_any_rows() -> None:
    counts = drawn(1)[0]
    found = found_in(counts, np.array([True]))
    assert sorted({0, *counts.cell.tolist()}) == np.flatnonzero(found).tolist()
