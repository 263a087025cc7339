"""Legitimate changes do what the scenario says, and the labels tell it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from simulated_traffic import calls, labels, simulated, tiny, within

AUTH = ("auth", "POST /v1/login")


def test_a_deploy_moves_traffic_and_versions_for_good(tmp_path: Path) -> None:
    event = {"id": "L1", "kind": "deploy", "at": "0d 12:00", "minutes": 60}
    event |= {"patterns": ["login"], "to": "new", "service": "auth", "version": "v2"}
    given = tiny(event)
    given["pattern"].append({"name": "new", "chain": "gateway: POST /login\n  keys: GET /keys"})
    given["pattern"].append({"name": "other", "per_minute": 1, "chain": "auth: GET /"})
    _, _, test = simulated(tmp_path / "t", given)
    label = labels(tmp_path / "t")["L1"]
    start = test["start_ns"].to_numpy()
    before = test.filter(pa.array(start < int(label["start_ns"])))
    after = test.filter(pa.array(start > int(label["end_ns"]) + 10**9))
    assert calls(before, "keys", "GET /keys").num_rows == calls(after, *AUTH).num_rows == 0
    assert set(calls(before, "auth", "GET /")["version"].to_pylist()) == {"v1"}
    assert set(calls(after, "auth", "GET /")["version"].to_pylist()) == {"v2"}
    assert label["flag"] == "legit"
    assert label["guilty"].split("|")[0] == "*>auth:"
    assert "gateway>keys:GET /keys" in label["guilty"].split("|")


def test_a_canary_takes_its_share_and_goes(tmp_path: Path) -> None:
    event = {"id": "L1", "kind": "deploy_canary", "at": "0d 06:00", "minutes": 600}
    given = tiny(event | {"service": "auth", "version": "v2", "share": 0.2})
    _, _, test = simulated(tmp_path / "t", given)
    auth = calls(test, *AUTH)
    new = auth.filter(pc.equal(auth["version"], "v2"))
    inside = within(auth, labels(tmp_path / "t")["L1"])
    assert new.num_rows / inside.num_rows == pytest.approx(0.2, abs=0.04)
    assert within(new, labels(tmp_path / "t")["L1"]).num_rows == new.num_rows


def test_autoscaling_adds_pods_for_a_while(tmp_path: Path) -> None:
    event = {"id": "L1", "kind": "autoscaling", "at": "0d 06:00", "minutes": 600}
    _, train, test = simulated(tmp_path / "t", tiny(event | {"service": "auth"}))
    pods = [set(calls(t, *AUTH)["resource_attributes"].to_pylist()) for t in (train, test)]
    assert [len(p) for p in pods] == [3, 6]
    assert pods[0] < pods[1]


def test_a_flash_sale_lifts_what_it_names(tmp_path: Path) -> None:
    event = {"id": "L1", "kind": "flash_sale", "at": "0d 06:00", "minutes": 600}
    _, _, test = simulated(tmp_path / "t", tiny(event | {"patterns": ["browse"], "multiplier": 3}))
    inside = within(test, labels(tmp_path / "t")["L1"])
    logins, browsed = calls(inside, *AUTH), calls(inside, "gateway", "GET /products")
    assert logins.num_rows == pytest.approx(2400, rel=0.1)
    assert browsed.num_rows == pytest.approx(3600 * 2.8, rel=0.05)  # a tenth each way to rise


def test_a_deploy_may_remove_an_edge_or_reroute_it(tmp_path: Path) -> None:
    given = tiny({"id": "L1", "kind": "deploy", "at": "0d 12:00", "minutes": 1})
    given["event"][0] |= {"patterns": ["login"], "to": "new"}
    chain = "gateway: POST /login\n  vault: POST /check\n    auth: POST /v1/login"
    given["pattern"].append({"name": "new", "chain": chain})
    _, _, test = simulated(tmp_path / "t", given)
    label = labels(tmp_path / "t")["L1"]
    after = test.filter(pa.array(test["start_ns"].to_numpy() > int(label["end_ns"]) + 10**9))
    logins = calls(after, *AUTH).to_pylist()
    by = {(s["trace_id"], s["span_id"]): s["service"] for s in after.to_pylist()}
    assert {by[s["trace_id"], s["parent_span_id"]] for s in logins} == {"vault"}
    assert calls(after, "auth", "SELECT user").num_rows == 0
    assert set(label["guilty"].split("|")) == {
        "gateway>auth:POST /v1/login",  # gone, and so is the one below
        "auth>users-db:SELECT user",
        "gateway>vault:POST /check",
        "vault>auth:POST /v1/login",
    }
