"""A person's decisions change the pattern they name and nothing else."""

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import informer
from command import done, run
from informer.pipeline.memory import recall
from informer.pipeline.workspace import Workspace
from shop import ATTACK, Shop
from traffic_maker import (
    DAY_STEPS,
    LATERAL,
    LOGIN,
    PAY,
    Event,
    make_spans,
    write_spans,
)

Expectations = dict[tuple[str, str], tuple[Any, Any]]


def looked_at(shop: Shop, workspace: Path, traces: Path | None = None) -> list[dict[str, Any]]:
    """The incidents of a look at the attacked day, or at other traces."""
    document = done("detect", traces or shop.attacked, "-w", workspace, "--json").json
    found: list[dict[str, Any]] = document["incidents"]
    return found


def about(incidents: list[dict[str, Any]], callee: str) -> dict[str, Any]:
    """The misuse incident whose guilty rpc calls this service."""
    (found,) = [i for i in incidents if i["rpcs"] and i["rpcs"][0]["callee"] == callee]
    return found


def expectations(traces: Path, workspace: Path) -> Expectations:
    """Expected and spread of every pattern and rpc over a range, bit for bit."""
    forecasts = informer.detect([traces], workspace).forecasts
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in forecasts.to_pylist():
        rows.setdefault((row["pattern_id"], row["rpc_id"]), []).append(row)
    return {
        cell: tuple(np.array([r[k] for r in of]) for k in ("expected", "spread"))  # type: ignore[misc]
        for cell, of in rows.items()
    }


