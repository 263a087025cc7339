"""Two threads fold half of the traces each: what comes out is what one would give."""

import numpy as np
import pyarrow as pa
import pytest

from informer.core.lines import ROWS, Lines
from informer.outlines import shares
from informer.outlines.keys import Keys
from informer.outlines.shares import evenly, in_shares
from informer.outlines.slices import Slice, sliced

LINES = 30_000
CLOSE_NS = 900


def lines(seed: int) -> Lines:
    """Lines of many traces, of which some begin late."""
    rng = np.random.default_rng(seed)
    texts = pa.nulls(LINES, pa.string())
    start, duration = rng.integers(0, 1000, LINES), rng.integers(0, 10**9, LINES)
    rows = pa.table([texts, texts, texts, texts, start, duration, np.arange(LINES)], ROWS.names)
    traces = rng.integers(0, 2**62, LINES // 7)[rng.integers(0, LINES // 7, LINES)]
    return Lines(rows, traces, np.arange(LINES), np.full(LINES, -1), np.zeros(LINES, bool))


def by_trace(here: Slice) -> dict[int, tuple[bool, list[int]]]:
    """Whether each trace is closed, and its lines."""
    bounds = zip(here.begins[:-1].tolist(), here.begins[1:].tolist(), strict=True)
    return {
        trace: (closed, here.order[a:b].tolist())
        for trace, closed, (a, b) in zip(
            here.traces.tolist(), here.closed.tolist(), bounds, strict=True
        )
    }


@pytest.mark.parametrize("fewest", [0, 10 * LINES])
def test_all_lines_lie_by_trace_in_their_order(
    monkeypatch: pytest.MonkeyPatch, fewest: int
) -> None:
    monkeypatch.setattr(shares, "FEWEST", fewest)
    parts = [lines(1), lines(1), lines(2)]
    expected: dict[int, tuple[bool, list[int]]] = {}
    starts = np.concatenate([part.column("start_ns") for part in parts])
    for place, trace in enumerate(np.concatenate([part.trace for part in parts]).tolist()):
        closed, places = expected.get(trace, (True, []))
        expected[trace] = (closed and bool(starts[place] < CLOSE_NS), [*places, place])
    found = sliced(parts, CLOSE_NS)
    assert by_trace(found) == expected
    assert found.shares[0][1] == found.shares[1][0]
    assert found.shares[1][1] == len(expected)


@pytest.mark.parametrize("fewest", [0, 10 * LINES])
def test_keys_have_the_numbers_of_their_first_coming(
    monkeypatch: pytest.MonkeyPatch, fewest: int
) -> None:
    monkeypatch.setattr(shares, "FEWEST", fewest)
    keys, known = Keys(), dict[int, int]()
    for seed in range(3):
        asked = np.random.default_rng(seed).integers(-5, 20_000, LINES)
        numbers, new = keys.number(asked)
        before = len(known)
        for key in asked[asked >= 0].tolist():
            known.setdefault(key, len(known))
        assert numbers.tolist() == [known.get(key, 0) for key in asked.tolist()]
        assert new.tolist() == list(known)[before:]


def test_what_goes_wrong_in_a_share_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        in_shares(lambda share: 1 // share[0], evenly(100_000), 100_000)
