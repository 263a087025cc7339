"""Whatever the rules and whatever the calls: compiled rules decide what the reference decides."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from informer.policies.interpret import decide, on_reply
from informer.policies.lookup import PolicyLookup
from informer.policies.memory import Memory
from informer.policies.syntax import Policy
from rule_trees import policies
from rules.streams import pools_of, stream


@given(policies(), st.integers(0, 2**32))
def test_decisions_effects_and_memory_are_the_same(policy: Policy, seed: int) -> None:
    memory, lookup = Memory(policy), PolicyLookup(policy)
    for call, reply in stream(pools_of(policy), Random(seed), 12):
        assert lookup.decide(call) == decide(policy, memory, call)
        assert lookup.on_reply(call, reply) == on_reply(policy, memory, call, reply)
    assert lookup.memory.states == memory.states
    assert lookup.memory.limits == memory.limits
