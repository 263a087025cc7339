"""Clones of traces keep what is real about them, and times follow the rhythm that was asked for."""

import numpy as np
import pyarrow as pa
import pytest

from nezha_traces import FAILED_SPANS, LOGIN_SPANS, SEARCH_SPANS, START_NS, capture, trace
from quality.clones import RHYTHMS, clones, moved, times_in
from quality.error_stretches import MINUTE_NS, Stretch, error_stretches


@pytest.mark.parametrize("rhythm", RHYTHMS)
def test_times_stay_in_their_window_and_in_order(rhythm: str) -> None:
    times = times_in(START_NS, START_NS + 5 * MINUTE_NS, 200, rhythm, np.random.default_rng(3))
    assert len(times) == 200
    assert times[0] >= START_NS
    assert times[-1] < START_NS + 5 * MINUTE_NS
    assert (np.diff(times) >= 0).all()


def test_rhythms_differ_in_how_gaps_scatter() -> None:
    spread = {}
    for rhythm in RHYTHMS:
        gaps = np.diff(
            times_in(START_NS, START_NS + 10 * MINUTE_NS, 400, rhythm, np.random.default_rng(0))
        )
        spread[rhythm] = gaps.std() / gaps.mean()
    assert spread["metronome"] < 0.3
    assert 0.8 < spread["chance"] < 1.2
    assert spread["bursts"] > 2


def test_an_unknown_rhythm_is_refused() -> None:
    with pytest.raises(ValueError, match="rhythm must be one of"):
        times_in(START_NS, START_NS + MINUTE_NS, 3, "waltz", np.random.default_rng(0))


def test_a_parent_that_was_never_exported_stays_unknown() -> None:
    rng = np.random.default_rng(0)
    original = trace(LOGIN_SPANS, START_NS, rng)
    headless = original.slice(1)
    made, _ = clones(headless, np.array([START_NS + MINUTE_NS]), rng)
    assert made["ParentID"].to_pylist()[0] not in made["SpanID"].to_pylist()
    assert made["ParentID"].to_pylist()[0] != headless["ParentID"].to_pylist()[0]


def test_moved_spans_keep_their_durations() -> None:
    before = capture(1)
    after = moved(before, MINUTE_NS)
    for column in ("StartTimeUnixNano", "EndTimeUnixNano"):
        assert (after[column].to_numpy() - before[column].to_numpy() == MINUTE_NS).all()
    assert after["Duration"].equals(before["Duration"])


def test_minutes_in_which_a_service_often_fails_are_one_stretch() -> None:
    rng = np.random.default_rng(0)
    failing = [(2, 6), (3, 6), (5, 6), (9, 6), (12, 2), (14, 6)]
    failed = [
        trace(FAILED_SPANS, START_NS + minute * MINUTE_NS + k * 10**9, rng)
        for minute, count in failing
        for k in range(count)
    ]
    busy = [
        trace(SEARCH_SPANS, START_NS + 14 * MINUTE_NS + k * 10**8, rng) for k in range(100)
    ]  # so many requests that six errors are no fault
    found = error_stretches(pa.concat_tables([capture(20), *failed, *busy]))
    assert found == [
        Stretch("ts-travel-service", START_NS + a * MINUTE_NS, START_NS + b * MINUTE_NS)
        for a, b in ((2, 6), (9, 10))
    ]
