"""Faults do what the scenario says, and the labels tell it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from informer.core.types import Json
from simulated_traffic import calls, labels, simulated, tiny, within

AUTH = ("auth", "POST /v1/login")
SLOW: Json = {
    "id": "F1",
    "kind": "slow",
    "at": "0d 06:00",
    "minutes": 600,
    "patterns": ["login"],
    "guilty": "auth: POST /v1/login",
    "times_slower": 20,
}


def median_ms(spans: pa.Table) -> float:
    return float(np.median(spans["duration_ns"].to_numpy())) / 1e6


def test_a_retry_storm_fails_and_multiplies_the_calls_it_meets(tmp_path: Path) -> None:
    event = {"id": "F1", "kind": "retry_storm", "at": "0d 06:00", "minutes": 600, "fail": 1}
    given = tiny(event | {"patterns": ["login"], "guilty": "auth: POST /v1/login"})
    given["pattern"][0]["chain"] = "gateway: POST /login\n  auth: POST /v1/login  retry=2"
    _, _, test = simulated(tmp_path / "t", given)
    label = labels(tmp_path / "t")["F1"]
    inside = within(test, label)
    entries = calls(inside, "gateway", "POST /login").num_rows
    assert calls(inside, *AUTH).num_rows == pytest.approx(3 * entries, rel=0.01)
    assert (label["flag"], label["guilty"]) == ("fault", "gateway>auth:POST /v1/login")


def test_nothing_is_seen_while_the_collector_is_out(tmp_path: Path) -> None:
    event = {"id": "F1", "kind": "collector_outage", "at": "0d 06:00", "minutes": 30}
    _, _, test = simulated(tmp_path / "t", tiny(event))
    assert within(test, labels(tmp_path / "t")["F1"]).num_rows == 0
    assert test.num_rows > 0


def test_a_slow_call_takes_so_many_times_as_long_and_its_caller_waits(tmp_path: Path) -> None:
    _, train, test = simulated(tmp_path / "t", tiny(SLOW))
    label = labels(tmp_path / "t")["F1"]
    slow, usual = (median_ms(calls(t, *AUTH)) for t in (within(test, label), train))
    assert slow / usual == pytest.approx(20, rel=0.05)
    entry, entry_usual = (
        median_ms(calls(t, "gateway", "POST /login")) for t in (within(test, label), train)
    )
    assert entry - entry_usual == pytest.approx(slow - usual, rel=0.05)
    below, below_usual = (
        median_ms(calls(t, "auth", "SELECT user")) for t in (within(test, label), train)
    )
    assert below == pytest.approx(below_usual, rel=0.05)


def test_a_slow_call_is_labelled_as_a_fault_and_is_slow_in_its_window_only(tmp_path: Path) -> None:
    _, train, test = simulated(tmp_path / "t", tiny(SLOW))
    label = labels(tmp_path / "t")["F1"]
    assert (label["flag"], label["guilty"]) == ("fault", "gateway>auth:POST /v1/login")
    start = test["start_ns"].to_numpy()
    before = test.filter(pa.array(start < int(label["start_ns"])))
    after = test.filter(pa.array(start >= int(label["effect_end_ns"])))
    for outside in (before, after):
        assert median_ms(calls(outside, *AUTH)) == pytest.approx(
            median_ms(calls(train, *AUTH)), rel=0.1
        )


def test_a_slow_message_keeps_nobody_waiting(tmp_path: Path) -> None:
    slow = SLOW | {"patterns": ["browse"], "guilty": "mail: viewed"}
    _, train, test = simulated(tmp_path / "t", tiny(slow))
    inside = within(test, labels(tmp_path / "t")["F1"])
    read = [median_ms(calls(t, "mail", "viewed")) for t in (inside, train)]
    entries = [median_ms(calls(t, "gateway", "GET /products")) for t in (inside, train)]
    assert read[0] / read[1] == pytest.approx(20, rel=0.1)
    assert entries[0] == pytest.approx(entries[1], rel=0.05)
