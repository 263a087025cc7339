"""Deciding on many calls at once gives the decisions of the reference interpreter."""

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from informer.policies import syntax as s
from informer.policies.calls import DENY
from informer.policies.facts import facts_in
from informer.policies.interpret import decide
from informer.policies.memory import Memory
from informer.policies.replay import DEFAULT, independent, replay
from informer.policies.stream import Coded, Stream
from rule_trees import policies

RPCS = [(a, b, m, "rpc") for a in ("a", "b", "outside") for b in ("a", "b") for m in ("m", "a")]
CHAINS = [(), ("a>b:m",), ("outside>a:m", "a>b:m")]


@st.composite
def streams(draw: st.DrawFn, policy: s.Policy) -> Stream:
    """A few calls of few kinds, close in time, with the attributes that the policy asks for."""
    n = draw(st.integers(0, 30))
    gaps = draw(st.lists(st.sampled_from([0, 1, 10**6, 10**9, 10**12]), min_size=n, max_size=n))
    begins = draw(st.sampled_from([0, 1_780_272_000 * 10**9]))

    def coded(values: list, least: int = 0) -> Coded:
        codes = st.integers(least, len(values) - 1)
        drawn = draw(st.lists(codes, min_size=n, max_size=n))
        return Coded(np.array(drawn, dtype=np.int64), values)

    asked = [f for f in facts_in(policy) if isinstance(f, s.Header | s.Attribute)]
    return Stream(
        begins + np.cumsum(np.array(gaps, dtype=np.int64)),
        coded(RPCS),
        coded(["t1", "t2", "t3"]),
        chain=coded(CHAINS),
        pattern=coded(["a", "b"], -1),
        attributes={f: coded(["a", "b", "m"], -1) for f in asked},
        weight=draw(st.none() | st.just(np.arange(n) % 3 + 0.5)),
        size=np.array(draw(st.lists(st.integers(0, 3), min_size=n, max_size=n)), dtype=np.int64),
    )


def simple(policy: s.Policy) -> s.Policy:
    """The same without what only the interpreter can do."""
    rules = []
    for rule in policy.rules:
        done = [a for a in rule.actions if not isinstance(a, s.SetState | s.SetHeader | s.Answer)]
        done = [replace(a, cost=None) if isinstance(a, s.Limit) else a for a in done]
        rules.append(replace(rule, actions=tuple(done)))
    return replace(policy, rules=tuple(rules))


@settings(max_examples=300)
@given(st.data())
def test_many_at_once_are_decided_as_one_by_one(data: st.DataObject) -> None:
    policy = simple(data.draw(policies()))
    stream = data.draw(streams(policy))
    found = replay(policy, stream)
    memory, place = Memory(policy), {r.name: i for i, r in enumerate(policy.rules)}
    for i in range(len(stream)):
        wanted = decide(policy, memory, stream.call(i))
        told = (found.rule[i], found.denied[i], found.limited[i])
        assert told == (place.get(wanted.rule, DEFAULT), wanted.verdict == DENY, wanted.limited)


@given(policies())
def test_what_hangs_on_what_others_set_is_left_to_the_interpreter(policy: s.Policy) -> None:
    sets = any(
        isinstance(a, s.SetState | s.SetHeader | s.Answer) for r in policy.rules for a in r.actions
    )
    assert not (sets and independent(policy))


SMALL = st.integers(0, 5)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 10**9, 20 * 10**9, 3_600 * 10**9]),
            st.integers(-1, 8),
            st.integers(1, 3),
        ),
        min_size=1,
        max_size=60,
    ),
    st.builds(
        s.Limit,
        st.tuples(SMALL) | st.lists(SMALL, min_size=24, max_size=24).map(tuple),
        st.sampled_from([2 * 10**9, 60 * 10**9]),
        st.none(),
        st.none() | st.just(s.Header("u")),
        st.integers(1, 4),
        st.just(429),
        st.none() | st.integers(0, 9),
    ),
)
def test_limits_are_counted_as_one_by_one(
    calls: list[tuple[int, int, int]], limit: s.Limit
) -> None:
    policy = s.Policy((s.Rule("r", None, (limit,)),), s.Allow())
    gaps, users, weights = (np.array(part, dtype=np.int64) for part in zip(*calls, strict=True))
    n = len(calls)
    stream = Stream(
        np.cumsum(gaps),
        Coded(np.zeros(n, dtype=np.int64), RPCS),
        Coded(np.full(n, -1), []),
        attributes={s.Header("u"): Coded(users, "abcdefghi")},
        weight=weights.astype(float),
    )
    found, memory = replay(policy, stream), Memory(policy)
    wanted = [decide(policy, memory, stream.call(i)).verdict == DENY for i in range(n)]
    assert found.denied.tolist() == wanted
