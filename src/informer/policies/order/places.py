"""Where a rule can stand, and from where it must not be taken away.

Three places see a call, one after the other: the client (in the caller's process), the proxy
(beside the callee), the server (in the callee's process). What an attacker controls is the client.
"""

from collections.abc import Iterator

from informer.policies.syntax import (
    Allow,
    Answer,
    Arithmetic,
    Attribute,
    ChainHas,
    Chance,
    Count,
    Deny,
    Field,
    Hash,
    Header,
    Limit,
    Log,
    Mirror,
    Policy,
    Retry,
    Route,
    Rule,
    SetHeader,
    SetState,
    StateValue,
    Text,
    Timeout,
    Truth,
)
from informer.policies.walk import walk

CLIENT, PROXY, SERVER = PLACES = ("client", "proxy", "server")  # in the order of a call
NOTE = "place"  # `@place "proxy"` says where a rule stands today

CHAIN = {"entry", "previous", "depth"}
CLOCK = {"now", "hour", "weekday"}
REPLY = {"status", "duration", "body"}
HELPS_THE_CALLER = (Timeout, Retry, Route)  # an attacker gains nothing by leaving them out
# Written on the way, so that the client has not seen them.
ON_THE_WAY = ("x-forwarded-", "x-envoy-", "x-request-id", "via", "forwarded", "x-real-ip")


def stands(rule: Rule) -> str:
    """Where a rule stands today: where it says, or as near to the server as it can."""
    said = rule.note(NOTE)
    if said in PLACES:
        return str(said)
    return next(place for place in reversed(PLACES) if not _cannot_do(rule, place))


def cannot_move(rule: Rule, to: str) -> str | None:
    """Why a rule must stay where it stands, instead of going to another place; None if it may."""
    here = stands(rule)
    if here == to:
        return None
    for node in walk((rule.when, rule.actions)):
        if isinstance(node, Limit | SetState | StateValue):
            return "it remembers, and another place would see other calls"
        if isinstance(node, Allow):
            return "an `allow` speaks for the rules below it, which would stay behind"
        if isinstance(node, Field) and node.name in CLOCK:
            return "it asks for the time, and clocks differ"
        if isinstance(node, Header) and node.key.startswith(ON_THE_WAY):
            return f"header({node.key!r}) is written on the way"
    if to == CLIENT and not all(isinstance(a, HELPS_THE_CALLER) for a in rule.actions):
        return "an attacker does not run our client: what must hold stays behind it"
    return _cannot_do(rule, to)


def cannot_copy(rule: Rule) -> str | None:
    """Why a copy of a denial must not stand at the client too; None if it may."""
    if stands(rule) == CLIENT:
        return "it stands there"
    if not all(isinstance(action, Deny) for action in rule.actions):
        return "only a rule that denies and does nothing else saves the way"
    for node in walk(rule.when):
        if isinstance(node, StateValue):
            return "it remembers, and the client sees other calls"
        if isinstance(node, Field) and node.name in CLOCK:
            return "it asks for the time, and clocks differ"
        if isinstance(node, Header) and node.key.startswith(ON_THE_WAY):
            return f"header({node.key!r}) is written on the way"
    return _cannot_do(rule, CLIENT)


def _cannot_do(rule: Rule, place: str) -> str | None:
    nodes = walk((rule.when, rule.actions))
    return next(({CLIENT: _client, PROXY: _proxy, SERVER: _server}[place](nodes, rule)), None)


def _client(nodes: Iterator[object], _rule: Rule) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Attribute):
            yield f"the client has no attribute({node.key!r})"


def _proxy(nodes: Iterator[object], rule: Rule) -> Iterator[str]:
    if rule.on_reply:
        yield "the proxy asks no rules on reply"
    for node in nodes:
        match node:
            case ChainHas():
                yield "the proxy does not know the chain"
            case Field(name) if name in CHAIN:
                yield f"the proxy does not know the chain ({name})"
            case Field(name) if name in CLOCK | REPLY | {"size", "kind", "pattern"}:
                yield f"the proxy cannot ask for {name}"
            case StateValue(name) | SetState(name):
                yield f"the proxy keeps no state ({name})"
            case Hash() | Arithmetic() | Chance() | Attribute() | Truth():
                yield f"the proxy cannot work out {type(node).__name__.lower()}"
            case Limit(amounts, _, cost, key) if len(amounts) > 1 or cost or key:
                yield "the proxy limits calls, neither by hour nor by value"
            case Answer() | Log() | Count():
                yield f"the proxy has no {type(node).__name__.lower()}"
            case SetHeader(_, value) if not isinstance(value, Text):
                yield "the proxy sets headers to fixed texts"


def _server(nodes: Iterator[object], _rule: Rule) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, Timeout | Retry | Route | Mirror):
            yield f"the call has arrived: too late for `{type(node).__name__.lower()}`"


def wrong_places(policy: Policy) -> Iterator[str]:
    """Rules that say they stand where they cannot."""
    for rule in policy.rules:
        said = rule.note(NOTE)
        if said is None:
            continue
        if said not in PLACES:
            yield f"rule {rule.name}: @place must be client, proxy or server, got {said!r}"
        elif why := _cannot_do(rule, str(said)):
            yield f"rule {rule.name} cannot stand at the {said}: {why}"
