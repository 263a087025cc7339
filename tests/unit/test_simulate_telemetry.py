"""Telemetry has the defects that the scenario says, and tells nobody who attacks."""

import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from simulated_traffic import ATTACK, calls, simulated, tiny

LOGINS_A_DAY = 4 * 1440
AUTH = ("auth", "POST /v1/login")


def orphans(spans: pa.Table) -> int:
    there = set(zip(spans["trace_id"].to_pylist(), spans["span_id"].to_pylist(), strict=True))
    links = zip(spans["trace_id"].to_pylist(), spans["parent_span_id"].to_pylist(), strict=True)
    return sum(link[1] is not None and link not in there for link in links)


def test_nothing_of_a_client_tells_an_attacker_from_a_user(tmp_path: Path) -> None:
    _, train, test = simulated(tmp_path / "t", tiny(ATTACK | {"sources": 500}))
    agents, nets = [], []
    for spans in (train, test.filter(test["refused"])):
        texts = calls(spans, "gateway", "POST /login")["attributes"].to_pylist()
        clients = [json.loads(text) for text in texts]
        agents.append({c["user_agent.original"] for c in clients})
        nets.append({c["client.address"].split(".")[0] for c in clients})
    assert agents[0] == agents[1]
    assert len(nets[0] & nets[1]) > 100


def test_lost_spans_leave_orphans(tmp_path: Path) -> None:
    _, whole, _ = simulated(tmp_path / "whole", tiny())
    _, broken, _ = simulated(tmp_path / "broken", tiny(defects={"lost": 0.2}))
    assert orphans(whole) == 0
    assert broken.num_rows == pytest.approx(0.8 * whole.num_rows, rel=0.02)
    assert orphans(broken) > 1000


def test_sampling_weights_sum_to_the_true_count_in_expectation(tmp_path: Path) -> None:
    _, train, _ = simulated(tmp_path / "t", tiny(defects={"sampling": 0.1}))
    login = calls(train, *AUTH)
    assert login.num_rows < LOGINS_A_DAY / 5
    assert set(login["weight"].to_pylist()) == {10.0}
    estimate = pc.sum(login["weight"]).as_py()
    assert estimate == pytest.approx(LOGINS_A_DAY, abs=4 * 10 * math.sqrt(LOGINS_A_DAY / 10))


def test_raw_paths_take_the_place_of_templates(tmp_path: Path) -> None:
    _, train, _ = simulated(tmp_path / "t", tiny(defects={"raw_paths": 30}))
    paths = set(calls(train, "gateway", "GET /products/")["operation"].to_pylist())
    assert 20 <= len(paths) <= 30
    assert not any("{" in path for path in paths)


def test_clocks_disagree_by_no_more_than_said(tmp_path: Path) -> None:
    _, exact, _ = simulated(tmp_path / "exact", tiny())
    _, skewed, _ = simulated(tmp_path / "skewed", tiny(defects={"skew_ms": 2000}))
    starts = [
        t.sort_by([("trace_id", "ascending"), ("span_id", "ascending")]) for t in (exact, skewed)
    ]
    off = starts[1]["start_ns"].to_numpy() - starts[0]["start_ns"].to_numpy()
    assert np.unique(off).size == 4  # of gateway, auth, catalog and mail
    assert 0 < np.abs(off).max() <= 2_000_000_000
