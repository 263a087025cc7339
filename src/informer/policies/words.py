"""A cursor over the words of a rule file: what is next, what must be, and what was meant."""

from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from typing import NoReturn, TypeVar

from informer.policies.fields import RuleError
from informer.policies.syntax import MOST_DEPTH, MOST_NUMBER, MOST_VALUES
from informer.policies.tokens import (
    END,
    NAME,
    NUMBER,
    SPAN,
    TEXT,
    Token,
    span_of,
    text_of,
    tokens,
)

T = TypeVar("T")

LONGEST_NS = 366 * 86_400_000_000_000
LONGEST_NAME = 200


class Words:
    """The words of one file, read from front to back with one word of foresight."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self._left = tokens(text, name)
        self.next = next(self._left)
        self._depth = 0

    def take(self) -> Token:
        """The next word, and go on."""
        word = self.next
        if word.kind != END:
            self.next = next(self._left)
        return word

    def sees(self, *texts: str) -> bool:
        """Whether the next word is one of these."""
        return self.next.kind not in (TEXT, END) and self.next.text in texts

    def takes(self, *texts: str) -> Token | None:
        """Take the next word if it is one of these."""
        return self.take() if self.sees(*texts) else None

    def need(self, text: str, where: str) -> Token:
        """Take a word that must come here."""
        return self.takes(text) or self.wrong(f"{where} must go on with `{text}`")

    def wrong(self, why: str, at: Token | None = None) -> NoReturn:
        """Say what is wrong with a word; with the next one it also says what that is."""
        word = at or self.next
        if at is None:
            why += f", got {self.shown()}"
        raise RuleError(self.name, word.line, word.column, why)

    def shown(self) -> str:
        """The next word, for people."""
        return "the end of the file" if self.next.kind == END else f"`{self.next.text[:60]}`"

    def meant(self, known: Iterable[str]) -> str:
        """`; did you mean ...` for a word that is close to a known one."""
        close = get_close_matches(self.next.text, list(known), 1) if self.next.text else []
        return f"; did you mean `{close[0]}`?" if close else ""

    def a_name(self, what: str, reserved: Iterable[str] = ()) -> str:
        """A name that is no reserved word."""
        if self.next.kind != NAME or self.next.text in reserved:
            self.wrong(f"{what} must be a name of letters, digits and _, and no reserved word")
        if len(self.next.text) > LONGEST_NAME:
            self.wrong(f"{what} must have at most {LONGEST_NAME} characters", self.next)
        return self.take().text

    def a_text(self, what: str) -> str:
        """A text in quotes."""
        if self.next.kind != TEXT:
            self.wrong(f'{what} must be a text in "quotes"')
        return text_of(self.take(), self.name)

    def a_number(self, what: str) -> int | float:
        """A number without sign."""
        if self.next.kind != NUMBER:
            self.wrong(f"{what} must be a number")
        word = self.take()
        if len(word.text) > 30 or float(word.text) > MOST_NUMBER:
            self.wrong(f"{what} must be at most {MOST_NUMBER:,}", word)
        return float(word.text) if "." in word.text else int(word.text)

    def a_whole_number(self, what: str, least: int, most: int) -> int:
        """A whole number in a range, both ends included."""
        word = self.next
        number = self.a_number(what)
        if not isinstance(number, int) or not least <= number <= most:
            self.wrong(f"{what} must be a whole number from {least:,} to {most:,}", word)
        return number

    def a_span(self, what: str, least_ns: int = 1) -> int:
        """A time such as 250ms, in nanoseconds."""
        if self.next.kind != SPAN:
            self.wrong(f"{what} must be a time such as 250ms, 10s, 5m, 1h or 7d")
        word = self.take()
        if len(word.text) > 25 or not least_ns <= span_of(word) <= LONGEST_NS:
            self.wrong(f"{what} must be at least {least_ns} ns and at most 366d", word)
        return span_of(word)

    def listed(self, what: str, one: Callable[[str], T], most: int = MOST_VALUES) -> Sequence[T]:
        """One or more in parentheses, with commas between."""
        opened = self.need("(", what)
        found = [one(what)]
        while self.takes(","):
            if len(found) >= most:
                self.wrong(f"{what} must have at most {most:,} values", opened)
            found.append(one(what))
        self.need(")", what)
        return found

    def deeper(self, step: int) -> None:
        """Count how deep conditions are nested: a hostile file must not exhaust the stack."""
        self._depth += step
        if self._depth > MOST_DEPTH:
            self.wrong(f"conditions may be nested {MOST_DEPTH} deep at most", self.next)
