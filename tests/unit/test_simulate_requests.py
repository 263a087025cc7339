"""Requests come as often as the scenario says, and make the calls of their chain."""

import math
from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pytest

from simulated_traffic import FROM_NS, calls, simulated, tiny

AUTH = ("auth", "POST /v1/login")


def test_counts_are_poisson_around_the_rate(tmp_path: Path) -> None:
    _, train, _ = simulated(tmp_path / "t", tiny())
    minutes = (calls(train, *AUTH)["start_ns"].to_numpy() - FROM_NS) // (60 * 10**9)
    counts = np.bincount(minutes, minlength=1440)[:1440]
    assert counts.mean() == pytest.approx(4, abs=4 * math.sqrt(4 / 1440))
    assert counts.var() / counts.mean() == pytest.approx(1, abs=0.2)


def test_dispersion_widens_counts(tmp_path: Path) -> None:
    _, train, _ = simulated(tmp_path / "t", tiny(noise={"dispersion": 0.5}))
    minutes = (calls(train, *AUTH)["start_ns"].to_numpy() - FROM_NS) // (60 * 10**9)
    counts = np.bincount(minutes, minlength=1440)[:1440]
    assert counts.var() / counts.mean() == pytest.approx(3, abs=0.9)


def test_a_cron_batch_comes_by_the_clock(tmp_path: Path) -> None:
    batch = {"every_minutes": 60, "at_minute": 7, "requests": 5}
    pattern = {"name": "batch", "chain": "cleaner: POST /run", "cron": batch}
    _, train, _ = simulated(tmp_path / "t", tiny(pattern=[pattern]))
    minutes = (train["start_ns"].to_numpy() - FROM_NS) // (60 * 10**9)
    assert np.unique(minutes).tolist() == list(range(7, 1440, 60))
    assert np.unique(minutes, return_counts=True)[1].tolist() == [5] * 24


def test_a_season_moves_traffic_and_keeps_its_mean(tmp_path: Path) -> None:
    pattern = {"name": "p", "per_minute": 20, "season": "noon", "chain": "a: GET /"}
    season = {"noon": {"floor": 0.2, "peaks": [[12, 2, 2]]}}
    _, train, _ = simulated(tmp_path / "t", tiny(pattern=[pattern], season=season))
    hours = np.bincount((train["start_ns"].to_numpy() - FROM_NS) // (3600 * 10**9), minlength=24)
    assert train.num_rows == pytest.approx(20 * 1440, rel=0.05)
    assert hours[12] > 5 * hours[0]


def test_refused_calls_are_told_and_not_gone_on_with(tmp_path: Path) -> None:
    chain = "a: GET /\n  b: GET /b  refuse=0.5 code=403\n  c: GET /c"
    pattern = {"name": "p", "per_minute": 4, "chain": chain}
    _, train, _ = simulated(tmp_path / "t", tiny(pattern=[pattern]))
    b, c = calls(train, "b", "GET /b"), calls(train, "c", "GET /c")
    refused = pc.sum(b["refused"]).as_py()
    assert refused == pytest.approx(b.num_rows / 2, abs=4 * math.sqrt(b.num_rows / 4))
    assert c.num_rows == b.num_rows - refused
    assert pc.sum(calls(train, "a", "GET /")["refused"]).as_py() == refused
    assert set(b.filter(b["refused"])["status_code"].to_pylist()) == {403}


def test_a_failed_call_is_tried_again(tmp_path: Path) -> None:
    chain = "a: GET /\n  b: GET /b  fail=0.5 retry=1"
    pattern = {"name": "p", "per_minute": 4, "chain": chain}
    _, train, _ = simulated(tmp_path / "t", tiny(pattern=[pattern]))
    a, b = calls(train, "a", "GET /"), calls(train, "b", "GET /b")
    assert b.num_rows / a.num_rows == pytest.approx(1.5, abs=0.04)
    assert pc.mean(a["failed"]).as_py() == pytest.approx(0.25, abs=0.03)


def test_messages_fan_out_and_calls_end_before_their_caller(tmp_path: Path) -> None:
    _, train, _ = simulated(tmp_path / "t", tiny())
    kinds = dict(zip(*np.unique(train["kind"].to_pylist(), return_counts=True), strict=True))
    assert kinds["producer"] == kinds["consumer"] > 0
    browsed = calls(train, "gateway", "GET /products").num_rows
    assert calls(train, "catalog", "GET /items").num_rows / browsed == pytest.approx(2, abs=0.05)
    ends = dict(
        zip(
            zip(train["trace_id"].to_pylist(), train["span_id"].to_pylist(), strict=True),
            (train["start_ns"].to_numpy() + train["duration_ns"].to_numpy()).tolist(),
            strict=True,
        )
    )
    called = train.filter(pc.not_equal(train["kind"], "consumer")).to_pylist()
    late = [
        s
        for s in called
        if s["parent_span_id"]
        and s["start_ns"] + s["duration_ns"] > ends[s["trace_id"], s["parent_span_id"]] + 2000
    ]
    assert late == []
