"""Whatever the rules and whatever the calls: compiled rules decide what the reference decides."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from informer.policies.decider import Decider
from informer.policies.interpret import decide, on_reply
from informer.policies.memory import Memory
from informer.policies.syntax import Policy
from rule_trees import policies
from rules.streams import pools_of, stream


@given(policies(), st.integers(0, 2**32))
def test_decisions_effects_and_memory_are_the_same(policy: Policy, seed: int) -> None:
    memory, decider = Memory(policy), Decider(policy)
    for call, reply in stream(pools_of(policy), Random(seed), 12):
        assert decider.decide(call) == decide(policy, memory, call)
        assert decider.on_reply(call, reply) == on_reply(policy, memory, call, reply)
    assert decider.memory.states == memory.states
    assert decider.memory.limits == memory.limits
