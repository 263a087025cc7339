"""`informer policy arrange`, from a file to what is proposed."""

from pathlib import Path

import pytest

from command import run

RULES = """
rules 1
rule rated { when method = "Get" limit 9 per 1s }
rule banned { when method = "Put" and header("u") = "eve" deny 403 }
rule checked { when size > 100 deny 403 }
default allow
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "shop.rules"
    path.write_text(RULES)
    return path


def test_it_says_what_may_change_and_why_the_rest_may_not(rules: Path) -> None:
    said = run("policy", "arrange", rules).out
    assert "proposed: banned (proxy), rated (server), checked (server)" in said
    assert "banned: a copy at the client would save the way; the rule itself stays" in said
    assert "rated counts calls against its limit, of which checked may end some (deny)" in said


def test_what_saves_next_to_nothing_is_not_proposed(tmp_path: Path) -> None:
    path = tmp_path / "limits.rules"
    limit = (
        'rule {0} {{ when caller = "a" and callee = "b" and method = "{0}" {1} limit 9 per 1s }}'
    )
    rules = [limit.format("get", "and weekday < 5"), limit.format("put", "")]
    path.write_text("\n".join(["rules 1", *rules, "default allow"]))
    assert "as written: no order that is allowed saves 1% of the cost" in (
        run("policy", "arrange", path).out
    )
    (edge,) = run("policy", "arrange", path, "--json").json
    assert 0 < edge["cost_written"] - edge["cost_proposed"] < 0.01 * edge["cost_written"]


def test_programs_get_the_same(rules: Path) -> None:
    (edge,) = run("policy", "arrange", rules, "--json").json
    assert (edge["caller"], edge["callee"], edge["changed"], edge["exact"]) == (
        "*",
        "*",
        True,
        True,
    )
    assert [placed["rule"] for placed in edge["proposed"]] == ["banned", "rated", "checked"]
    assert edge["copies"] == ["banned"]
    assert edge["renamed"] == []
    assert edge["cost_proposed"] < edge["cost_written"]
    assert {
        "rule": "rated",
        "other": "proxy",
        "why": "it remembers, and another place would see other calls",
    } in edge["refused"]


def test_nothing_to_arrange_is_said(tmp_path: Path) -> None:
    path = tmp_path / "one.rules"
    path.write_text("rules 1 rule a { deny 403 } default allow")
    assert "nothing to arrange" in run("policy", "arrange", path).out
    path.write_text("rules 1 rule a { denny 403 } default allow")
    assert "one.rules:1:18: " in run("policy", "arrange", path).complaint
