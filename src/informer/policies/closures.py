"""Conditions and values as Python functions: what is asked often is not looked up in a tree.

They give what `evaluate.py` gives; a property test holds them together.
"""

from collections.abc import Callable, Mapping
from typing import Any

from informer.policies.calls import Call, Reply
from informer.policies.evaluate import COMPARED, calculate, stable_hash
from informer.policies.globs import fits
from informer.policies.memory import NO_KEY, Held, Memory, Remembered, hour_of, weekday_of
from informer.policies.syntax import (
    Among,
    And,
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
    Not,
    Number,
    Or,
    Present,
    Span,
    StateValue,
    Text,
    Truth,
    Value,
)

Headers = Mapping[str, str]
Test = Callable[[Call, Headers, int, Reply | None], bool]  # call, headers, now_ns, reply
Worth = Callable[[Call, Headers, int, Reply | None], Remembered]

FIELDS: Mapping[str, Worth] = {
    "caller": lambda c, _h, _n, _r: c.caller,
    "callee": lambda c, _h, _n, _r: c.callee,
    "method": lambda c, _h, _n, _r: c.method,
    "kind": lambda c, _h, _n, _r: c.kind,
    "pattern": lambda c, _h, _n, _r: c.pattern,
    "size": lambda c, _h, _n, _r: c.size,
    "entry": lambda c, _h, _n, _r: c.chain[0] if c.chain else c.rpc,
    "previous": lambda c, _h, _n, _r: c.chain[-1] if c.chain else None,
    "depth": lambda c, _h, _n, _r: len(c.chain),
    "now": lambda _c, _h, now_ns, _r: now_ns,
    "hour": lambda _c, _h, now_ns, _r: hour_of(now_ns),
    "weekday": lambda _c, _h, now_ns, _r: weekday_of(now_ns),
    "status": lambda _c, _h, _n, r: r.status if r else None,
    "duration": lambda _c, _h, _n, r: r.duration_ns if r else None,
    "body": lambda _c, _h, _n, r: r.body if r else None,
}


def test_of(condition: Condition, rule: str, memory: Memory) -> Test:
    """Whether a condition of a rule holds, as a function."""
    match condition:
        case And(of):
            return _all_of(tuple(test_of(part, rule, memory) for part in of))
        case Or(of):
            return _any_of(tuple(test_of(part, rule, memory) for part in of))
        case Not(of):
            inner = test_of(of, rule, memory)
            return lambda c, h, n, r: not inner(c, h, n, r)
        case Compare(sign, left, right):
            return _compared(sign, worth_of(left, memory), worth_of(right, memory))
        case Among(value, among):
            found, texts = worth_of(value, memory), frozenset(one.value for one in among)
            return lambda c, h, n, r: found(c, h, n, r) in texts
        case Like(value, glob):
            return _like(worth_of(value, memory), glob)
        case ChainHas(glob):
            return lambda c, _h, _n, _r: any(fits(rpc, glob) for rpc in c.chain)
        case Present(StateValue(name)):
            held, key = memory.states[name], key_of(memory.states[name].state.key, memory)
            return lambda c, h, n, r: held.get(key(c, h, n, r), n)[0]
        case Present(value):
            there = worth_of(value, memory)
            return lambda c, h, n, r: there(c, h, n, r) is not None
        case Truth(name):
            return lambda _c, _h, _n, r: r is not None and bool(getattr(r, name))
        case Chance(share):
            return lambda c, _h, _n, _r: stable_hash(f"{rule}:{c.trace_id}") < share * 2**32


def worth_of(value: Value, memory: Memory) -> Worth:
    """What a value comes to, as a function."""
    match value:
        case Text(text):
            return lambda _c, _h, _n, _r: text
        case Number(number) | Span(number):
            return lambda _c, _h, _n, _r: number
        case Field(name):
            return FIELDS[name]
        case Header(key):
            return lambda _c, h, _n, _r: h.get(key)
        case Attribute(key):
            return lambda c, _h, _n, _r: c.attributes.get(key)
        case StateValue(name):
            return _held(memory.states[name], memory)
        case Hash(of):
            return _hashed(worth_of(of, memory))
        case Arithmetic(sign, left, right):
            one, other = worth_of(left, memory), worth_of(right, memory)
            return lambda c, h, n, r: calculate(sign, one(c, h, n, r), other(c, h, n, r))


def key_of(of: Value | None, memory: Memory) -> Callable[[Call, Headers, int, Reply | None], str]:
    """What keeps counts or values apart, as a function."""
    if of is None:
        return lambda _c, _h, _n, _r: NO_KEY
    worth = worth_of(of, memory)

    def key(c: Call, h: Headers, n: int, r: Reply | None) -> str:
        found = worth(c, h, n, r)
        return NO_KEY if found is None else str(found)

    return key


def _all_of(parts: tuple[Test, ...]) -> Test:
    def hold(c: Call, h: Headers, n: int, r: Reply | None) -> bool:
        for part in parts:  # noqa: SIM110  a loop costs half of all() with a generator
            if not part(c, h, n, r):
                return False
        return True

    return hold


def _any_of(parts: tuple[Test, ...]) -> Test:
    def hold(c: Call, h: Headers, n: int, r: Reply | None) -> bool:
        for part in parts:  # noqa: SIM110
            if part(c, h, n, r):
                return True
        return False

    return hold


def _compared(sign: str, left: Worth, right: Worth) -> Test:
    if sign == "!=":
        return lambda c, h, n, r: left(c, h, n, r) != right(c, h, n, r)
    compare: Callable[[Any, Any], bool] = COMPARED[sign]

    def holds(c: Call, h: Headers, n: int, r: Reply | None) -> bool:
        one = left(c, h, n, r)
        if one is None:
            return False
        other = right(c, h, n, r)
        return other is not None and compare(one, other)

    return holds


def _like(worth: Worth, glob: str) -> Test:
    def like(c: Call, h: Headers, n: int, r: Reply | None) -> bool:
        text = worth(c, h, n, r)
        return isinstance(text, str) and fits(text, glob)

    return like


def _held(held: Held, memory: Memory) -> Worth:
    key = key_of(held.state.key, memory)
    return lambda c, h, n, r: held.get(key(c, h, n, r), n)[1]


def _hashed(worth: Worth) -> Worth:
    def hashed(c: Call, h: Headers, n: int, r: Reply | None) -> Remembered:
        text = worth(c, h, n, r)
        return stable_hash(text) if isinstance(text, str) else None

    return hashed
