"""Limits of workdays and weekends as one for Envoy, which knows no days: never tighter."""

from random import Random

import pytest

from informer.policies.calls import Call
from informer.policies.interpret import decide
from informer.policies.memory import Buckets, Memory
from informer.policies.parse import parse
from informer.policies.syntax import Limit
from informer.policies.targets.compiled import Weakenings
from informer.policies.targets.envoy_days import tell_either, with_one_limit

S = 1_000_000_000
HOUR_NS, DAY_NS = 3_600 * S, 86_400 * S
MONDAY_NS = 20_604 * DAY_NS  # 2026-06-01

RULES = """
rules 1
rule a_workdays {{ when callee = "b" and method = "M" and weekday < 5 limit {0} burst {1} }}
rule a_weekend {{ when callee = "b" and method = "M" and weekday >= 5 limit {2} burst {3} }}
rule a {{ when callee = "b" allow }}
default deny 403
"""
PAIRS = [
    ("10 per 1h", 5, "4 per 1h", 3),
    ("4 per 1h", 40, "10 per 1h", 60),
    ("7 per 1h", 9, "7 per 1h", 9),
    ("1 per 1m", 30, "0.5 per 1h", 90),
    (f"hours ({', '.join(str(1 + h % 7) for h in range(24))}) per 1h", 8, "2.5 per 1h", 80),
]


def one_limit(amounts: tuple[str, int, str, int]) -> Limit:
    policy, second_of = with_one_limit(parse(RULES.format(*amounts), "days"))
    assert second_of == {"a_workdays": "a_weekend"}
    limit = policy.rules[0].actions[0]
    assert isinstance(limit, Limit)
    return limit


@pytest.mark.parametrize("amounts", PAIRS)
def test_what_both_limits_let_through_the_one_does_from_day_to_day(
    amounts: tuple[str, int, str, int],
) -> None:
    policy = parse(RULES.format(*amounts), "days")
    for seed in range(4):
        random, memory, one = Random(seed), Memory(policy), Buckets(one_limit(amounts))
        let_through, now_ns = 0, MONDAY_NS
        while now_ns < MONDAY_NS + 28 * DAY_NS:
            # As much as there is, or bursts around midnight, where a bucket hands on to another.
            now_ns += random.choice((1, S, HOUR_NS // 20, random.randrange(1, 3 * HOUR_NS)))
            if random.random() < 0.02:
                now_ns = (now_ns // DAY_NS + 1) * DAY_NS - random.randrange(2) * S
            if decide(policy, memory, Call(now_ns, "x", "b", "M")).verdict == "allow":
                let_through += 1
                assert one.take(now_ns, "", 1)
        assert let_through > 100


def test_it_is_said_of_both_rules() -> None:
    policy, second_of = with_one_limit(parse(RULES.format(*PAIRS[0]), "days"))
    weak = Weakenings()
    tell_either(policy, second_of, weak)
    assert weak.lines()[0].endswith(": a_workdays, a_weekend")
    assert [rule.name for rule in policy.rules] == ["a_workdays", "a"]


@pytest.mark.parametrize(
    "other",
    [
        'rule o { when callee = "c" and weekday >= 5 limit 4 per 1h }',
        'rule o { when callee = "b" and weekday < 5 limit 4 per 1h }',
        'rule o { when callee = "b" and weekday >= 5 limit 4 per 1h by header("x-user") }',
        'rule o { when callee = "b" and weekday >= 5 limit 4 per 1h else deny 503 }',
        'rule o { when callee = "b" and weekday >= 5 limit 4 per 1h allow }',
        'rule o { when callee = "b" and weekday >= 6 limit 4 per 1h }',
        'rule between { when callee = "b" deny 403 }\n'
        'rule o { when callee = "b" and weekday >= 5 limit 4 per 1h }',
    ],
)
def test_what_differs_in_more_than_the_days_stays_apart(other: str) -> None:
    text = f'rules 1 rule a {{ when callee = "b" and weekday < 5 limit 9 per 1h }} {other}'
    policy = parse(f"{text} default deny 403", "days")
    assert with_one_limit(policy) == (policy, {})
