"""Traffic that creeps up does not teach until a person says so; patterns tell their states."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from command import done
from informer.forecasts.clock import mean_by_the_clock
from informer.pipeline.memory import models_in_force
from informer.pipeline.workspace import Workspace
from shop import ATTACK, Shop
from traffic_maker import COLUMNS, DAY_STEPS, LOGIN, Chain, Event, make_spans, write_spans

WEEK = 8  # days that are learned first
CREPT = 8  # days of growth
SEARCH: Chain = [("gateway", "GET /search", -1), ("index", "find", 0)]
SETTINGS = "[patterns]\ncritical_share = 1.0\n[machine]\nprocesses = 1\n"


def creeping() -> list[Event]:
    """A tenth more logins every day: twice as many in the end."""
    more = [round(8.0 * (1.1**d - 1.0)) for d in range(1, CREPT + 1)]
    return [
        Event(LOGIN, d * DAY_STEPS, (d + 1) * DAY_STEPS - 1, n) for d, n in enumerate(more) if n
    ]


@pytest.fixture(scope="module")
def crept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A workspace that learned a week, the week itself, and one in which logins crept up."""
    folder = tmp_path_factory.mktemp("crept")
    young = Event(SEARCH, WEEK * DAY_STEPS - 12, WEEK * DAY_STEPS - 1, 4)
    week = write_spans(
        folder / "week.parquet", make_spans(0, WEEK * DAY_STEPS, seed=1, events=[young])
    )
    late = make_spans(WEEK * DAY_STEPS, CREPT * DAY_STEPS, seed=2, events=creeping())
    workspace = folder / "workspace"
    workspace.mkdir()
    (workspace / "informer.toml").write_text(SETTINGS, encoding="utf-8")
    learn(week, workspace)
    return workspace, week, write_spans(folder / "late.parquet", late)


def learn(traces: Path, workspace: Path) -> str:
    """Learn; what was said on stderr."""
    return done("learn", traces, "-w", workspace, "--step", "600s", "--columns", COLUMNS).err


def listed(what: str, workspace: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = done(what, "list", "-w", workspace, "--json").json
    return found


def logins_a_day(workspace: Path) -> float:
    """What the model in force expects of the pattern of logins."""
    (pattern,) = [p["id"] for p in listed("patterns", workspace) if "login" in p["entry"]]
    with Workspace.open(workspace) as home:
        expected = mean_by_the_clock(models_in_force(home)[1][pattern])
    assert expected is not None
    return float(np.round(expected[0] * 86_400))


def test_learning_asks_before_it_follows_a_creeping_pattern(
    crept: tuple[Path, Path, Path],
) -> None:
    workspace, _, late = crept
    before = logins_a_day(workspace)
    said = learn(late, workspace)
    (asked,) = listed("incidents", workspace)
    assert f"until you accept incident {asked['id']}" in said
    assert asked["kind"] == "volume"
    assert asked["title"].startswith("Traffic drifted to 1.")
    assert [r["callee"] for r in asked["rpcs"]] == ["gateway"]
    assert logins_a_day(workspace) < 1.5 * before

    assert asked["id"] in learn(late, workspace)  # patience does not help
    assert [i["id"] for i in listed("incidents", workspace)] == [asked["id"]]
    assert logins_a_day(workspace) < 1.5 * before

    done("incidents", "show", asked["id"], "-w", workspace)
    done("incidents", "accept", asked["id"], "-w", workspace)
    accepted = logins_a_day(workspace)
    assert accepted > 1.7 * before
    assert "until you accept" not in learn(late, workspace)
    assert logins_a_day(workspace) > 1.7 * before


def test_what_a_look_found_irregular_does_not_teach_later_runs(shop: Shop, tmp_path: Path) -> None:
    def taught(name: str, traces: Path, *, looked: bool) -> list[float]:
        """Logins expected at the time of the attack, by two learning runs over the same range."""
        workspace = tmp_path / name
        workspace.mkdir()
        (workspace / "informer.toml").write_text(SETTINGS, encoding="utf-8")
        learn(shop.train, workspace)
        if looked:
            done("detect", traces, "-w", workspace, "--columns", COLUMNS)
        found = []
        for _ in range(2 if looked else 1):
            both = (shop.train, traces)
            done("learn", *both, "-w", workspace, "--step", "600s", "--columns", COLUMNS)
            (pattern,) = [p["id"] for p in listed("patterns", workspace) if "login" in p["entry"]]
            with Workspace.open(workspace) as home:
                rates = models_in_force(home)[1][pattern].arrays["rates"]
            found.append(float(rates[0, ATTACK.first : ATTACK.last + 1, 0].sum()))
        return found

    (clean,) = taught("clean", shop.clean, looked=False)
    first, second = taught("looked", shop.attacked, looked=True)
    assert first == second
    assert first < 1.03 * clean
    (unlooked,) = taught("unlooked", shop.attacked, looked=False)
    assert unlooked > 1.05 * clean  # nobody said that it was irregular


def test_a_pattern_says_on_what_it_leans_and_when_it_is_stale(
    crept: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    _, week, _ = crept
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    (workspace / "informer.toml").write_text(SETTINGS, encoding="utf-8")
    learn(week, workspace)
    (young,) = [p for p in listed("patterns", workspace) if p["state"] != "ready"]
    assert young["state"] == "learning"
    assert young["why"].startswith("learned from 2 hours: leans on the days of p")
    shown = done("patterns", "show", young["id"], "-w", workspace)
    assert young["why"] in shown.out

    later = write_spans(tmp_path / "later.parquet", make_spans(50 * DAY_STEPS, DAY_STEPS, seed=4))
    said = done("detect", later, "-w", workspace, "--columns", COLUMNS).err
    assert "of 5 patterns 1 learning and 4 stale" in said
    stale = [p for p in listed("patterns", workspace) if p["state"] == "stale"]
    assert all("ended 43 days before" in p["why"] for p in stale)
