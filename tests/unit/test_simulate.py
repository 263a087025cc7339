"""What the simulator writes is what the scenario says."""

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from informer.core.errors import InformerError
from informer.core.tables import SPANS
from informer.core.types import Json
from informer.simulate.read import scenario_of
from informer.simulate.words import coded
from informer.simulate.write import simulate
from simulated_traffic import ATTACK, DAY_NS, FROM_NS, calls, labels, simulated, tiny, within

LOGINS_A_DAY = 4 * 1440
AUTH = ("auth", "POST /v1/login")


def prints(folder: Path) -> dict[str, str]:
    return {
        str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in sorted(folder.rglob("*"))
        if f.is_file()
    }


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


def test_the_same_seed_gives_the_same_bytes_and_another_seed_does_not(tmp_path: Path) -> None:
    noise = {"sigma": 0.1, "shared_sigma": 0.1, "dispersion": 0.02}
    defects = {"lost": 0.01, "skew_ms": 5, "raw_paths": 20, "sampling": 0.5}
    given = tiny(ATTACK | {"jitter_minutes": 60}, noise=noise, defects=defects)
    for name, seed in (("one", 3), ("two", 3), ("other", 4)):
        simulated(tmp_path / name, given, seed)
    assert prints(tmp_path / "one") == prints(tmp_path / "two")
    assert prints(tmp_path / "one")["labels.csv"] != prints(tmp_path / "other")["labels.csv"]


def test_a_text_stands_once_in_a_dictionary() -> None:
    column = coded(np.array([0, 1, 2, -1]), ["v1", "v1", "v2"])
    assert column.to_pylist() == ["v1", "v1", "v2", None]
    assert column.dictionary.to_pylist() == ["v1", "v2"]


def test_a_longer_simulation_begins_like_a_shorter_one(tmp_path: Path) -> None:
    longer = {"title": "tiny", "days": 3, "train_days": 1}
    _, short, _ = simulated(tmp_path / "short", tiny(noise={"sigma": 0.2}))
    _, long, _ = simulated(tmp_path / "long", tiny(noise={"sigma": 0.2}, scenario=longer))
    assert short.equals(long)


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


def test_labels_lie_after_training(tmp_path: Path) -> None:
    early = ATTACK | {"at": "0d 00:00", "jitter_minutes": 600}
    facts, train, test = simulated(tmp_path / "t", tiny(early))
    (label,) = labels(tmp_path / "t").values()
    assert facts["train_until_ns"] == FROM_NS + DAY_NS <= int(label["start_ns"])
    assert int(label["end_ns"]) <= facts["until_ns"]
    assert not any(calls(train, *AUTH)["refused"].to_pylist())
    assert any(calls(test, *AUTH)["refused"].to_pylist())


@pytest.mark.parametrize("rhythm", ["chance", "metronome", "bursts"])
def test_an_attack_multiplies_the_calls_of_its_rpc_as_stated(tmp_path: Path, rhythm: str) -> None:
    _, _, test = simulated(tmp_path / "t", tiny(ATTACK | {"rhythm": rhythm}))
    label = labels(tmp_path / "t")["A1"]
    background, malicious = 4 * 300, int(label["n_malicious"])
    assert float(label["background_expected"]) == pytest.approx(background)
    assert malicious == pytest.approx(2 * background, abs=4 * math.sqrt(2 * background))
    assert float(label["oracle_z"]) == pytest.approx(malicious / math.sqrt(background), abs=0.1)
    seen = calls(within(test, label), *AUTH).num_rows
    assert seen == pytest.approx(background + malicious, abs=4 * math.sqrt(background) + 20)
    assert label["guilty"] == "gateway>auth:POST /v1/login|outside>gateway:POST /login"


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


def test_a_new_edge_shows_only_in_its_window_and_has_no_oracle(tmp_path: Path) -> None:
    given = tiny(ATTACK | {"patterns": ["new"], "guilty": "auth: GET /keys", "per_minute": 0.5})
    given["pattern"].append({"name": "new", "chain": "mail: POST /x\n  auth: GET /keys"})
    _, train, test = simulated(tmp_path / "t", given)
    label = labels(tmp_path / "t")["A1"]
    new = calls(test, "auth", "GET /keys")
    assert calls(train, "auth", "GET /keys").num_rows == 0
    assert new.num_rows == int(label["n_malicious"]) == within(new, label).num_rows > 50
    assert label["oracle_z"] == label["multiplier"] == ""


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


def test_poisoning_grows_from_day_to_day(tmp_path: Path) -> None:
    head = {"title": "tiny", "days": 4, "train_days": 1}
    slow = ATTACK | {"at": "0d 00:00", "minutes": 4320, "growth_per_day": 0.5, "multiplier": 1}
    _, _, test = simulated(tmp_path / "t", tiny(slow | {"kind": "poisoning"}, scenario=head))
    days = np.bincount((calls(test, *AUTH)["start_ns"].to_numpy() - FROM_NS) // DAY_NS)[1:4]
    expected = [LOGINS_A_DAY * 0.5 * 1.5**d / math.log(1.5) for d in range(3)]
    assert days == pytest.approx(expected, rel=0.06)


def test_spans_have_the_columns_of_the_table_and_ids_that_no_two_requests_share(
    tmp_path: Path,
) -> None:
    _, train, test = simulated(tmp_path / "t", tiny(ATTACK))
    assert set(SPANS.names) - set(train.column_names) == {"scope"}
    roots = [
        set(t.filter(pc.is_null(t["parent_span_id"]))["trace_id"].to_pylist())
        for t in (train, test)
    ]
    entries = sum(pc.sum(pc.is_null(t["parent_span_id"])).as_py() for t in (train, test))
    assert len(roots[0] | roots[1]) == entries


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    given: Json = tiny()
    with pytest.raises(InformerError, match="-o must be an absent or empty folder"):
        simulate(scenario_of(given, "tiny"), tmp_path, seed=0, from_ns=FROM_NS)
