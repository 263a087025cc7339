"""Calls, values and conditions as terms of z3: everything that a rule may meet, at once.

What is proved must hold for the real thing, so nothing is said about it that is not true. Texts
and numbers are sorts of their own. A number has a place on the real line, by which Python compares
ints and floats exactly; calculations, hashes and what a memory holds are functions without a
meaning, equal where their arguments are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations
from typing import Any, TypeAlias

import z3

from informer.policies.fields import FIELDS as CALL_FIELDS
from informer.policies.fields import REPLY_FIELDS, REPLY_TRUTHS
from informer.policies.globs import fits
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
    Policy,
    Present,
    Span,
    StateValue,
    Text,
    Truth,
    Value,
)

Term: TypeAlias = Any  # of z3, which tells no types
TEXT, NUMBER = z3.DeclareSort("Text"), z3.DeclareSort("Number")
REAL_OF = z3.Function("real", NUMBER, z3.RealSort())
TEXT_OF = z3.Function("text_of", NUMBER, TEXT)  # str(): 1 and 1.0 are equal and read otherwise
HASH = z3.Function("hash", TEXT, NUMBER)
MAYBE = {"pattern", "previous", "body"}
TYPES = CALL_FIELDS | REPLY_FIELDS
SIGNS = {"<": "__lt__", "<=": "__le__", ">": "__gt__", ">=": "__ge__"}


class UnprovableError(Exception):
    """Something that is not told in symbols: unknown means no."""


@dataclass(frozen=True, slots=True)
class Worth:
    """A value, and whether there is one."""

    there: Term
    value: Term

    def same(self, other: "Worth") -> Term:
        """Both nothing, or one and the same, letter by letter."""
        both = z3.And(self.there, other.there, self.value == other.value)
        return z3.Or(both, z3.And(z3.Not(self.there), z3.Not(other.there)))


class Symbols:
    """One arbitrary call, its reply, and the policy's memory as it may be then."""

    def __init__(self, policy: Policy, edge: Mapping[str, str], others: Mapping[str, set[str]]):
        self._states = {state.name: state for state in policy.states}
        self._texts: dict[str, Term] = {}
        self._numbers: dict[str, Term] = {}
        self._globs: dict[str, Term] = {}
        self._tried: dict[str, Term] = {}
        self._facts: list[Term] = []
        for name, text in edge.items():
            self._facts.append(self.field(name).value == self.text(text))
        for name, texts in others.items():
            for text in sorted(texts):
                self._facts.append(self.field(name).value != self.text(text))

    def facts(self) -> list[Term]:
        """What is true of all that was asked for so far."""
        found = list(self._facts)
        if len(self._texts) > 1:
            found.append(z3.Distinct(*self._texts.values()))
        for glob, predicate in self._globs.items():
            found += [predicate(term) == fits(text, glob) for text, term in self._texts.items()]
        for one, other in combinations(self._globs, 2):
            if _apart(one, other):
                a, b = self._globs[one], self._globs[other]
                found += [z3.Not(z3.And(a(t), b(t))) for t in self._tried.values()]
        return found

    def text(self, value: str) -> Term:
        """A text that rules name."""
        if value not in self._texts:
            self._texts[value] = z3.Const(f"text:{len(self._texts)}", TEXT)
        return self._texts[value]

    def number(self, value: int | float) -> Term:
        """A number that rules name."""
        written = repr(value)
        if written not in self._numbers:
            made = z3.Const(f"number:{written}", NUMBER)
            exact = Fraction(value)
            self._facts.append(REAL_OF(made) == z3.Q(exact.numerator, exact.denominator))
            self._numbers[written] = made
        return self._numbers[written]

    def field(self, name: str) -> Worth:
        """A fact of the call or its reply."""
        sort = TEXT if TYPES[name] == "text" else NUMBER
        there = z3.Bool(f"there:{name}") if name in MAYBE else z3.BoolVal(True)
        return Worth(there, z3.Const(f"field:{name}", sort))

    def header(self, key: str) -> Worth:
        """A header as it came."""
        return Worth(z3.Bool(f"there:header:{key}"), z3.Const(f"header:{key}", TEXT))

    def memory(self, name: str) -> Term:
        """What a state or limit holds before the call."""
        return z3.Const(f"memory:{name}", z3.DeclareSort(f"Memory {name}"))

    def kept(self, name: str, at: "Env") -> tuple[Term, Worth]:
        """Whether a state was set for this call, and its value."""
        state, held = self._states[name], at[name]
        sort = TEXT if state.type == "text" else NUMBER
        key = self.key(state.key, at)
        asked = (held, key, self.field("now").value)
        sorts = [term.sort() for term in asked]
        known = z3.Function(f"known:{name}", *sorts, z3.BoolSort())(*asked)
        there = z3.Function(f"there:{name}", *sorts, z3.BoolSort())(*asked)
        return known, Worth(there, z3.Function(f"value:{name}", *sorts, sort)(*asked))

    def key(self, of: Value | None, at: "Env") -> Term:
        """What keeps counts or values apart."""
        if of is None:
            return self.text("")
        found = self.worth(of, at)
        return z3.If(found.there, as_text(found.value), self.text(""))

    def set(self, name: str, value: Worth, at: "Env") -> Term:
        """What a state holds when a value was put into it."""
        key = self.key(self._states[name].key, at)
        given = (at[name], key, value.there, value.value, self.field("now").value)
        sorts = [term.sort() for term in given]
        return z3.Function(f"set:{name}:{sorts[3]}", *sorts, at[name].sort())(*given)

    def worth(self, value: Value, at: "Env") -> Worth:
        """What a value comes to."""
        yes = z3.BoolVal(True)
        match value:
            case Text(text):
                return Worth(yes, self.text(text))
            case Number(number) | Span(number):
                return Worth(yes, self.number(number))
            case Field(name):
                return self.field(name)
            case Header(key):
                return at.header(key)
            case Attribute(key):
                return Worth(z3.Bool(f"there:@{key}"), z3.Const(f"attribute:{key}", TEXT))
            case StateValue(name):
                return self.kept(name, at)[1]
            case Hash(of):
                found = self.worth(of, at)
                if found.value.sort() != TEXT:
                    raise UnprovableError("the hash of a number")
                return Worth(found.there, HASH(found.value))
            case Arithmetic(sign, left, right):
                return self._calculated(sign, self.worth(left, at), self.worth(right, at))

    def holds(self, condition: Condition, rule: str, at: "Env") -> Term:
        """Whether a condition is true of the call."""
        match condition:
            case And(of):
                return z3.And(*(self.holds(part, rule, at) for part in of))
            case Or(of):
                return z3.Or(*(self.holds(part, rule, at) for part in of))
            case Not(of):
                return z3.Not(self.holds(of, rule, at))
            case Compare(sign, left, right):
                return _compared(sign, self.worth(left, at), self.worth(right, at))
            case Among(value, among):
                found = self.worth(value, at)
                each = (self.worth(one, at) for one in among)
                return z3.And(found.there, z3.Or(*(_equal(found.value, o.value) for o in each)))
            case Like(value, glob):
                return self._fits(self.worth(value, at), glob)
            case ChainHas(glob):
                has = z3.Bool(f"chain:{glob}")
                nothing_above = REAL_OF(self.field("depth").value) == 0
                self._facts.append(z3.Implies(nothing_above, z3.Not(has)))
                return has
            case Present(StateValue(name)):
                return self.kept(name, at)[0]
            case Present(value):
                return self.worth(value, at).there
            case Truth(name) if name in REPLY_TRUTHS:
                return z3.Bool(f"reply:{name}")
            case Chance(share):
                return z3.Bool(f"chance:{rule}:{share!r}")
        raise UnprovableError(type(condition).__name__)

    def _fits(self, found: Worth, glob: str) -> Term:
        if found.value.sort() != TEXT:
            raise UnprovableError("a glob and a number")
        if "*" not in glob:
            return z3.And(found.there, found.value == self.text(glob))
        predicate = self._globs.setdefault(
            glob, z3.Function(f"glob:{len(self._globs)}", TEXT, z3.BoolSort())
        )
        self._tried[found.value.sexpr()] = found.value
        return z3.And(found.there, predicate(found.value))

    def _calculated(self, sign: str, left: Worth, right: Worth) -> Worth:
        """A function without a meaning, of which it is not even known whether it gives a value."""
        sort = left.value.sort()
        if sort != right.value.sort():
            raise UnprovableError("a calculation with a text and a number")
        given = (left.value, right.value)
        there = z3.Function(f"there{sign}{sort}", sort, sort, z3.BoolSort())(*given)
        value = z3.Function(f"value{sign}{sort}", sort, sort, sort)(*given)
        return Worth(z3.And(left.there, right.there, there), value)


