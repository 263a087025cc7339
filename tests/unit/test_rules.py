"""The rule language: every mistake with its place, and what a reviewer must be able to trust."""

import time

import pytest

from informer.policies.fields import RuleError
from informer.policies.globs import fits
from informer.policies.parse import parse
from informer.policies.syntax import MOST_RULES

MISTAKES = [
    ("", "1:1: the file must begin with `rules 1`, got the end of the file"),
    ("rules 2 default allow", "1:7: the version of the language must be 1"),
    ("rules 1", "1:8: the file must end with `default allow` or `default deny 403`"),
    ("rules 1\ndefault deny", "2:13: `deny` must be a number, got the end of the file"),
    ("rules 1 default deny 200", "1:22: `deny` must be a whole number from 400 to 599"),
    ("rules 1 default allow rule", "1:23: the default must come last"),
    (
        "rules 1\nrul a {",
        "2:1: a rule, a state or the default must come here; did you mean `rule`?",
    ),
    ("rules 1 rule a {}", "1:14: the rule `a` must do something"),
    ("rules 1 rule a { allow log }", "1:24: a verdict ends the rule"),
    ("rules 1 rule a { dney 403 }", "an action or } must come here; did you mean `deny`?"),
    ("rules 1 rule default { allow }", "1:14: a rule must be a name"),
    ("rules 1 state allow number", "1:15: a state must be a name"),
    (
        "rules 1 rule a { allow }\nrule a { allow }",
        "2:6: the rule `a` is there twice, first on line 1",
    ),
    ('rules 1 rule a {\n  when caler = "x" allow }', "2:8: a call has no `caler`"),
    (
        "rules 1 rule a {\n  when callee = cart allow }",
        "2:17: a call has no `cart`, and no state above has that name; did you mean `caller` or "
        'the text "cart"?',
    ),
    ("rules 1 rule a { when callee = qqq allow }", 'did you mean the text "qqq"?'),
    ("rules 1 rule a { when caller = 5 allow }", "1:32: `=` compares values of one type"),
    ("rules 1 rule a { when caller allow }", "1:23: a condition must be true or false, got a text"),
    ('rules 1 rule a { when caller < "x" allow }', "1:23: `<` compares numbers and times"),
    ("rules 1 rule a { when status = 5 allow }", "1:23: `status` is known when the reply is there"),
    ("rules 1 rule a { limit 5 per 5q }", "1:30: a number is 5 or 0.5, a time a number and one of"),
    ("rules 1 rule a { limit 5 allow }", "1:26: `limit` must go on with `per`, got `allow`"),
    ("rules 1 rule a { limit hours (1, 2) per 1m }", "`hours` must have 24 numbers"),
    ("rules 1 rule a { set x = 1 }", "1:22: `set` is for a header or a state declared above"),
    ("rules 1 rule a on reply { allow }", "1:27: a rule on reply may `log`, `count` and `set`"),
    ('rules 1 rule a { log "b\n" }', '1:22: a text must end with " on the line it begins on'),
    ('rules 1 rule a { log "\\q" }', r"1:22: a text may escape"),
    ('rules 1 rule a { log "b\u202ec" }', r"1:24: write the character U+202E as \u202e in a text"),
    ("rules 1 rule a { when chance(2) allow }", "1:30: `chance` must be from 0 to 1"),
    ("rules 1 rule a { retry 11 }", "`retry` must be a whole number from 1 to 10"),
    ("rules 1 $", "1:9: no word begins with '$'"),
]


@pytest.mark.parametrize(("text", "told"), MISTAKES, ids=[t[0][:40] for t in MISTAKES])
def test_a_mistake_is_told_with_its_place(text: str, told: str) -> None:
    with pytest.raises(RuleError) as mistake:
        parse(text, "shop.rules")
    assert str(mistake.value).startswith("shop.rules:")
    assert told in str(mistake.value)


def test_too_many_rules_are_refused() -> None:
    text = "rules 1 " + "".join(f"rule r{i} {{ allow }}\n" for i in range(MOST_RULES + 1))
    with pytest.raises(RuleError, match="at most 10,000 rules"):
        parse(text)


def test_a_glob_takes_no_exponential_time() -> None:
    began = time.process_time()
    assert not fits("a" * 2_000, "*a" * 500 + "b")
    assert fits("a" * 2_000 + "b", "*a" * 500 + "*b")
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("text", "glob", "does"),
    [
        ("", "", True),
        ("", "*", True),
        ("a", "", False),
        ("aa", "a*a", True),
        ("a", "a*a", False),
        ("abcbd", "a*b*d", True),
        ("abcd", "a*d*d", False),
        ("[a]", "[a]", True),
        ("a?", "a?", True),
        ("ab", "a?", False),
    ],
)
def test_a_star_is_any_run_and_all_else_is_itself(text: str, glob: str, does: bool) -> None:
    assert fits(text, glob) is does
