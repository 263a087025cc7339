"""Values of a scenario file: every key is known, every value keeps its rule."""

import re
from collections.abc import Callable
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar

from informer.core.errors import InformerError

Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Rule:
    """What a value must be, in words and as a test."""

    said: str
    holds: Callable[[Any], bool]


def number(low: float, high: float) -> Rule:
    """A number within bounds, both included."""
    return Rule(f"must be {low:g} to {high:g}", lambda v: _is_number(v) and low <= v <= high)


def whole(low: int, high: int) -> Rule:
    """A whole number within bounds, both included."""
    return Rule(
        f"must be a whole number from {low} to {high}",
        lambda v: isinstance(v, int) and not isinstance(v, bool) and low <= v <= high,
    )


def span_of(low: float, high: float) -> Rule:
    """A number, or `[least, most]` to draw one from."""
    return Rule(
        f"must be a number or [least, most], {low:g} to {high:g}",
        lambda v: all(_is_number(x) and low <= x <= high for x in _ends(v)) and _rises(_ends(v)),
    )


def text(pattern: str, said: str) -> Rule:
    """A text of a form."""
    return Rule(said, lambda v: isinstance(v, str) and re.fullmatch(pattern, v) is not None)


def one_of(*names: str) -> Rule:
    """One of a few words."""
    return Rule(f"must be one of {', '.join(names)}", lambda v: v in names)


ANY_TEXT = Rule("must be a text", lambda v: isinstance(v, str))
NAME = text(r"[a-z][a-z0-9_-]*", "must be lower-case letters, digits, - and _")
TEXTS = Rule(
    "must be a list of texts",
    lambda v: isinstance(v, list) and all(isinstance(x, str) for x in v),
)
TABLE = Rule("must be a table", lambda v: isinstance(v, dict))
DAYS = Rule(
    "must be a list of day numbers from 0",
    lambda v: isinstance(v, list) and all(isinstance(x, int) and x >= 0 for x in v),
)
PEAKS = Rule(
    "must be a list of [hour, width in hours, height], all at least 0",
    lambda v: (
        isinstance(v, list)
        and all(isinstance(p, list) and len(p) == 3 for p in v)
        and all(_is_number(x) and x >= 0 for p in v for x in p)
        and all(p[1] > 0 for p in v)
    ),
)


def key(rule: Rule, default: Any = MISSING) -> Any:
    """A field that a scenario file may set; without a default it must."""
    if default is MISSING:
        return field(metadata={"rule": rule})
    if isinstance(default, list):
        return field(default_factory=default.copy, metadata={"rule": rule})
    return field(default=default, metadata={"rule": rule})


def made(cls: type[Made], values: Any, where: str) -> Made:
    """A value of a dataclass whose fields are keys.

    Errors: InformerError that names the key, the rule and the value.
    """
    if not isinstance(values, dict):
        raise InformerError(f"{where} must be a section, got {values!r}")
    # `cls` is one of our dataclasses, which no type of the standard library says.
    known = {f.name: f for f in fields(cls)}  # type: ignore[arg-type]  # a dataclass
    for name, value in values.items():
        if name not in known:
            raise InformerError(f"{where}.{name} is unknown, there are {', '.join(known)}")
        rule: Rule = known[name].metadata["rule"]
        if not rule.holds(value):
            raise InformerError(f"{where}.{name} {rule.said}, got {value!r}")
    for name, one in known.items():
        needed = one.default is MISSING and one.default_factory is MISSING
        if needed and name not in values:
            raise InformerError(f"{where}.{name} must be given")
    return cls(**values)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _ends(value: Any) -> list[Any]:
    ends = value if isinstance(value, list) else [value, value]
    return ends if len(ends) == 2 else [None]


def _rises(ends: list[Any]) -> bool:
    return bool(ends[0] <= ends[1])
