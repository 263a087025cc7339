"""Whatever the rules: a guard decides and counts what the reference does, asked again or not."""

from collections import Counter
from random import Random
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from informer.core.errors import InformerError
from informer.policies.calls import DENY, Call
from informer.policies.grpc.fit import NotForGrpcError, weakened
from informer.policies.grpc.guard import Guard
from informer.policies.grpc.headers import headers_of
from informer.policies.grpc.passage import Passage
from informer.policies.grpc.status import code_of
from informer.policies.grpc.trail import SERVED, trail_of
from informer.policies.interpret import decide
from informer.policies.memory import Memory
from informer.policies.parse import parse
from informer.policies.syntax import Policy, SetHeader, Text
from rule_trees import policies
from rules.streams import EPOCH_NS, pools_of

KEY = b"a key of the mesh, in thirty-two"
S = 1_000_000_000


class Clock:
    def __init__(self) -> None:
        self.ns = EPOCH_NS

    def __call__(self) -> int:
        return self.ns


LIMITED = """
rules 1
state seen number forget after 40s
rule few { when caller = "a" and callee = "b" and method = "Get" limit 3 per 1m }
rule get { when caller = "a" and callee = "b" and method = "Get" allow }
rule below { when callee = "b" and method = "List" and chain has "x>a:*" allow }
rule tried { when callee = "b" and method = "Put" set seen = seen + 1 }
rule often { when callee = "b" and method = "Put" and seen > 2 deny 429 }
rule put { when callee = "b" and method = "Put" allow }
default deny 403
"""


@given(policies(), st.integers(0, 2**32))
def test_both_sides_decide_what_the_reference_decides(policy: Policy, seed: int) -> None:
    _fits_grpc(policy)
    _hold(policy, seed, 12)


@given(st.integers(0, 2**32))
def test_limits_states_and_chains_are_asked_of_every_call(seed: int) -> None:
    _hold(parse(LIMITED, "limited"), seed, 40)


def _hold(policy: Policy, seed: int, calls: int) -> None:
    random, pools, clock = Random(seed), pools_of(policy), Clock()
    texts = (*pools.everywhere, *pools.texts.get("method", []))
    methods = [text for text in texts if _is_a_name(text)][:6]
    client, server = _guard(policy, "a", clock), _guard(policy, "b", clock)
    memories = Memory(policy), Memory(policy)
    told: tuple[Counter[Any], Counter[Any]] = (Counter(), Counter())
    for _ in range(calls):
        clock.ns += random.choice((0, 1, S, 29 * S, 31 * S, 90 * S))
        method = random.choice([*methods, "shop.Cart/Get"])
        chain = random.choice(((), ("x>a:m",)))
        headers = {
            k: "v" for k in ("x-user", *pools.headers) if _is_a_key(k) and random.random() < 0.5
        }
        sent = tuple(headers.items())
        within = SERVED.set(chain)
        passage = _sent(client, f"/{method}", sent)
        SERVED.reset(within)
        call = Call(clock.ns, "a", "b", method, chain=chain, headers=headers)
        expected = decide(policy, memories[0], call)
        told[0][expected.rule, "limit" if expected.limited else expected.verdict] += 1
        assert passage.code == (code_of(expected.status) if expected.verdict == DENY else 0)
        if passage.code:
            continue
        passed = {e.key: e.value.value for e in expected.effects if _is_header(e)}
        assert headers_of(passage.metadata) == headers | passed
        received = _received(server, f"/{method}", passage.metadata)
        call = Call(clock.ns, "a", "b", method, chain=chain, headers=headers | passed)
        expected = decide(policy, memories[1], call)
        told[1][expected.rule, "limit" if expected.limited else expected.verdict] += 1
        assert received.code == (code_of(expected.status) if expected.verdict == DENY else 0)
        if not received.code:
            assert received.chain == trail_of("a", "b", method, chain).onward
    assert (client.verdicts(), server.verdicts()) == told


def _sent(guard: Guard, path: str, sent: tuple[tuple[str, str], ...]) -> Passage:
    """As channels ask."""
    again = guard.sent_again("b", path, sent)
    return guard.outgoing("b", path, sent, lambda: 0) if again is None else Passage(metadata=again)


def _received(guard: Guard, path: str, metadata: tuple[tuple[str, Any], ...]) -> Passage:
    """As interceptors ask."""
    return guard.received_again(path, metadata) or guard.incoming(path, metadata, tuple, lambda: 0)


def _fits_grpc(policy: Policy) -> None:
    """Rules that gRPC can follow, whose headers it can send, and which ask for no trace."""
    try:
        texts = " ".join(weakened(policy))
    except NotForGrpcError:
        assume(False)
    assume("chance" not in texts and "`size`" not in texts)
    for rule in policy.rules:
        for action in rule.actions:
            assume(not isinstance(action, SetHeader) or isinstance(action.value, Text))
            if isinstance(action, SetHeader):
                assume(all(" " <= letter <= "~" for letter in action.value.value))


def _guard(policy: Policy, service: str, clock: Clock) -> Guard:
    try:
        return Guard(policy, service, mode="enforce", keys=(KEY,), clock_ns=clock)
    except InformerError:  # no rule is about it, and all else is denied
        assume(False)
        raise


def _is_header(effect: Any) -> bool:
    return isinstance(effect, SetHeader)


def _is_a_name(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _is_a_key(text: str) -> bool:
    return text.replace("-", "").isalpha() and text.isascii()
