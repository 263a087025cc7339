"""Which facts of a call a rule asks for: calls that share them get one answer from it."""

from collections.abc import Iterator

from informer.policies.syntax import (
    Action,
    Among,
    And,
    Answer,
    Arithmetic,
    Attribute,
    ChainHas,
    Chance,
    Compare,
    Condition,
    Field,
    Hash,
    Header,
    Like,
    Limit,
    Not,
    Or,
    Policy,
    Present,
    SetHeader,
    SetState,
    StateValue,
    Truth,
    Value,
)

RPC, CHAIN, PATTERN, SIZE, TIME, HOUR, WEEKDAY, TRACE, REPLY, STATE = (
    *("rpc", "chain", "pattern", "size", "time", "hour", "weekday", "trace", "reply", "state"),
)
OF_FIELD = {
    "caller": RPC,
    "callee": RPC,
    "method": RPC,
    "kind": RPC,
    "entry": CHAIN,
    "previous": CHAIN,
    "depth": CHAIN,
    "pattern": PATTERN,
    "size": SIZE,
    "now": TIME,
    "hour": HOUR,
    "weekday": WEEKDAY,
}

Node = Condition | Value
Fact = str | Header | Attribute


def facts_of(node: Node | None) -> frozenset[Fact]:
    """The facts that decide what a condition or value comes to."""
    return frozenset(fact for part in parts_of(node) for fact in _facts(part))


def parts_of(node: Node | None) -> Iterator[Node]:
    """A condition or value and all that it is made of."""
    if node is None:
        return
    yield node
    match node:
        case And(of) | Or(of):
            below: tuple[Node, ...] = of
        case Not(of) | Hash(of) | Present(of):
            below = (of,)
        case Compare(_, left, right) | Arithmetic(_, left, right):
            below = (left, right)
        case Among(value) | Like(value):
            below = (value,)
        case _:
            below = ()
    for part in below:
        yield from parts_of(part)


def values_of(action: Action) -> Iterator[Value]:
    """The values that an action works out."""
    match action:
        case Answer(value) | SetHeader(_, value) | SetState(_, value):
            yield value
        case Limit(cost=cost, key=key):
            yield from (v for v in (cost, key) if v is not None)
        case _:
            return


def facts_in(policy: Policy) -> frozenset[Fact]:
    """All facts that a policy asks for anywhere."""
    nodes: list[Node | None] = [state.key for state in policy.states]
    for rule in policy.rules:
        nodes += [rule.when, *(v for action in rule.actions for v in values_of(action))]
    return frozenset(fact for node in nodes for fact in facts_of(node))


def _facts(part: Node) -> tuple[Fact, ...]:
    match part:
        case Field(name):
            # Of the first call of a chain, the entry is the call itself.
            found: tuple[Fact, ...] = (OF_FIELD.get(name, REPLY),)
            return (*found, RPC) if name == "entry" else found
        case ChainHas():
            return (CHAIN,)
        case Header() | Attribute():
            return (part,)
        case StateValue():
            return (STATE,)
        case Truth():
            return (REPLY,)
        case Chance():
            return (TRACE,)
        case _:
            return ()
