"""Lines are counted by outline, kind, step and bucket, whoever counts them."""

from collections import Counter
from typing import Any

import numpy as np
import pytest

from called_counts import COUNTED, plain_counts
from informer.core import cell_counts
from informer.core.types import Ints
from informer.engines.duckdb import DuckDBEngine
from informer.outlines import shares
from informer.outlines.buckets import BUCKETS
from informer.outlines.cells import ROOM, Cells
from informer.outlines.slices import Slice
from informer.outlines.state import begin

TRACES, STEP_NS = 3_000, 60 * 10**9
NONE = np.empty(0, np.int64)
FOUND = f"""
    select e.outline_id, e.line_kind, c.step_start_ns, c.bucket, cast(sum(c.lines) as bigint) as n
    from {COUNTED} as c join cells as e on e.cell = c.cell group by all
"""


class Traffic:
    """Traces of a few outlines in a few steps, with lines of many kinds, drawn by seed."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        sizes = rng.integers(1, 12, TRACES)
        self.begins: Ints = np.append(0, np.cumsum(sizes))
        lines = int(self.begins[-1])
        self.kind = np.arange(2 * ROOM, dtype=np.int32) // 2  # pairs that mean the same
        self.pair = rng.integers(0, len(self.kind), lines).astype(np.int32)
        self.bucket = rng.integers(0, 90, lines).astype(np.int16)
        self.group = rng.integers(-1, 6, TRACES).astype(np.int32)
        self.outline = np.array([0, 7, 7, 3, 3, 900])
        self.step_start_ns = np.array([0, 2, 1, 1, 3, 1]) * STEP_NS
        # One with more kinds than are counted at a time.
        most = sizes.argsort()[-1]
        self.group[most] = 5

    def slice(self) -> Slice:
        """What `Cells` reads of it is there, the rest is empty."""
        small = NONE.astype(np.int32)
        told: dict[str, Any] = {"parts": (), "number": self.pair, "traces": NONE, "shares": []}
        told |= {"begins": self.begins, "closed": NONE.astype(bool), "order": small}
        told |= {"span": NONE, "up": NONE, "soft": NONE.astype(bool), "saying": small}
        return Slice(**told, start_ns=NONE, bucket=self.bucket)

    def counts(self) -> Counter[tuple[int, int, int, int]]:
        """How often each outline, kind, step and bucket comes."""
        found: Counter[tuple[int, int, int, int]] = Counter()
        for trace, group in enumerate(self.group.tolist()):
            for line in range(self.begins[trace], self.begins[trace + 1]) if group >= 0 else ():
                of = int(self.outline[group]), int(self.kind[self.pair[line]])
                found[*of, int(self.step_start_ns[group]), int(self.bucket[line])] += 1
        return found


@pytest.mark.parametrize("fewest", [0, 10**9])
@pytest.mark.parametrize("most", [7, 1 << 16])
def test_every_line_of_a_group_is_counted_once(
    monkeypatch: pytest.MonkeyPatch, fewest: int, most: int
) -> None:
    monkeypatch.setattr(shares, "FEWEST", fewest)
    monkeypatch.setattr(cell_counts, "MOST_COUNTS", most)
    slices = [Traffic(1), Traffic(2)]
    with DuckDBEngine(threads=1) as engine:
        begin(engine)
        for here in slices:
            groups = here.group, here.outline, here.step_start_ns
            # As of a reading that goes on: what was counted before is in the engine.
            Cells(engine).count(here.slice(), groups, here.pair, here.kind)
        plain_counts(engine)
        rows = engine.query(FOUND).to_pylist()
        longest = engine.query("select max(size) as n from cell_counts")["n"][0].as_py()
    found = {tuple(row.values())[:4]: row["n"] for row in rows}
    assert found == slices[0].counts() + slices[1].counts()
    assert longest < most + BUCKETS
    assert most > 7 or longest < 100


def test_a_group_may_have_more_kinds_than_are_counted_at_a_time() -> None:
    here = Traffic(3)
    here.group[:] = 5
    assert len(set(here.kind[here.pair].tolist())) == ROOM
    here.kind = np.arange(2 * ROOM, dtype=np.int32)
    assert len(set(here.kind[here.pair].tolist())) > ROOM
    with DuckDBEngine(threads=1) as engine:
        begin(engine)
        groups = here.group, here.outline, here.step_start_ns
        Cells(engine).count(here.slice(), groups, here.pair, here.kind)
        plain_counts(engine)
        rows = engine.query(FOUND).to_pylist()
    assert {tuple(row.values())[:4]: row["n"] for row in rows} == here.counts()


def test_a_slice_in_which_nothing_has_a_group_counts_nothing() -> None:
    here = Traffic(4)
    here.group[:] = -1
    with DuckDBEngine(threads=1) as engine:
        begin(engine)
        groups = here.group, here.outline, here.step_start_ns
        Cells(engine).count(here.slice(), groups, here.pair, here.kind)
        plain_counts(engine)
        assert engine.query(FOUND).num_rows == 0
