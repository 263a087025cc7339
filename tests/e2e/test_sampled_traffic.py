"""Traffic of which one trace in twenty is kept: few false alarms, and told as it was unsampled."""

from typing import Any

import orjson
import pytest

from command import done
from simulated_traffic import ATTACK, simulated, tiny

SETTINGS = """
[patterns]
critical_share = 1.0
[machine]
processes = 1
"""
DAYS = {"title": "sampled", "days": 5, "train_days": 3, "volume": 5.0}
KEPT = 0.05
RUSH = ATTACK | {"at": "1d 06:00", "multiplier": 6}


@pytest.fixture(scope="module")
def incidents(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What a day without and a day with a rush on the login bring, after three days of learning."""
    folder = tmp_path_factory.mktemp("sampled")
    defects = {"sampling": KEPT, "lost": 0.01}
    simulated(folder / "traffic", tiny(RUSH, scenario=DAYS, defects=defects))
    (folder / "workspace").mkdir()
    (folder / "workspace" / "informer.toml").write_text(SETTINGS)
    done("learn", folder / "traffic" / "train", "-w", folder / "workspace", "--step", "300s")
    told = [
        orjson.loads(path.read_bytes())["settings"]["stands_for"]
        for path in (folder / "workspace" / "models").glob("*/0001/model.json")
    ]
    assert told == [1 / KEPT] * 2
    ran = done("detect", folder / "traffic" / "test", "-w", folder / "workspace", "--json")
    found: list[dict[str, Any]] = ran.json["incidents"]
    return found


def test_single_traces_that_stand_for_many_make_no_incidents(
    incidents: list[dict[str, Any]],
) -> None:
    kinds = [i["kind"] for i in incidents]
    assert len(kinds) <= 3  # the rush, and one a day
    assert "novel" not in kinds


def test_a_rush_is_found_and_told_in_the_calls_that_there_were(
    incidents: list[dict[str, Any]],
) -> None:
    (rush,) = [i for i in incidents if i["kind"] in ("volume", "refusal")]
    assert rush["rpcs"][0]["method"] in ("POST /v1/login", "POST /login", "SELECT user")
    assert rush["rpcs"][0]["observed"] > 20 * KEPT**-1  # twenty were met
