"""Conditions as far as they are decided once caller, callee and method are known."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from informer.core.errors import InformerError
from informer.policies.calls import Call
from informer.policies.evaluate import Moment, holds
from informer.policies.memory import Memory
from informer.policies.syntax import (
    Allow,
    Among,
    And,
    Arithmetic,
    Compare,
    Condition,
    Field,
    Hash,
    Like,
    Not,
    Number,
    Or,
    Policy,
    Span,
    Text,
    Value,
)
from informer.policies.write import write_condition

KNOWN = ("caller", "callee", "method")
NO_MEMORY = Memory(Policy((), Allow()))
Leaf = Callable[[Condition], bool]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a call. None: not yet looked at. `others`: none of those that rules name."""

    caller: str | None = None
    callee: str | None = None
    method: str | None = None
    others: tuple[str, ...] = ()  # among KNOWN

    def text(self, name: str) -> str | None:
        """A fact, if it is one text."""
        found: str | None = getattr(self, name) if name in KNOWN else None
        return found


def reduced(condition: Condition, facts: Facts) -> Condition | bool:
    """True, false, or what is left to be asked.

    Errors: InformerError for `pattern`, which no target knows while a call is made.
    """
    match condition:
        case And(of) | Or(of):
            ends = isinstance(condition, Or)  # the value that decides it
            left = []
            for part in of:
                found = reduced(part, facts)
                if found is ends:
                    return ends
                if not isinstance(found, bool):
                    left.append(found)
            return joined(left, ends) if left else not ends
        case Not(of):
            return negated(reduced(of, facts))
    if any(name == "pattern" for name in _fields(condition)):
        raise InformerError(
            f"`{write_condition(condition)}`: the pattern of a chain is known after the fact, so "
            "no target can ask for it"
        )
    if all(facts.text(name) is not None for name in _fields(condition)) and _is_plain(condition):
        call = Call(0, facts.caller or "", facts.callee or "", facts.method or "")
        return holds(condition, Moment(call, {}, NO_MEMORY, 0))
    match condition:
        case Compare(("=" | "!=") as sign, Field(name), Text()) if name in facts.others:
            return sign == "!="
        case Compare(("=" | "!=") as sign, Text(), Field(name)) if name in facts.others:
            return sign == "!="
        case Among(Field(name), _) if name in facts.others:
            return False
    return condition


def named(condition: Condition | None, name: str) -> Iterator[str]:
    """The texts that a condition compares a field with."""
    match condition:
        case And(of) | Or(of):
            for part in of:
                yield from named(part, name)
        case Not(of):
            yield from named(of, name)
        case Compare(_, Field(field), Text(text)) | Compare(_, Text(text), Field(field)):
            if field == name:
                yield text
        case Among(Field(field), among) if field == name:
            yield from (one.value for one in among if isinstance(one, Text))


def free(condition: Condition, name: str) -> bool:
    """Whether a field is asked for in a way that more than the texts `named` matter to."""
    match condition:
        case And(of) | Or(of):
            return any(free(part, name) for part in of)
        case Not(of):
            return free(of, name)
        case Compare("=" | "!=", Field(), Text()) | Compare("=" | "!=", Text(), Field()):
            return False
        case Among(Field(), _):
            return False
    return name in _fields(condition)


def pinned(condition: Condition | None, name: str) -> frozenset[str] | None:
    """The only values of a field with which the condition can hold; None: any."""
    match condition:
        case And(of):
            found = [p for p in (pinned(c, name) for c in of) if p is not None]
            return frozenset.intersection(*found) if found else None
        case Or(of):
            each = [pinned(c, name) for c in of]
            return None if None in each else frozenset().union(*(e for e in each if e))
        case Compare("=", Field(field), Text(text)) | Compare("=", Text(text), Field(field)):
            return frozenset({text}) if field == name else None
        case Among(Field(field), among) if field == name:
            return frozenset(one.value for one in among if isinstance(one, Text))
    return None


def bounded(
    condition: Condition | bool, can: Leaf, lost: Callable[[Condition], None], *, above: bool
) -> Condition | bool:
    """The condition without what cannot be asked: never false where it holds (`above`), or never
    true where it does not."""
    match condition:
        case bool():
            return condition
        case And(of) | Or(of):
            ends = isinstance(condition, Or)
            parts = [bounded(c, can, lost, above=above) for c in of]
            if ends in parts:
                return ends
            left = [p for p in parts if not isinstance(p, bool)]
            return joined(left, ends) if left else not ends
        case Not(of):
            return negated(bounded(of, can, lost, above=not above))
    if can(condition):
        return condition
    lost(condition)
    return above


def alternatives(condition: Condition | bool, most: int) -> list[tuple[Condition, ...]] | None:
    """As `or` of `and` of what can be asked or its opposite; None where there are too many."""
    match condition:
        case bool():
            return [()] if condition else []
        case Not(And(of)):
            return alternatives(Or(tuple(_opposite(c) for c in of)), most)
        case Not(Or(of)):
            return alternatives(And(tuple(_opposite(c) for c in of)), most)
        case Or(of):
            found: list[tuple[Condition, ...]] = []
            for part in of:
                each = alternatives(part, most)
                if each is None or len(found) + len(each) > most:
                    return None
                found += each
            return found
        case And(of):
            found = [()]
            for part in of:
                each = alternatives(part, most)
                if each is None or len(found) * len(each) > most:
                    return None
                found = [(*one, *other) for one in found for other in each]
            return found
    return [(condition,)]


def _opposite(condition: Condition) -> Condition:
    return condition.of if isinstance(condition, Not) else Not(condition)


def joined(parts: list[Condition], any_of: bool) -> Condition:
    """All, or any, of one or more."""
    if len(parts) == 1:
        return parts[0]
    return Or(tuple(parts)) if any_of else And(tuple(parts))


def negated(condition: Condition | bool) -> Condition | bool:
    """The opposite."""
    if isinstance(condition, bool):
        return not condition
    return _opposite(condition)


def _fields(of: Condition | Value) -> Iterator[str]:
    """The fields that a condition without `and`, `or` and `not` asks for."""
    match of:
        case Field(name):
            yield name
        case Compare(_, left, right) | Arithmetic(_, left, right):
            yield from _fields(left)
            yield from _fields(right)
        case Among(value, _) | Like(value, _) | Hash(value):
            yield from _fields(value)


def _is_plain(of: Condition | Value) -> bool:
    """Whether nothing but fields and what stands in the rules is asked for."""
    match of:
        case Field() | Text() | Number() | Span():
            return True
        case Compare(_, left, right) | Arithmetic(_, left, right):
            return _is_plain(left) and _is_plain(right)
        case Among(value, _) | Like(value, _) | Hash(value):
            return _is_plain(value)
    return False
