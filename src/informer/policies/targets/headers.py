"""Conditions about headers of a request, which proxies can ask for."""

import re
from collections.abc import Set

from informer.policies.syntax import (
    Among,
    Compare,
    Condition,
    Header,
    Like,
    Policy,
    Present,
    SetHeader,
    Text,
)

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")


def set_by_rules(policy: Policy) -> frozenset[str]:
    """Headers that rules set, which are not in the request that a proxy sees."""
    return frozenset(
        action.key
        for rule in policy.rules
        for action in rule.actions
        if isinstance(action, SetHeader)
    )


def is_value(text: str) -> bool:
    """Whether a header may have this value, and no proxy changes it."""
    return text.isascii() and text.isprintable() and text == text.strip()


def header_asked(leaf: Condition, changed: Set[str]) -> bool:
    """Whether a condition is a comparison of one header with texts."""
    match leaf:
        case Compare("=" | "!=", Header(key), Text(text)):
            texts = [text]
        case Compare("=" | "!=", Text(text), Header(key)) | Like(Header(key), text):
            texts = [text]
        case Among(Header(key), among) if all(isinstance(one, Text) for one in among):
            texts = [str(one.value) for one in among]
        case Present(Header(key)):
            texts = []
        case _:
            return False
    good = NAME.fullmatch(key) is not None and key not in changed
    return good and all(map(is_value, texts))
