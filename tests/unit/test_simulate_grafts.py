"""An attack may hide in regular requests: a share of them makes one call over a new edge."""

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from informer.core.types import Json
from simulated_traffic import calls, labels, simulated, tiny, within

GRAFT: Json = {
    "id": "A1",
    "kind": "lateral_movement",
    "at": "0d 06:00",
    "minutes": 300,
    "patterns": ["login"],
    "below": "auth: POST /v1/login",
    "guilty": "mail: GET /templates",
    "share": 0.2,
}
NEW = ("mail", "GET /templates")


def test_a_share_of_known_requests_makes_one_call_more_over_a_new_edge(tmp_path: Path) -> None:
    _, train, test = simulated(tmp_path / "t", tiny(GRAFT))
    label = labels(tmp_path / "t")["A1"]
    new = calls(test, *NEW)
    assert calls(train, *NEW).num_rows == 0
    logins = calls(within(test, label), "gateway", "POST /login").num_rows
    assert new.num_rows / logins == pytest.approx(0.2, abs=4 * math.sqrt(0.2 * 0.8 / logins))
    starts = new["start_ns"].to_numpy()
    assert starts.min() >= int(label["start_ns"])
    assert starts.max() < int(label["end_ns"]) + 10**9  # the last requests may still be at it
    chain = test.filter(pc.equal(test["trace_id"], new["trace_id"][0])).to_pylist()
    parents = {s["span_id"]: (s["service"], s["operation"]) for s in chain}
    (call,) = [s for s in chain if s["service"] == "mail"]
    assert parents[call["parent_span_id"]] == ("auth", "POST /v1/login")
    assert len(chain) == 4


def test_a_graft_adds_no_request_and_no_other_client(tmp_path: Path) -> None:
    _, _, quiet = simulated(tmp_path / "quiet", tiny())
    _, train, test = simulated(tmp_path / "t", tiny(GRAFT))
    entries = [calls(t, "gateway", "POST /login").num_rows for t in (quiet, test)]
    assert entries[0] == entries[1]
    traces = pa.array(calls(test, *NEW)["trace_id"].to_pylist())
    mine = calls(test.filter(pc.is_in(test["trace_id"], traces)), "gateway", "POST /login")
    regular = calls(train, "gateway", "POST /login")["attributes"].to_pylist()
    assert np.mean([a in set(regular) for a in mine["attributes"].to_pylist()]) > 0.8


def test_the_label_of_a_graft_blames_the_new_call_alone(tmp_path: Path) -> None:
    _, _, test = simulated(tmp_path / "t", tiny(GRAFT))
    label = labels(tmp_path / "t")["A1"]
    assert (label["flag"], label["guilty"]) == ("attack", "auth>mail:GET /templates")
    assert int(label["n_malicious"]) == calls(test, *NEW).num_rows
    assert label["oracle_z"] == label["multiplier"] == ""


def test_the_truth_of_a_graft_is_every_request_that_made_the_call(tmp_path: Path) -> None:
    rare = tiny(GRAFT | {"share": 1}, defects={"sampling": 0.5})
    rare["pattern"][0]["chain"] = "gateway: POST /login\n  auth: POST /v1/login  p=0.3"
    _, _, test = simulated(tmp_path / "t", rare)
    told = pq.read_table(tmp_path / "t" / "malicious.parquet")
    assert sorted(told["trace_id"].to_pylist()) == sorted(calls(test, *NEW)["trace_id"].to_pylist())
    made = int(labels(tmp_path / "t")["A1"]["n_malicious"])
    assert told.num_rows == pytest.approx(made / 2, abs=4 * math.sqrt(made / 4))


def test_a_grafted_call_may_be_refused(tmp_path: Path) -> None:
    _, _, test = simulated(tmp_path / "t", tiny(GRAFT | {"refuse": 1}))
    new = calls(test, *NEW)
    assert new.num_rows > 100
    assert pc.all(new["refused"]).as_py()


def test_a_message_may_bear_the_graft(tmp_path: Path) -> None:
    onto = {"patterns": ["browse"], "below": "mail: viewed", "guilty": "auth: GET /keys"}
    _, _, test = simulated(tmp_path / "t", tiny(GRAFT | onto))
    new = calls(test, "auth", "GET /keys")
    chain = test.filter(pc.equal(test["trace_id"], new["trace_id"][0])).to_pylist()
    parents = {s["span_id"]: s["kind"] for s in chain}
    assert parents[new["parent_span_id"][0].as_py()] == "consumer"


def test_a_deploy_does_not_name_what_only_an_attack_makes(tmp_path: Path) -> None:
    deploy = {"id": "L1", "kind": "deploy", "at": "0d 20:00", "minutes": 10}
    given = tiny(GRAFT, deploy | {"patterns": ["login"], "to": "new"})
    given["pattern"].append({"name": "new", "chain": "gateway: POST /login\n  keys: GET /keys"})
    simulated(tmp_path / "t", given)
    changed = labels(tmp_path / "t")["L1"]["guilty"]
    named = {"gateway>auth:POST /v1/login", "auth>users-db:SELECT user", "gateway>keys:GET /keys"}
    assert set(changed.split("|")) == named