class Env:
    """Headers and memory at one point of a run: what rules above may have changed."""

    def __init__(self, symbols: Symbols) -> None:
        self._symbols = symbols
        self.headers: dict[str, Worth] = {}
        self.memories: dict[str, Term] = {}

    def header(self, key: str) -> Worth:
        """A header as it is now."""
        return self.headers.get(key) or self._symbols.header(key)

    def __getitem__(self, name: str) -> Term:
        """What a state or limit holds now."""
        found = self.memories.get(name)
        return self._symbols.memory(name) if found is None else found


def as_text(value: Term) -> Term:
    """A value as keys and answers have it."""
    return value if value.sort() == TEXT else TEXT_OF(value)


def _equal(left: Term, right: Term) -> Term:
    if left.sort() != right.sort():
        raise UnprovableError("a text compared with a number")
    return left == right if left.sort() == TEXT else REAL_OF(left) == REAL_OF(right)


def _compared(sign: str, left: Worth, right: Worth) -> Term:
    both = z3.And(left.there, right.there)
    if sign in ("=", "!="):
        equal = z3.And(both, _equal(left.value, right.value))
        if sign == "=":
            return equal
        neither = z3.And(z3.Not(left.there), z3.Not(right.there))
        return z3.Not(z3.Or(equal, neither))
    if left.value.sort() != NUMBER or right.value.sort() != NUMBER:
        raise UnprovableError("texts in an order")
    order = getattr(REAL_OF(left.value), SIGNS[sign])(REAL_OF(right.value))
    return z3.And(both, order)


def _apart(one: str, other: str) -> bool:
    """Whether no text fits both globs, by how they begin and end."""
    heads, tails = (
        (one.split("*")[0], other.split("*")[0]),
        (one.split("*")[-1], other.split("*")[-1]),
    )
    begin = heads[0].startswith(heads[1]) or heads[1].startswith(heads[0])
    end = tails[0].endswith(tails[1]) or tails[1].endswith(tails[0])
    return not (begin and end)