def files(folder: Path) -> dict[str, str]:
    """Every model file and its content's hash."""
    models = folder / "models"
    return {
        str(p.relative_to(models)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(models.rglob("*"))
        if p.is_file()
    }


def same(one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.fixture
def next_day(shop: Shop, tmp_path: Path) -> Path:
    """The clean day after the attacked one."""
    spans = make_spans(4 * DAY_STEPS, DAY_STEPS, seed=7)
    return write_spans(tmp_path / "next.parquet", spans)


def test_accepting_relearns_its_pattern_and_leaves_all_others_bit_equal(
    shop: Shop, own_workspace: Path, next_day: Path
) -> None:
    stuffing = about(looked_at(shop, own_workspace), "auth")
    (login,) = [p["id"] for p in stuffing["patterns"]]
    models_before, before = files(own_workspace), expectations(next_day, own_workspace)
    decided = done("incidents", "accept", stuffing["id"], "-w", own_workspace, "--json").json
    assert decided == {
        "incident": stuffing["id"],
        "verdict": "accepted",
        "models": {login: "0002"},
    }
    models_after, after = files(own_workspace), expectations(next_day, own_workspace)
    fresh = {name for name in models_after if name not in models_before}
    assert {name.split("/")[0] for name in fresh} == {login}
    assert {name: models_after[name] for name in models_before} == models_before
    moved = {
        pattern for pattern, rpc in before if not same(before[pattern, rpc], after[pattern, rpc])
    }
    assert moved == {login}


def test_accepting_a_pattern_accepts_its_incidents(shop: Shop, own_workspace: Path) -> None:
    stuffing = about(looked_at(shop, own_workspace), "auth")
    (login,) = [p["id"] for p in stuffing["patterns"]]
    decided = done("patterns", "accept", login, "-w", own_workspace, "--json").json
    assert decided["models"] == {login: "0002"}
    verdicts = verdicts_of(own_workspace)
    assert verdicts[stuffing["id"]] == "accepted"
    assert set(verdicts.values()) == {"accepted", "open"}


def verdicts_of(workspace: Path) -> dict[str, str]:
    listed = done("incidents", "list", "-w", workspace, "--json").json
    return {i["id"]: i["verdict"] for i in listed}


def test_reverting_puts_the_previous_model_back_and_gives_the_earlier_numbers(
    shop: Shop, own_workspace: Path, next_day: Path
) -> None:
    stuffing = about(looked_at(shop, own_workspace), "auth")
    (login,) = [p["id"] for p in stuffing["patterns"]]
    before = expectations(next_day, own_workspace)
    done("incidents", "accept", stuffing["id"], "-w", own_workspace)
    reverted = done("patterns", "revert", login, "-w", own_workspace, "--json").json
    assert reverted["models"] == {login: "0001"}
    shown = done("patterns", "show", login, "-w", own_workspace, "--json").json
    assert shown["version"] == "0001"
    assert shown["versions"] == ["0001", "0002"]
    after = expectations(next_day, own_workspace)
    assert all(same(before[cell], after[cell]) for cell in before)


def test_there_is_nothing_before_the_first_model(shop: Shop, own_workspace: Path) -> None:
    login = done("patterns", "list", "-w", own_workspace, "--json").json[0]["id"]
    ran = run("patterns", "revert", login, "-w", own_workspace)
    assert ran.complaint == f"informer: pattern {login} has no model before 0001"


def test_reverting_twice_goes_no_further_than_the_first(shop: Shop, own_workspace: Path) -> None:
    login = done("patterns", "list", "-w", own_workspace, "--json").json[1]["id"]
    for command in ("accept", "accept", "revert", "revert"):
        done("patterns", command, login, "-w", own_workspace)
    shown = done("patterns", "show", login, "-w", own_workspace, "--json").json
    assert shown["version"] == "0001"
    assert run("patterns", "revert", login, "-w", own_workspace).code == 2
    done("patterns", "accept", login, "-w", own_workspace)
    assert done("patterns", "revert", login, "-w", own_workspace, "--json").json["models"] == {
        login: "0001"
    }


def taught(workspace: Path, pattern_id: str) -> list[int]:
    """Steps of the attacked day, from its first, whose traffic may teach the pattern."""
    from informer.pipeline.history import history
    from informer.pipeline.memory import pattern_graphs, previous_patterns

    with Workspace.open(workspace) as home:
        graphs = [g for g in pattern_graphs(previous_patterns(home)) if g.pattern_id == pattern_id]
        series = history(home, graphs, 600, 0, 2**62)[pattern_id].series
    return [int(i) - 3 * DAY_STEPS for i in np.flatnonzero(series.seen)]


def test_rejected_steps_stay_out_of_training_for_good(shop: Shop, own_workspace: Path) -> None:
    attacked = set(range(ATTACK.first, ATTACK.last + 1))
    stuffing = about(looked_at(shop, own_workspace), "auth")
    (login,) = [p["id"] for p in stuffing["patterns"]]
    done("incidents", "reject", stuffing["id"], "-w", own_workspace)
    assert not attacked & set(taught(own_workspace, login))
    done("patterns", "accept", login, "-w", own_workspace)  # all else that it did is legitimate
    assert verdicts_of(own_workspace)[stuffing["id"]] == "rejected"
    assert not attacked & set(taught(own_workspace, login))


def test_rejected_traffic_does_not_teach_a_later_learning_run(
    shop: Shop, own_workspace: Path, next_day: Path
) -> None:
    stuffing = about(looked_at(shop, own_workspace), "auth")
    done("incidents", "reject", stuffing["id"], "-w", own_workspace)
    before = done("patterns", "-w", own_workspace, "--json").json
    both = (shop.train, shop.attacked)
    done("learn", *both, "-w", own_workspace)
    after = done("patterns", "-w", own_workspace, "--json").json
    assert {p["id"]: p["label"] for p in after} == {p["id"]: p["label"] for p in before}
    (login,) = [p["id"] for p in stuffing["patterns"]]
    # One in twenty mistypes; the attack had nine in ten.
    assert 0.03 < refused_share(own_workspace, login) < 0.07


def refused_share(workspace: Path, pattern_id: str) -> float:
    """Share of a pattern's calls that are refused as a rule."""
    with Workspace.open(workspace) as home:
        rates = recall(home).rates
    refused = sum(v for k, v in rates.hits.items() if k[:2] == ("refusals", pattern_id))
    return refused / max(v for k, v in rates.calls.items() if k[0] == pattern_id)


def test_accepting_again_keeps_what_the_first_accept_learned_of_a_change(
    shop: Shop, own_workspace: Path, tmp_path: Path
) -> None:
    """What happens before noon goes on until midnight: it is the rule from now on."""
    lasting = Event(LOGIN, first=60, last=DAY_STEPS - 1, requests=20, refused=0.9)
    spans = make_spans(3 * DAY_STEPS, DAY_STEPS, seed=5, events=[lasting])
    changed = write_spans(tmp_path / "changed.parquet", spans)
    stuffing = about(looked_at(shop, own_workspace, changed), "auth")
    (login,) = [p["id"] for p in stuffing["patterns"]]
    assert refused_share(own_workspace, login) < 0.1
    done("incidents", "accept", stuffing["id"], "-w", own_workspace)
    accepted = refused_share(own_workspace, login)
    assert accepted > 0.4
    done("patterns", "accept", login, "-w", own_workspace)
    assert refused_share(own_workspace, login) == pytest.approx(accepted, rel=0.1)


def test_undecided_traffic_teaches_once_it_is_accepted(shop: Shop, own_workspace: Path) -> None:
    stuffing = about(looked_at(shop, own_workspace), "auth")
    (login,) = [p["id"] for p in stuffing["patterns"]]
    attacked = set(range(ATTACK.first, ATTACK.last + 1))
    assert not attacked & set(taught(own_workspace, login))
    done("incidents", "accept", stuffing["id"], "-w", own_workspace)
    assert attacked <= set(taught(own_workspace, login))


def test_an_accepted_new_edge_is_known_and_its_chains_are_no_news_either(
    shop: Shop, own_workspace: Path, tmp_path: Path
) -> None:
    lateral = about(looked_at(shop, own_workspace), "users")
    assert lateral["kind"] == "novel"
    done("incidents", "accept", lateral["id"], "-w", own_workspace)
    often = Event(LATERAL, first=20, last=100, requests=3)
    again = write_spans(
        tmp_path / "again.parquet",
        make_spans(4 * DAY_STEPS, DAY_STEPS, seed=9, events=[often]),
    )
    kinds = [i["kind"] for i in looked_at(shop, own_workspace, again)]
    assert "novel" not in kinds


def test_accepting_news_moves_no_traffic_to_another_pattern(
    shop: Shop, own_workspace: Path
) -> None:
    before = informer.detect([shop.attacked], own_workspace).traffic
    lateral = about(looked_at(shop, own_workspace), "users")
    done("incidents", "accept", lateral["id"], "-w", own_workspace)
    after = informer.detect([shop.attacked], own_workspace).traffic
    order = [(name, "ascending") for name in ("pattern_id", "rpc_id", "step_start_ns")]
    assert after.sort_by(order).equals(before.sort_by(order))


def test_a_rejected_new_edge_stays_news(shop: Shop, own_workspace: Path, tmp_path: Path) -> None:
    lateral = about(looked_at(shop, own_workspace), "users")
    done("incidents", "reject", lateral["id"], "-w", own_workspace)
    event = Event(LATERAL, first=20, last=20, requests=2)
    again = write_spans(
        tmp_path / "again.parquet",
        make_spans(4 * DAY_STEPS, DAY_STEPS, seed=9, events=[event]),
    )
    assert about(looked_at(shop, own_workspace, again), "users")["kind"] == "novel"


def test_a_verdict_outlives_another_look(shop: Shop, own_workspace: Path) -> None:
    stuffing = about(looked_at(shop, own_workspace), "auth")
    done("incidents", "reject", stuffing["id"], "-w", own_workspace)
    looked_at(shop, own_workspace)
    assert verdicts_of(own_workspace)[stuffing["id"]] == "rejected"


def test_rejecting_a_pattern_rejects_its_open_incidents_alone(
    shop: Shop, own_workspace: Path
) -> None:
    incidents = looked_at(shop, own_workspace)
    stuffing, lateral = about(incidents, "auth"), about(incidents, "users")
    (login,) = [p["id"] for p in stuffing["patterns"]]
    done("patterns", "reject", login, "-w", own_workspace)
    verdicts = verdicts_of(own_workspace)
    assert verdicts[stuffing["id"]] == "rejected"
    assert verdicts[lateral["id"]] == "open"


@pytest.mark.parametrize(
    ("group", "command"),
    [("patterns", c) for c in ("show", "accept", "reject", "revert")]
    + [("incidents", c) for c in ("show", "accept", "reject")],
)
@pytest.mark.parametrize("name", ["none", "-1", "'; drop table runs; --", "../../etc"])
def test_what_is_unknown_is_told_in_one_line(
    own_workspace: Path, group: str, command: str, name: str
) -> None:
    ran = run(group, command, "-w", own_workspace, "--", name)
    assert f"is unknown: see `informer {group} list`" in ran.complaint


def test_a_pattern_that_is_no_more_has_no_model_to_revert_to(
    shop: Shop, own_workspace: Path, tmp_path: Path
) -> None:
    """Learned again without logins, the login pattern is retired."""
    spans = make_spans(0, DAY_STEPS, seed=1)
    table = spans.to_pylist()
    logins = {r["TraceID"] for r in table if r["Operation"] == LOGIN[0][1]}
    kept = spans.filter([r["TraceID"] not in logins for r in table])
    login = _pattern(own_workspace, "POST /login")
    done("learn", write_spans(tmp_path / "few.parquet", kept), "-w", own_workspace)
    for command in ("accept", "reject", "revert", "show"):
        ran = run("patterns", command, login, "-w", own_workspace)
        assert f"pattern {login!r} is unknown" in ran.complaint
    assert _pattern(own_workspace, PAY[0][1])


def _pattern(workspace: Path, method: str) -> str:
    listed = done("patterns", "list", "-w", workspace, "--json").json
    (found,) = [str(p["id"]) for p in listed if p["entry"].endswith(method)]
    return found
