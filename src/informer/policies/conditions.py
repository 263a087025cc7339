"""Words to conditions and values; what does not fit together is told where it stands.

or > and > not > comparison > sum > product > one; each function reads one level.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from informer.policies.fields import FIELDS, NUMBER, REPLY_FIELDS, REPLY_TRUTHS, TEXT, TIME
from informer.policies.syntax import (
    MOST_DEPTH,
    MOST_VALUES,
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
    State,
    StateValue,
    Text,
    Truth,
    Value,
)
from informer.policies.tokens import NAME, Token
from informer.policies.tokens import NUMBER as NUMBER_TOKEN
from informer.policies.tokens import SPAN as SPAN_TOKEN
from informer.policies.tokens import TEXT as TEXT_TOKEN
from informer.policies.words import Words

TRUE_OR_FALSE = "condition"
CALLED = ("header", "attribute", "hash", "present", "chance")
COMPARISONS = ("=", "!=", "<", "<=", ">", ">=")


@dataclass(frozen=True, slots=True)
class Read:
    """What was read, its type, and where it began."""

    node: Value | Condition
    type: str
    at: Token
    depth: int = 1


@dataclass(slots=True)
class Expressions:
    """Reads conditions and values; `states` are those declared above."""

    words: Words
    states: Mapping[str, State]
    on_reply: bool = field(default=False)

    def condition(self) -> Condition:
        """A condition. Errors: RuleError where a value stands instead."""
        return self._true_or_false(self._any())

    def value(self, what: str, *types: str) -> Value:
        """A value of one of the types."""
        read = self._sum()
        if read.type not in types:
            self.words.wrong(f"{what} must be a {' or '.join(types)}, got a {read.type}", read.at)
        return read.node  # type: ignore[return-value]  # no condition has such a type

    def _any(self) -> Read:
        return self._joined("or", self._all)

    def _all(self) -> Read:
        return self._joined("and", self._not)

    def _joined(self, word: str, below: Callable[[], Read]) -> Read:
        parts = [below()]
        if not self.words.sees(word):
            return parts[0]
        while self.words.takes(word):
            if len(parts) >= MOST_VALUES:
                self.words.wrong(
                    f"`{word}` may join at most {MOST_VALUES:,} conditions", parts[0].at
                )
            parts.append(below())
        conditions = tuple(map(self._true_or_false, parts))
        node = Or(conditions) if word == "or" else And(conditions)
        return self._made(node, TRUE_OR_FALSE, parts[0].at, *parts)

    def _not(self) -> Read:
        word = self.words.takes("not")
        if word is None:
            return self._comparison()
        self.words.deeper(1)
        negated = self._not()
        self.words.deeper(-1)
        return self._made(Not(self._true_or_false(negated)), TRUE_OR_FALSE, word, negated)

    def _comparison(self) -> Read:
        if self.words.sees("chain"):
            at = self.words.take()
            self.words.need("has", "`chain`")
            return Read(ChainHas(self.words.a_text("`chain has`")), TRUE_OR_FALSE, at)
        left = self._sum()
        sign = self.words.takes(*COMPARISONS, "like", "in")
        if sign is None:
            return left
        if left.type == TRUE_OR_FALSE:
            self.words.wrong(f"`{sign.text}` compares values, and a condition is none", left.at)
        value: Value = left.node  # type: ignore[assignment]
        if sign.text == "like":
            self._must_be(left, TEXT, "like")
            glob = self.words.a_text("`like`")
            return self._made(Like(value, glob), TRUE_OR_FALSE, left.at, left)
        if sign.text == "in":
            one = self._text_of_list if left.type == TEXT else self._number_of_list
            if left.type == TIME:
                self.words.wrong("`in` is for texts and numbers, got a time", left.at)
            among = tuple(self.words.listed("`in`", one))
            return self._made(Among(value, among), TRUE_OR_FALSE, left.at, left)
        right = self._sum()
        if right.type != left.type:
            self.words.wrong(
                f"`{sign.text}` compares values of one type, got {left.type} and {right.type}",
                right.at,
            )
        if sign.text not in ("=", "!=") and left.type == TEXT:
            self.words.wrong(f"`{sign.text}` compares numbers and times, got a text", left.at)
        compared = Compare(sign.text, value, right.node)  # type: ignore[arg-type]
        return self._made(compared, TRUE_OR_FALSE, left.at, left, right)

    def _text_of_list(self, what: str) -> Text | Number:
        return Text(self.words.a_text(what))

    def _number_of_list(self, what: str) -> Text | Number:
        return Number(self.words.a_number(what))

    def _sum(self) -> Read:
        left = self._product()
        while sign := self.words.takes("+", "-"):
            left = self._calculated(left, sign, self._product())
        return left

    def _product(self) -> Read:
        left = self._one()
        while sign := self.words.takes("*", "/", "%"):
            left = self._calculated(left, sign, self._one())
        return left

    def _calculated(self, left: Read, sign: Token, right: Read) -> Read:
        same = {"+": (NUMBER, TIME, TEXT), "-": (NUMBER, TIME)}.get(sign.text, (NUMBER,))
        if left.type != right.type or left.type not in same:
            self.words.wrong(
                f"`{sign.text}` takes two of one type ({', '.join(same)}), got {left.type} and "
                f"{right.type}",
                sign,
            )
        node = Arithmetic(sign.text, left.node, right.node)  # type: ignore[arg-type]
        return self._made(node, left.type, left.at, left, right)

    def _one(self) -> Read:
        word = self.words.next
        if self.words.takes("("):
            self.words.deeper(1)
            inner = self._any()
            self.words.need(")", "what is in parentheses")
            self.words.deeper(-1)
            return Read(inner.node, inner.type, word, inner.depth)
        if word.kind == TEXT_TOKEN:
            return Read(Text(self.words.a_text("a text")), TEXT, word)
        if word.kind == NUMBER_TOKEN:
            return Read(Number(self.words.a_number("a number")), NUMBER, word)
        if word.kind == SPAN_TOKEN:
            return Read(Span(self.words.a_span("a time", 0)), TIME, word)
        if word.kind == NAME:
            return self._named(word)
        return self.words.wrong("a condition or value must come here")

    def _named(self, word: Token) -> Read:
        name = word.text
        if name in FIELDS:
            return Read(Field(self.words.take().text), FIELDS[name], word)
        if name in self.states:
            return Read(StateValue(self.words.take().text), self.states[name].type, word)
        if name in CALLED:
            self.words.take()
            return self._called(word)
        if name in REPLY_FIELDS or name in REPLY_TRUTHS:
            if not self.on_reply:
                self.words.wrong(
                    f"`{name}` is known when the reply is there: say `rule NAME on reply`", word
                )
            self.words.take()
            if name in REPLY_TRUTHS:
                return Read(Truth(name), TRUE_OR_FALSE, word)
            return Read(Field(name), REPLY_FIELDS[name], word)
        known = [*FIELDS, *REPLY_FIELDS, *REPLY_TRUTHS, *CALLED, *self.states, "chain"]
        meant = self.words.meant(known).removesuffix("?")
        meant += f'{" or" if meant else "; did you mean"} the text "{name}"?'
        return self.words.wrong(
            f"a call has no `{name}`, and no state above has that name{meant}", word
        )

    def _called(self, word: Token) -> Read:
        what = f"`{word.text}`"
        self.words.need("(", what)
        node: Value | Condition
        if word.text in ("header", "attribute"):
            key = self.words.a_text(what)
            node = Header(key.lower()) if word.text == "header" else Attribute(key)
            kind = TEXT
        elif word.text == "hash":
            self.words.deeper(1)
            hashed = self._sum()
            self._must_be(hashed, TEXT, "hash")
            self.words.deeper(-1)
            self.words.need(")", what)
            return self._made(Hash(hashed.node), NUMBER, word, hashed)  # type: ignore[arg-type]
        elif word.text == "chance":
            at = self.words.next
            share = float(self.words.a_number(what))
            if share > 1:
                self.words.wrong("`chance` must be from 0 to 1", at)
            node, kind = Chance(share), TRUE_OR_FALSE
        else:
            at = self.words.next
            inner = self._sum().node
            if not isinstance(inner, Header | Attribute | StateValue):
                self.words.wrong("`present` is for a header, an attribute or a state", at)
            node, kind = Present(inner), TRUE_OR_FALSE
        self.words.need(")", what)
        return Read(node, kind, word)

    def _made(self, node: Value | Condition, kind: str, at: Token, *parts: Read) -> Read:
        """A node out of its parts; trees are so shallow that walking them needs no care."""
        depth = 1 + max(part.depth for part in parts)
        if depth > MOST_DEPTH:
            self.words.wrong(f"a condition may be nested {MOST_DEPTH} deep at most", at)
        return Read(node, kind, at, depth)

    def _true_or_false(self, read: Read) -> Condition:
        if read.type != TRUE_OR_FALSE:
            self.words.wrong(f"a condition must be true or false, got a {read.type}", read.at)
        return read.node  # type: ignore[return-value]

    def _must_be(self, read: Read, kind: str, sign: str) -> None:
        if read.type != kind:
            self.words.wrong(f"`{sign}` is for a {kind}, got a {read.type}", read.at)
