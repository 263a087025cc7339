"""Limits for kinds of days as one limit that is never tighter: Envoy knows no days."""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from math import ceil

from informer.policies.amounts import DAY_NS
from informer.policies.syntax import And, Compare, Condition, Field, Limit, Number, Policy, Rule
from informer.policies.targets.compiled import Weakenings

WORKDAYS = Compare("<", Field("weekday"), Number(5))
WEEKEND = Compare(">=", Field("weekday"), Number(5))
LASTS_NS = {WORKDAYS: 5 * DAY_NS, WEEKEND: 2 * DAY_NS}
EITHER = (
    "one limit, as wide as both together, holds on all days and at all hours instead of those of "
    "rule"
)


def with_one_limit(policy: Policy) -> tuple[Policy, dict[str, str]]:
    """The policy with one limit where two stand below each other that differ in the days alone.

    And of each such rule, which carries on the name of the first, the name of the second.
    """
    rules: list[Rule] = []
    second_of: dict[str, str] = {}
    left = deque(policy.rules)
    while left:
        rule = left.popleft()
        one = _either(rule, left[0]) if left else None
        if one is not None:
            second_of[rule.name] = left.popleft().name
        rules.append(one or rule)
    return replace(policy, rules=tuple(rules)), second_of


def tell_either(policy: Policy, second_of: Mapping[str, str], weak: Weakenings) -> None:
    """Say which limits became one."""
    for rule in policy.rules:
        if rule.name in second_of:
            weak.add(EITHER, rule.name, second_of[rule.name])


def _either(rule: Rule, below: Rule) -> Rule | None:
    its, others = _days(rule.when), _days(below.when)
    if its is None or others is None or its[0] == others[0] or its[1] != others[1]:
        return None
    match rule.actions, below.actions:
        case (Limit() as one,), (Limit() as other,) if _counts(one) == _counts(other):
            when = And(its[1]) if its[1] else None
            limit = _limit(one, LASTS_NS[its[0]], other, LASTS_NS[others[0]])
            return replace(rule, when=when, actions=(limit,))
    return None


def _counts(limit: Limit) -> Limit:
    """What a limit counts and how it answers, whatever the amount."""
    return replace(limit, amounts=(0,), per_ns=0, burst=None)


def _days(when: Condition | None) -> tuple[Compare, tuple[Condition, ...]] | None:
    """The days that a condition asks for, and what else it does."""
    parts = when.of if isinstance(when, And) else (when,) if when is not None else ()
    days = [part for part in parts if part in LASTS_NS]
    if len(days) != 1 or not isinstance(days[0], Compare):
        return None
    return days[0], tuple(part for part in parts if part is not days[0])


def _limit(one: Limit, one_ns: int, other: Limit, other_ns: int) -> Limit:
    """Refills and holds enough for whatever either lets through, also from one day to the next.

    The days of the first may end with its bucket empty when those of the other begin: so both fit
    into it. And by the time that the first come again it must have made that up: so it refills by
    that much more than the lesser of the two does over its days.
    """
    per_ns = min(one.per_ns, other.per_ns)
    amounts = [max(of.amounts) * per_ns / of.per_ns for of in (one, other)]
    held = one.capacity + other.capacity
    lesser_ns = one_ns if amounts[0] <= amounts[1] else other_ns
    amount = max(*amounts, min(amounts) + held * per_ns / lesser_ns)
    rounded: int | float = ceil(amount) if amount > 20 else ceil(amount * 10) / 10
    return replace(one, amounts=(rounded,), per_ns=per_ns, burst=held)
