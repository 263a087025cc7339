"""`informer policy` on a small shop: what was learned becomes rules, held against traffic."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from command import done, run
from informer.pipeline.policy_suggest import suggest_change
from informer.pipeline.policy_verify import told_in_incidents
from informer.pipeline.workspace import Workspace
from informer.policies.amounts import Margin
from informer.policies.calls import Call
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


def promise_of(rules: Path, shop: Shop, folder: Path) -> Path:
    """What a replay of the clean day says of rules."""
    said = done("policy", "replay", rules, shop.clean, "-w", shop.workspace, "--json").out
    file = folder / "promise.json"
    file.write_text(said, encoding="utf-8")
    return file


def log_of(folder: Path, calls: int, denied: int) -> Path:
    """The access log of a proxy that denies the last calls."""
    rows = [
        {
            "start_ns": str(i * 10**9),
            "caller": "spiffe://cluster.local/ns/default/sa/gateway",
            "callee": "auth",
            "verb": "POST",
            "path": "/x",
            "shadow": "denied" if i >= calls - denied else "allowed",
        }
        for i in range(calls)
    ]
    file = folder / f"{calls}-{denied}.log"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def test_a_version_comes_into_force_and_steps_back_by_itself(
    rules: Path, shop: Shop, own_workspace: Path, tmp_path: Path
) -> None:
    promise, out = promise_of(rules, shop, tmp_path), tmp_path / "in-force"
    w = ("-w", own_workspace)
    assert done("policy", "list", *w, "--json").json == []
    made = done("policy", "propose", rules, "--promise", promise, *w, "--json").json
    assert (made["number"], made["stage"]) == (1, "off")
    clean = log_of(tmp_path, 2_000, 0)
    for stage in ("shadow", "canary", "enforce"):
        moved = done("policy", "advance", 1, *w, "-o", out, "--json").json
        assert moved["stage"] == stage
        assert (out / "current" / stage / "policy.rules").is_file()
        done("policy", "observe", 1, clean, *w, "-o", out)
    ran = done("policy", "observe", 1, log_of(tmp_path, 2_000, 300), *w, "-o", out)
    assert "stepped back: denied 300 of 4,000 calls" in ran.err
    assert "stage shadow" in ran.out
    assert sorted(p.name for p in (out / "current").iterdir()) == ["shadow"]
    (version,) = done("policy", "list", *w, "--json").json
    assert version["stage"] == "shadow"
    actions = [row["action"] for row in done("audit", *w, "--json").json]
    assert actions == ["propose", "advance", "advance", "advance", "step back"]
    assert "300 of 4,000" in done("policy", "list", *w).out


def test_a_version_that_was_not_observed_stays(
    rules: Path, shop: Shop, own_workspace: Path, tmp_path: Path
) -> None:
    promise = promise_of(rules, shop, tmp_path)
    done("policy", "propose", rules, "--promise", promise, "-w", own_workspace)
    done("policy", "advance", 1, "-w", own_workspace)
    ran = run("policy", "advance", 1, "-w", own_workspace)
    assert "must be observed on at least 1,000 calls in shadow" in ran.complaint
    assert "stage off" in done("policy", "back", 1, "-w", own_workspace).out
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[]")
    ran = run("policy", "propose", rules, "--promise", wrong, "-w", own_workspace)
    assert "must be what `informer policy replay --json` printed" in ran.complaint


def test_a_shadow_is_held_against_the_rules(tmp_path: Path, shop: Shop, rules: Path) -> None:
    file = tmp_path / "two.rules"
    file.write_text(
        'rules 1\nrule a {\n    when caller = "gateway" and callee = "auth"\n    allow\n}\n'
        "default deny 403\n"
    )
    log = log_of(tmp_path, 100, 3)
    found = done("policy", "verify", file, "--shadow", log, "--json").json
    assert (found["calls"], found["denied"], found["differ"]) == (100, 3, 3)
    (rule,) = found["rules"]
    assert (rule["rule"], rule["promised"], rule["denied"]) == ("a", 0, 3)
    assert len(rule["examples"]) == 3
    told = done(
        *("policy", "verify", file, "--shadow", log),
        *("--promise", promise_of(rules, shop, tmp_path)),
    ).out
    assert "On 3 calls the proxy and the rules do not agree." in told
    assert "A replay promised" in told
    counters = tmp_path / "stats"
    counters.write_text(
        "http.auth.rbac.informer_.shadow_allowed: 97\nhttp.auth.rbac.informer_.shadow_denied: 3\n"
    )
    found = done("policy", "verify", file, "--shadow", counters, "--json").json
    assert (found["calls"], found["denied"], found["differ"]) == (100, 3, None)
    empty = tmp_path / "empty.log"
    empty.write_text("no line of ours\n")
    ran = run("policy", "verify", file, "--shadow", empty)
    assert "1 lines: no JSON object" in ran.complaint


def test_what_an_incident_tells_of_breaks_no_promise(shop: Shop, own_workspace: Path) -> None:
    found = done("detect", shop.attacked, "-w", own_workspace, "--json").json["incidents"]
    (news,) = [i for i in found if i["rpcs"] and i["rpcs"][0]["method"] == "export"]
    rpc = news["rpcs"][0]
    with Workspace.open(own_workspace) as home:
        told = told_in_incidents(home)
    call = Call(news["opened_ns"], rpc["caller"], rpc["callee"], rpc["method"])
    assert told(call)
    assert not told(replace(call, time_ns=news["opened_ns"] - 1))
    assert not told(replace(call, method="find"))


def test_what_was_accepted_is_suggested_as_a_diff(
    rules: Path, shop: Shop, own_workspace: Path
) -> None:
    assert done("policy", "suggest", rules, "-w", own_workspace).out == ""
    found = done("detect", shop.attacked, "-w", own_workspace, "--json").json["incidents"]
    (news,) = [i for i in found if i["rpcs"] and i["rpcs"][0]["method"] == "export"]
    done("incidents", "accept", news["id"], "-w", own_workspace)
    diff = done("policy", "suggest", rules, "-w", own_workspace).out
    added = [x for x in diff.splitlines() if x.startswith("+") and not x.startswith("+++")]
    removed = [x for x in diff.splitlines() if x.startswith("-") and not x.startswith("---")]
    assert any('method = "export"' in x for x in added)
    assert removed == []
    text = rules.read_text(encoding="utf-8")
    with Workspace.open(own_workspace) as home:
        change = suggest_change(home, text, rules.name, Margin())
    after = parse(change.text)
    assert {r.name for r in parse(text).rules} < {r.name for r in after.rules}


def test_reviewed_rules_are_compiled_and_what_a_target_cannot_say_is_told(
    rules: Path, shop: Shop, tmp_path: Path
) -> None:
    ran = done(
        *("policy", "export", "-w", shop.workspace, "--rules", rules),
        *("--target", "kubernetes", "-o", tmp_path),
    )
    assert "note: weaker than the rules" in ran.err
    assert (tmp_path / "networkpolicies.yaml").is_file()
