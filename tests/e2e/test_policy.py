"""`informer policy` on a small shop: what was learned becomes rules, held against traffic."""

from pathlib import Path

import pytest

from command import done, run
from informer.pipeline.workspace import Workspace
from informer.policies.parse import parse
from informer.policies.write import write
from shop import Shop


@pytest.fixture(scope="session")
def rules(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The rules that the shop's three days state."""
    folder = tmp_path_factory.mktemp("policy")
    done("policy", "export", "-w", shop.workspace, "-o", folder)
    return folder / "policy.rules"


def test_what_is_exported_reads_back_and_allows_what_was_learned(rules: Path, shop: Shop) -> None:
    policy = parse(rules.read_text(encoding="utf-8"), rules.name)
    assert write(policy) == rules.read_text(encoding="utf-8")
    with Workspace.open(shop.workspace) as home:
        pairs = home.engine.query("select distinct caller, callee from rpcs").to_pylist()
    allows = [r for r in policy.rules if not r.name.startswith("limit_")]
    assert len(allows) == len(pairs)
    assert all(r.note("calls") and r.note("first_seen") and r.note("days") for r in allows)


def test_without_a_folder_the_rules_go_to_stdout(rules: Path, shop: Shop) -> None:
    printed = done("policy", "export", "-w", shop.workspace).out
    assert printed == rules.read_text(encoding="utf-8")
    document = done("policy", "export", "-w", shop.workspace, "--json").json
    assert document["files"] == {"policy.rules": printed}


def test_the_clean_day_after_passes(rules: Path, shop: Shop) -> None:
    found = done("policy", "replay", rules, shop.clean, "-w", shop.workspace, "--json").json
    assert found["calls"] > 1_000
    assert found["false_denied"] == found["denied"]
    assert found["false_denied_share"] <= 0.001


def test_an_edge_never_seen_is_denied_and_so_is_a_burst(rules: Path, shop: Shop) -> None:
    found = done("policy", "replay", rules, shop.attacked, "-w", shop.workspace, "--json").json
    denied = {r["rule"]: r for r in found["rules"] if r["denied"]}
    new = denied.pop("default")
    assert new["examples"][0]["method"] == "export"
    assert any(name.startswith("limit_") and "login" in name.lower() for name in denied)
    assert sum(r["denied"] for r in found["rules"]) == found["denied"]


def test_labels_say_what_share_of_each_event_was_denied(
    rules: Path, shop: Shop, tmp_path: Path
) -> None:
    from traffic_maker import STEP_NS

    labels = tmp_path / "labels.csv"
    begin, end = shop.day_ns + 100 * STEP_NS, shop.day_ns + 102 * STEP_NS
    labels.write_text(
        "event_id,kind,flag,start_ns,end_ns,effect_end_ns,guilty\n"
        f"A1,lateral_movement,attack,{begin},{end},,gateway>users:export\n"
    )
    found = done(
        *("policy", "replay", rules, shop.attacked, "-w", shop.workspace),
        *("--labels", labels, "--json"),
    ).json
    assert found["labels"]["A1"]["share"] == 1.0
    assert found["labels"]["A1"]["calls"] > 0
    assert found["denied"] - found["false_denied"] == found["labels"]["A1"]["calls"]
    told = done(
        "policy", "replay", rules, shop.attacked, "-w", shop.workspace, "--labels", labels
    ).out
    assert "lateral movement" in told
    assert "100%" in told


def test_irregular_steps_that_nobody_accepted_become_no_policy(
    rules: Path, shop: Shop, own_workspace: Path
) -> None:
    done("detect", shop.attacked, "-w", own_workspace)
    after = done("policy", "export", "-w", own_workspace).out
    assert "export" not in after
    assert after == rules.read_text(encoding="utf-8")


def test_a_mistake_in_rules_is_told_in_one_line(shop: Shop, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.rules"
    wrong.write_text('rules 1\nrule a {\n    when caler = "x"\n    allow\n}\ndefault deny 403\n')
    ran = run("policy", "replay", wrong, shop.clean, "-w", shop.workspace)
    assert "wrong.rules:3:10: a call has no `caler`" in ran.complaint
    ran = run("policy", "replay", tmp_path / "none.rules", shop.clean, "-w", shop.workspace)
    assert "cannot be read" in ran.complaint
    wrong.write_bytes(b"\xff\xfe")
    assert (
        "must be UTF-8"
        in run("policy", "replay", wrong, shop.clean, "-w", shop.workspace).complaint
    )


def test_rules_about_chains_attributes_and_patterns_are_asked(shop: Shop, tmp_path: Path) -> None:
    file = tmp_path / "chain.rules"
    file.write_text(
        "rules 1\n"
        'rule deep { when chain has "outside>*" and depth >= 1 count deep deny 403 }\n'
        'rule entry { when entry = "" or present(attribute("no.such")) deny 403 }\n'
        'rule patterned { when pattern like "*" allow }\n'
        "default deny 503\n"
    )
    found = done("policy", "replay", file, shop.clean, "-w", shop.workspace, "--json").json
    by = {r["rule"]: r for r in found["rules"]}
    assert by["deep"]["denied"] > 0
    assert by["entry"]["denied"] == 0
    assert by["patterned"]["allowed"] > 0
