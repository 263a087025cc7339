"""A policy made ready for the calls of one service, or refused."""

import logging
from dataclasses import dataclass

from informer.core.errors import InformerError
from informer.policies.grpc.fit import rules_about, weakened
from informer.policies.lookup import PolicyLookup
from informer.policies.syntax import ChainHas, Chance, Deny, Field, Header, Policy
from informer.policies.walk import walk

SHADOW, ENFORCE = "shadow", "enforce"
CHAIN_FIELDS = {"entry", "previous", "depth"}
logger = logging.getLogger("informer.policy")


@dataclass(frozen=True, slots=True)
class Installed:
    """A policy, ready, with what its rules look at."""

    lookup: PolicyLookup
    mode: str
    headers: bool
    size: bool
    trace: bool
    on_reply: bool


def ready(policy: Policy, service: str, mode: str, *, believes: bool) -> Installed:
    """A policy made ready for a service, or an error of one line."""
    if mode not in (SHADOW, ENFORCE):
        raise ValueError(f"mode must be {SHADOW} or {ENFORCE}, got {mode!r}")
    for text in weakened(policy, service):
        logger.info("of the policy for %s: %s", service, text)
    rules = tuple(rules_about(policy, service))
    own = Policy(rules, policy.default, policy.states)
    if not rules and isinstance(policy.default, Deny):
        raise InformerError(
            f"no rule is about {service}, and all else is denied: is the name right?"
        )
    nodes = list(walk(rules)) + list(walk(policy.states))
    if not believes and any(_asks_chain(node) for node in nodes):
        raise InformerError(
            "rules ask for the chain, which comes in metadata: give keys, or trust_unsigned"
        )
    return Installed(
        PolicyLookup(own),
        mode,
        headers=any(isinstance(node, Header) for node in nodes),
        size=any(node == Field("size") for node in nodes),
        trace=any(isinstance(node, Chance) for node in nodes),
        on_reply=any(rule.on_reply for rule in rules),
    )


def _asks_chain(node: object) -> bool:
    return isinstance(node, ChainHas) or (isinstance(node, Field) and node.name in CHAIN_FIELDS)
