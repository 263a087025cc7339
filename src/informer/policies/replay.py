"""Decisions on many calls at once; the same, call by call, as the reference interpreter's.

A rule is asked once for all calls that share the facts it asks for, and rule by rule instead of
call by call: limits share nothing, so what one has used up does not hang on the others. Where rules
set states or headers this does not hold, and the interpreter itself is run.

Axes: c call, g group of calls that a rule cannot tell apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from informer.core.types import Bools, Ints
from informer.policies.calls import DENY
from informer.policies.evaluate import Moment, holds
from informer.policies.facts import REPLY, STATE, Fact, facts_of, values_of
from informer.policies.interpret import decide, on_reply
from informer.policies.memory import NO_KEY, Buckets, Memory
from informer.policies.stream import Stream
from informer.policies.syntax import (
    Allow,
    Answer,
    Deny,
    Limit,
    Policy,
    Rule,
    SetHeader,
    SetState,
)

UNDECIDED = -2
DEFAULT = -1


@dataclass(frozen=True, slots=True)
class Decided:
    """What a policy says of every call of a stream, [c] each."""

    rule: Ints  # place of the rule that decided; -1 = the default
    denied: Bools
    limited: Bools  # denied because a limit was used up


def replay(policy: Policy, stream: Stream) -> Decided:
    """Decide on every call as if all went on whatever is decided, as in shadow mode."""
    if independent(policy):
        return _Columns(policy, stream).decide()
    return _one_by_one(policy, stream)


def independent(policy: Policy) -> bool:
    """Whether no rule changes what another one, or itself, sees later but by its own limits."""
    for rule in policy.rules:
        for action in rule.actions:
            if isinstance(action, SetState | SetHeader | Answer):
                return False
            if isinstance(action, Limit) and action.cost is not None:
                return False
        asked = [rule.when, *(v for a in rule.actions for v in values_of(a))]
        if not rule.on_reply and any({STATE, REPLY} & facts_of(node) for node in asked):
            return False
    return True


def _one_by_one(policy: Policy, stream: Stream) -> Decided:
    """By the interpreter; replies come when they came, before the calls that began later."""
    memory = Memory(policy)
    place = {rule.name: i for i, rule in enumerate(policy.rules)}
    n = len(stream)
    rule, denied = np.full(n, DEFAULT), np.zeros(n, dtype=bool)
    limited = np.zeros(n, dtype=bool)
    ends = stream.time_ns + (0 if stream.duration_ns is None else stream.duration_ns)
    by_end = np.argsort(ends, kind="stable")
    answered = 0
    for i in range(n):
        while answered < n and ends[by_end[answered]] <= stream.time_ns[i]:
            done = int(by_end[answered])
            if done >= i:
                break
            on_reply(policy, memory, stream.call(done), stream.reply(done))
            answered += 1
        found = decide(policy, memory, stream.call(i))
        rule[i] = place.get(found.rule, DEFAULT)
        denied[i], limited[i] = found.verdict == DENY, found.limited
    return Decided(rule, denied, limited)


class _Columns:
    """A policy on its way through the columns of a stream."""

    def __init__(self, policy: Policy, stream: Stream) -> None:
        self.policy, self.stream = policy, stream
        n = len(stream)
        self.rule = np.full(n, UNDECIDED)
        self.denied = np.zeros(n, dtype=bool)
        self.limited = np.zeros(n, dtype=bool)
        self._memory = Memory(policy)
        self._groups: dict[frozenset[Fact], _Groups] = {}

    def decide(self) -> Decided:
        """Rule by rule, each for the calls that no rule above has decided."""
        for place, rule in enumerate(self.policy.rules):
            if not rule.on_reply:
                self._ask(place, rule)
        rest = self.rule == UNDECIDED
        self.rule[rest] = DEFAULT
        self.denied[rest] = isinstance(self.policy.default, Deny)
        return Decided(self.rule, self.denied, self.limited)

    def _ask(self, place: int, rule: Rule) -> None:
        calls = self._where(rule)
        calls = calls[self.rule[calls] == UNDECIDED]
        for action in rule.actions:
            if isinstance(action, Limit):
                goes = self._within(action, rule, calls)
                self._settle(calls[~goes], place, denied=True, limited=True)
                calls = calls[goes]
            elif isinstance(action, Allow | Deny):
                self._settle(calls, place, denied=isinstance(action, Deny))

    def _settle(self, calls: Ints, place: int, *, denied: bool, limited: bool = False) -> None:
        self.rule[calls], self.denied[calls], self.limited[calls] = place, denied, limited

    def _where(self, rule: Rule) -> Ints:
        """The calls for which its condition holds, in order of time."""
        if rule.when is None:
            return np.arange(len(self.stream))
        groups = self._alike(facts_of(rule.when))
        held = [
            g for g in range(groups.number) if holds(rule.when, self._at(groups.first[g], rule))
        ]
        return groups.calls(held)

    def _at(self, call: int, rule: Rule) -> Moment:
        one = self.stream.call(int(call))
        return Moment(one, one.headers, self._memory, one.time_ns, rule=rule.name)

    def _alike(self, facts: frozenset[Fact]) -> "_Groups":
        if facts not in self._groups:
            self._groups[facts] = _Groups(self.stream.alike(facts))
        return self._groups[facts]

    def _within(self, limit: Limit, rule: Rule, calls: Ints) -> Bools:
        """Which of the calls a limit lets go, [c]."""
        take, stream = Buckets(limit).take, self.stream
        times = stream.time_ns[calls].tolist()
        keys = self._keys(limit, rule, calls)
        weight = stream.weight
        costs = [1] * len(calls) if weight is None else weight[calls].tolist()
        goes = [take(t, k, c) for t, k, c in zip(times, keys, costs, strict=True)]
        return np.array(goes, dtype=bool)

    def _keys(self, limit: Limit, rule: Rule, calls: Ints) -> Sequence[str]:
        """The texts that keep buckets apart, [c]."""
        if limit.key is None:
            return [NO_KEY] * len(calls)
        groups = self._alike(facts_of(limit.key))
        texts = [self._at(first, rule).key(limit.key) for first in groups.first]
        return [texts[g] for g in groups.code[calls].tolist()]


class _Groups:
    """Calls that share some facts."""

    def __init__(self, code: Ints) -> None:
        self.code = code  # [c]
        self.number = int(code.max(initial=-1)) + 1
        self._order = np.argsort(code, kind="stable")
        self._begins = np.searchsorted(code[self._order], np.arange(self.number + 1))
        self.first = self._order[self._begins[:-1]]  # [g]: one call of each

    def calls(self, groups: list[int]) -> Ints:
        """All calls of some groups, in order of time."""
        parts = [self._order[self._begins[g] : self._begins[g + 1]] for g in groups]
        found = np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
        return np.sort(found) if len(parts) > 1 else found
