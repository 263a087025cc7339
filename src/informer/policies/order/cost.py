"""What an arrangement costs: rules asked, and ways gone, until something ends the call.

The unit is one comparison. The figures are orders of magnitude: a call over loopback takes about
250 times as long as a comparison in Python, and a network adds to that. Only what is cheaper than
what matters here, never by how much.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from informer.policies.order.places import CLIENT, PROXY, SERVER
from informer.policies.syntax import (
    Allow,
    Among,
    Answer,
    ChainHas,
    Chance,
    Compare,
    Deny,
    Hash,
    Like,
    Limit,
    Present,
    Rule,
    SetState,
    StateValue,
)
from informer.policies.walk import walk

WAY = {CLIENT: 0, PROXY: 200, SERVER: 250}  # gone before a place is reached, from the client
NODES = {
    Compare: 1.0,
    Among: 1.0,
    Present: 1.0,
    Like: 2.0,
    ChainHas: 4.0,
    Chance: 2.0,
    Hash: 1.0,
    StateValue: 2.0,
    SetState: 2.0,
    Limit: 4.0,
}
AT = {CLIENT: 1.0, PROXY: 0.5, SERVER: 1.0}  # a proxy is compiled, the interceptor is not
SHARE = "share"  # `@share 0.02`: of the calls that reach a rule, how many it ends
ENDING, LIMITING = 0.05, 0.01  # where no share is given


@dataclass(frozen=True, slots=True)
class Placed:
    """A rule at a place."""

    rule: Rule
    place: str


def price(placed: Placed) -> float:
    """Of asking a rule once."""
    nodes = walk((placed.rule.when, placed.rule.actions))
    return AT[placed.place] * (0.5 + sum(NODES.get(type(node), 0.0) for node in nodes))


def share_ended(rule: Rule) -> float:
    """Of the calls that reach a rule, how many go no further; 0..1."""
    given = rule.note(SHARE)
    if isinstance(given, int | float):
        return min(max(float(given), 0.0), 1.0)
    if any(isinstance(action, Allow | Deny | Answer) for action in rule.actions):
        return ENDING if rule.when is not None else 1.0
    return LIMITING if any(isinstance(action, Limit) for action in rule.actions) else 0.0


def cost(order: Sequence[Placed]) -> float:
    """Expected, for a call on the edge; what is allowed, or ended by nothing, goes all the way."""
    total, going, stopped = 0.0, 1.0, 0.0
    for placed in order:
        total += going * price(placed)
        ended = going * share_ended(placed.rule)
        if not any(isinstance(action, Allow) for action in placed.rule.actions):
            total += ended * WAY[placed.place]
            stopped += ended
        going -= ended
    return total + (1.0 - stopped) * WAY[SERVER]
