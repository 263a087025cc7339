"""What a setting is: its default, its meaning and the rule that its value must keep."""

import re
from collections.abc import Callable
from dataclasses import field, fields
from typing import Any

from informer.core.errors import InformerError

SIZE = re.compile(r"(?=.*[1-9])(\d{1,12}(?:\.\d{1,12})?)\s*([KMGT])(i?)B", re.ASCII)
MOST_BYTES = 10**15  # of a size; the engine refuses what does not fit into its numbers
PORT = re.compile(r"\d{1,5}", re.ASCII)


def setting(
    default: Any,
    means: str,
    rule: str = "",
    holds: Callable[[Any], bool] | None = None,
    *,
    is_secret: bool = False,
) -> Any:
    """A field with its documentation and the rule that its value must keep.

    What may be secret is not said where it is wrong.
    """
    metadata = {"means": means, "rule": rule, "holds": holds, "default": default}
    metadata["is_secret"] = is_secret
    if isinstance(default, dict):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def check(section: str, values: Any) -> None:
    """Hold every value of a section against its type and rule.

    Errors: InformerError that names the key, the rule and, unless it may be secret, the value.
    """
    for known in fields(values):
        value = getattr(values, known.name)
        got = "what is there is not shown" if known.metadata["is_secret"] else f"got {value!r}"
        rule, holds = known.metadata["rule"], known.metadata["holds"]
        wrong_type = not _fits(value, known.metadata["default"])
        if wrong_type or (holds is not None and not holds(value)):
            needed = rule or f"must be a {type(known.metadata['default']).__name__}"
            raise InformerError(f"{section}.{known.name} {needed}, {got}")
        if not _is_unicode(value):
            raise InformerError(f"{section}.{known.name} must be Unicode text, {got}")


def _fits(value: Any, default: Any) -> bool:
    if isinstance(default, bool) or isinstance(value, bool):
        return isinstance(value, bool) and isinstance(default, bool)
    if isinstance(default, float):
        return isinstance(value, int | float)
    return isinstance(value, type(default))


def is_port(text: str) -> bool:
    """Whether it is the number of a port."""
    return PORT.fullmatch(text) is not None and int(text) <= 65_535


def is_size(text: str, most: int = MOST_BYTES) -> bool:
    """Whether it is a size such as `4GB`, of so many bytes at most."""
    return SIZE.fullmatch(text) is not None and bytes_of(text) <= most


def bytes_of(size: str) -> int:
    """How many bytes a size such as `4GB` is.

    >>> bytes_of("1.5KiB"), bytes_of("4GB")
    (1536, 4000000000)
    """
    found = SIZE.fullmatch(size)
    if found is None:
        raise InformerError(f"a size must be such as 4GB, got {size!r}")
    number, unit, binary = found.groups()
    factor: int = (1024 if binary else 1000) ** (1 + "KMGT".index(unit))
    return round(float(number) * factor)


def _is_unicode(value: Any) -> bool:
    """Whether texts can be written down: bytes that are no UTF-8 reach us as lone surrogates."""
    if isinstance(value, dict):
        return all(_is_unicode(x) for pair in value.items() for x in pair)
    if isinstance(value, tuple):
        return all(_is_unicode(x) for x in value)
    return not isinstance(value, str) or not re.search("[\ud800-\udfff]", value)
