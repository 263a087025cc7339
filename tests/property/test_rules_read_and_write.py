"""What is written parses back to the same tree; what is no rule file is told, whatever it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from informer.policies.fields import RuleError
from informer.policies.parse import parse
from informer.policies.syntax import Policy
from informer.policies.write import write
from rule_trees import policies

WORDS = st.sampled_from(
    [
        *("rules", "1", "rule", "a", "{", "}", "when", "caller", "=", '"x"', "and", "or", "not"),
        *("(", ")", "allow", "deny", "403", "limit", "5", "per", "1m", "by", "hours", "header"),
        *(",", "default", "state", "number", "in", "like", "chain", "has", "@", "set", "+", "-"),
        *("on", "reply", "failed", "present"),
    ]
)


@given(policies())
def test_what_is_written_parses_back_to_the_same_tree(policy: Policy) -> None:
    text = write(policy)
    assert parse(text) == policy
    assert write(parse(text)) == text


@given(st.text() | st.lists(WORDS, max_size=30).map(" ".join))
def test_any_text_is_a_policy_or_a_mistake_with_a_place(text: str) -> None:
    mistake = mistake_in(text)
    if mistake is not None:
        lines = text.split("\n")
        assert 1 <= mistake.line <= len(lines)
        assert 1 <= mistake.column <= len(lines[mistake.line - 1]) + 1


@given(policies(), st.integers(0, 10**6), st.sampled_from(list('{}()"@=,x5 ')))
def test_a_damaged_file_is_told_or_still_a_policy(policy: Policy, at: int, new: str) -> None:
    text = write(policy)
    at %= len(text)
    damaged = text[:at] + new + text[at + 1 :]
    if mistake_in(damaged) is None:
        read = parse(damaged)
        assert parse(write(read)) == read


def mistake_in(text: str) -> RuleError | None:
    try:
        parse(text)
    except RuleError as mistake:
        return mistake
    return None


def test_a_file_too_deep_is_refused_and_exhausts_no_stack() -> None:
    for inner in ("(" * 100_000, "not " * 100_000, "1" + "+1" * 100_000, "hash(" * 50_000):
        with pytest.raises(RuleError, match="40 deep"):
            parse(f"rules 1 rule a {{ when {inner}")
