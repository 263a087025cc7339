"""Attacks are as strong as the scenario says, and the labels tell it."""

import math
from pathlib import Path

import numpy as np
import pytest

from simulated_traffic import ATTACK, DAY_NS, FROM_NS, calls, labels, simulated, tiny, within

LOGINS_A_DAY = 4 * 1440
AUTH = ("auth", "POST /v1/login")


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


def test_a_new_edge_shows_only_in_its_window_and_has_no_oracle(tmp_path: Path) -> None:
    given = tiny(ATTACK | {"patterns": ["new"], "guilty": "auth: GET /keys", "per_minute": 0.5})
    given["pattern"].append({"name": "new", "chain": "mail: POST /x\n  auth: GET /keys"})
    _, train, test = simulated(tmp_path / "t", given)
    label = labels(tmp_path / "t")["A1"]
    new = calls(test, "auth", "GET /keys")
    assert calls(train, "auth", "GET /keys").num_rows == 0
    assert new.num_rows == int(label["n_malicious"]) == within(new, label).num_rows > 50
    assert label["oracle_z"] == label["multiplier"] == ""


def test_poisoning_grows_from_day_to_day(tmp_path: Path) -> None:
    head = {"title": "tiny", "days": 4, "train_days": 1}
    slow = ATTACK | {"at": "0d 00:00", "minutes": 4320, "growth_per_day": 0.5, "multiplier": 1}
    _, _, test = simulated(tmp_path / "t", tiny(slow | {"kind": "poisoning"}, scenario=head))
    days = np.bincount((calls(test, *AUTH)["start_ns"].to_numpy() - FROM_NS) // DAY_NS)[1:4]
    expected = [LOGINS_A_DAY * 0.5 * 1.5**d / math.log(1.5) for d in range(3)]
    assert days == pytest.approx(expected, rel=0.06)
