"""What conditions and values come to for one call; nothing (None) where a fact is not there."""

import operator
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from informer.policies.calls import Call, Reply
from informer.policies.globs import fits
from informer.policies.memory import NO_KEY, Memory, Remembered, hour_of, weekday_of
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

COMPARED: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
MOST_TEXT = 10_000  # characters of a text that rules put together
MOST_SIZE = 1e30  # of a number that rules work out


@dataclass(frozen=True, slots=True)
class Moment:
    """Everything a rule may ask about, at one point in time."""

    call: Call
    headers: Mapping[str, str]  # as rules above have changed them
    memory: Memory
    now_ns: int
    reply: Reply | None = None
    rule: str = ""

    def field(self, name: str) -> Remembered:
        """A fact of the call or its reply."""
        call = self.call
        match name:
            case "entry":
                return call.chain[0] if call.chain else call.rpc
            case "previous":
                return call.chain[-1] if call.chain else None
            case "depth":
                return len(call.chain)
            case "now":
                return self.now_ns
            case "hour":
                return hour_of(self.now_ns)
            case "weekday":
                return weekday_of(self.now_ns)
            case "status":
                return self.reply.status if self.reply else None
            case "duration":
                return self.reply.duration_ns if self.reply else None
            case "body":
                return self.reply.body if self.reply else None
        found: Remembered = getattr(call, name)
        return found

    def state(self, name: str) -> tuple[bool, Remembered]:
        """Whether a state was set for this call, and its value."""
        held = self.memory.states[name]
        return held.get(self.key(held.state.key), self.now_ns)

    def key(self, of: Value | None) -> str:
        """What keeps counts or values apart."""
        found = NO_KEY if of is None else value_of(of, self)
        return NO_KEY if found is None else str(found)


def holds(condition: Condition, at: Moment) -> bool:
    """Whether a condition is true of a call."""
    match condition:
        case And(of):
            return all(holds(c, at) for c in of)
        case Or(of):
            return any(holds(c, at) for c in of)
        case Not(of):
            return not holds(of, at)
        case Compare(sign, left, right):
            return _compare(sign, value_of(left, at), value_of(right, at))
        case Among(value, among):
            found = value_of(value, at)
            return found is not None and any(found == one.value for one in among)
        case Like(value, glob):
            text = value_of(value, at)
            return isinstance(text, str) and fits(text, glob)
        case ChainHas(glob):
            return any(fits(rpc, glob) for rpc in at.call.chain)
        case Present(StateValue(name)):
            return at.state(name)[0]
        case Present(value):
            return value_of(value, at) is not None
        case Truth(name):
            return at.reply is not None and bool(getattr(at.reply, name))
        case Chance(share):
            return stable_hash(f"{at.rule}:{at.call.trace_id}") < share * 2**32


def value_of(value: Value, at: Moment) -> Remembered:
    """What a value comes to."""
    match value:
        case Text(of) | Number(of) | Span(of):
            return of
        case Field(name):
            return at.field(name)
        case Header(key):
            return at.headers.get(key)
        case Attribute(key):
            return at.call.attributes.get(key)
        case StateValue(name):
            return at.state(name)[1]
        case Hash(of):
            text = value_of(of, at)
            return stable_hash(text) if isinstance(text, str) else None
        case Arithmetic(sign, left, right):
            return calculate(sign, value_of(left, at), value_of(right, at))


def stable_hash(text: str) -> int:
    """0 .. 2**32 - 1, the same on every machine: CRC-32 of its UTF-8."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


def _compare(sign: str, left: Remembered, right: Remembered) -> bool:
    if sign == "!=":
        return left != right
    return left is not None and right is not None and COMPARED[sign](left, right)


def calculate(sign: str, left: Any, right: Any) -> Remembered:
    """Nothing, where a side is nothing, a divisor is 0 or the outcome is out of all bounds."""
    if left is None or right is None:
        return None
    if isinstance(left, str):
        joined: str = left + right
        return joined[:MOST_TEXT]
    if sign in "/%" and right == 0:
        return None
    found: int | float = {
        "+": operator.add,
        "-": operator.sub,
        "*": operator.mul,
        "/": operator.truediv,
        "%": operator.mod,
    }[sign](left, right)
    return found if abs(found) <= MOST_SIZE else None
