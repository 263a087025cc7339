"""Which callers, callees and methods a rule can be about, read off its condition."""

from collections.abc import Iterator
from dataclasses import dataclass

from informer.policies.globs import fits
from informer.policies.syntax import (
    Among,
    And,
    Compare,
    Condition,
    Field,
    Like,
    Not,
    Or,
    Rule,
    Text,
    Value,
)

NAMES = ("caller", "callee", "method")
Name = str | None  # None: not known, so it may be any


@dataclass(frozen=True, slots=True)
class Keys:
    """The names that a rule is bound to; None = any. It may well be about fewer."""

    caller: frozenset[str] | None = None
    callee: frozenset[str] | None = None
    method: frozenset[str] | None = None

    def admits(self, caller: Name, callee: Name, method: Name = None) -> bool:
        """Whether the rule may hold for a call between these."""
        return (
            (caller is None or self.caller is None or caller in self.caller)
            and (callee is None or self.callee is None or callee in self.callee)
            and (method is None or self.method is None or method in self.method)
        )


def keys_of(rule: Rule) -> Keys:
    """What its condition demands of caller, callee and method outright."""
    found: dict[str, frozenset[str]] = {}
    for part in _demanded(rule.when):
        for name, texts in _named(part):
            found[name] = found.get(name, texts) & texts
    return Keys(**found)


def settled(condition: Condition, facts: dict[str, str]) -> Condition | bool:
    """The condition when some text fields are known: true, false, or what is left to ask."""
    match condition:
        case Compare("=" | "!=" as sign, left, right):
            sides = _known(left, facts), _known(right, facts)
            if None not in sides:
                return (sides[0] == sides[1]) == (sign == "=")
        case Among(Field(name), among) if name in facts:
            return any(facts[name] == one.value for one in among)
        case Like(Field(name), glob) if name in facts:
            return fits(facts[name], glob)
        case Not(of):
            inner = settled(of, facts)
            return (not inner) if isinstance(inner, bool) else Not(inner)
        case And(of):
            return _joined(of, facts, And, neutral=True)
        case Or(of):
            return _joined(of, facts, Or, neutral=False)
    return condition


def _joined(
    of: tuple[Condition, ...], facts: dict[str, str], join: type[And] | type[Or], *, neutral: bool
) -> Condition | bool:
    left = []
    for part in of:
        found = settled(part, facts)
        if found is (not neutral):
            return not neutral
        if not isinstance(found, bool):
            left.append(found)
    if not left:
        return neutral
    return left[0] if len(left) == 1 else join(tuple(left))


def _known(value: Value, facts: dict[str, str]) -> str | None:
    match value:
        case Text(text):
            return text
        case Field(name):
            return facts.get(name)
    return None


def _demanded(condition: Condition | None) -> Iterator[Condition]:
    """The parts that must all hold."""
    if isinstance(condition, And):
        for part in condition.of:
            yield from _demanded(part)
    elif condition is not None:
        yield condition


def _named(part: Condition) -> Iterator[tuple[str, frozenset[str]]]:
    match part:
        case Compare("=", Field(name), Text(text)) | Compare("=", Text(text), Field(name)):
            if name in NAMES:
                yield name, frozenset([text])
        case Among(Field(name), among) if name in NAMES:
            yield name, frozenset(str(one.value) for one in among)
