"""`malicious.parquet` tells which requests were an attack's, and nothing in the spans does."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from simulated_traffic import ATTACK, calls, labels, simulated, tiny, within


def truth(folder: Path) -> pa.Table:
    return pq.read_table(folder / "malicious.parquet")


def test_every_malicious_request_is_told_and_no_other(tmp_path: Path) -> None:
    _, train, test = simulated(tmp_path / "t", tiny(ATTACK | {"refuse": 1}))
    told, label = truth(tmp_path / "t"), labels(tmp_path / "t")["A1"]
    assert (told.column_names, set(told["event_id"].to_pylist())) == (
        ["event_id", "trace_id"],
        {"A1"},
    )
    refused = calls(test, "auth", "POST /v1/login").filter(
        pc.field("refused"),  # nobody else's login is refused in this scenario
    )
    assert sorted(told["trace_id"].to_pylist()) == sorted(refused["trace_id"].to_pylist())
    assert told.num_rows == int(label["n_malicious"])
    assert not set(told["trace_id"].to_pylist()) & set(train["trace_id"].to_pylist())


def test_only_requests_that_telemetry_kept_are_told(tmp_path: Path) -> None:
    given = tiny(ATTACK, defects={"sampling": 0.5, "lost": 0.4})
    _, _, test = simulated(tmp_path / "t", given)
    told, label = truth(tmp_path / "t"), labels(tmp_path / "t")["A1"]
    traces = told["trace_id"].to_pylist()
    assert set(traces) <= set(test["trace_id"].to_pylist())
    assert len(set(traces)) == len(traces)
    whole = int(label["n_malicious"])
    # a request has three spans: one of them arrives with 1 - 0.4 ** 3
    assert told.num_rows == pytest.approx(0.5 * (1 - 0.4**3) * whole, rel=0.08)


def test_attacks_at_the_same_time_are_told_apart(tmp_path: Path) -> None:
    other = ATTACK | {"id": "A2", "kind": "scraping", "patterns": ["browse"], "refuse": 0}
    other |= {"guilty": "catalog: GET /items"}
    _, _, test = simulated(tmp_path / "t", tiny(ATTACK, other))
    told = truth(tmp_path / "t")
    for event, service in (("A1", "auth"), ("A2", "catalog")):
        mine = told.filter(pc.equal(told["event_id"], event))["trace_id"]
        spans = test.filter(pc.is_in(test["trace_id"], pa.array(mine.to_pylist())))
        assert service in spans["service"].to_pylist()
        assert within(spans, labels(tmp_path / "t")[event]).num_rows > 0.99 * spans.num_rows
    assert np.unique(told["event_id"].to_pylist()).tolist() == ["A1", "A2"]


def test_without_an_attack_there_is_nothing_to_tell(tmp_path: Path) -> None:
    simulated(tmp_path / "t", tiny())
    told = truth(tmp_path / "t")
    assert (told.num_rows, told.column_names) == (0, ["event_id", "trace_id"])
