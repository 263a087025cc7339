"""Text of rules to words with their places."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from informer.policies.fields import RuleError
from informer.policies.syntax import MOST_BYTES, MOST_CHARACTERS

UNITS_NS = {
    "d": 86_400_000_000_000,
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
NAME, TEXT, NUMBER, SPAN, SYMBOL, END = "name", "text", "number", "span", "symbol", "end"

# No part can be matched in two ways, so that no text makes the search go back and forth.
_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r]+|\#[^\n]*)
    |(?P<newline>\n)
    |(?P<span>[0-9]+(?:ns|us|ms|s|m|h|d)(?![A-Za-z0-9_.]))
    |(?P<number>[0-9]+(?:\.[0-9]+)?(?![A-Za-z0-9_.]))
    |(?P<name>[A-Za-z_][A-Za-z0-9_]*)
    |(?P<text>"(?:[^"\\\n]|\\.)*")
    |(?P<symbol>!=|<=|>=|[{}()\[\],=<>+\-*/%@])""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word and where it begins; lines and columns count from 1."""

    kind: str
    text: str
    line: int
    column: int


def tokens(text: str, name: str) -> Iterator[Token]:
    """The words of a file, and one at its end. Errors: RuleError at what is no word."""
    if len(text) > MOST_BYTES:
        raise RuleError(name, 1, 1, f"rules must have at most {MOST_BYTES:,} characters")
    line, begins, at = 1, 0, 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        column = at - begins + 1
        if found is None:
            raise RuleError(name, line, column, _unread(text, at))
        kind, word = str(found.lastgroup), found.group()
        _refuse_hidden(word, name, line, column)
        if kind == "newline":
            line, begins = line + 1, found.end()
        elif kind != "blank":
            yield Token(kind, word, line, column)
        at = found.end()
    yield Token(END, "", line, at - begins + 1)


def text_of(token: Token, name: str) -> str:
    """What a text in quotes says. Errors: RuleError for an escape that is none, or one too long."""
    try:
        value = str(orjson.loads(token.text))
    except orjson.JSONDecodeError:
        why = r"a text may escape \" \\ \n \t \r \b \f \/ and \uXXXX, got "
        raise RuleError(name, token.line, token.column, why + token.text[:60]) from None
    if len(value) > MOST_CHARACTERS:
        why = f"a text must have at most {MOST_CHARACTERS:,} characters, got {len(value):,}"
        raise RuleError(name, token.line, token.column, why)
    return value


def span_of(token: Token) -> int:
    """Nanoseconds of a span of time such as `10m`."""
    digits = token.text.rstrip("dhmsun")
    return int(digits) * UNITS_NS[token.text[len(digits) :]]


def _unread(text: str, at: int) -> str:
    if text[at] == '"':
        return 'a text must end with " on the line it begins on'
    if text[at].isdigit():
        word = re.match(r"[A-Za-z0-9_.]{1,40}", text[at:])
        units = ", ".join(UNITS_NS)
        return f"a number is 5 or 0.5, a time a number and one of {units}, got {word and word[0]}"
    return f"no word begins with {text[at]!r}"


def _refuse_hidden(word: str, name: str, line: int, column: int) -> None:
    """What a reviewer cannot see must not be in a file: bidirectional marks, control characters."""
    for place, character in enumerate(word):
        if not character.isprintable() and character not in "\t\r\n":
            why = f"write the character U+{ord(character):04X} as \\u{ord(character):04x} in a text"
            raise RuleError(name, line, column + place, why)
