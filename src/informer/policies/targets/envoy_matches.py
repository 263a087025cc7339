"""Requests and headers in the words of Envoy: permissions of RBAC, and matchers of headers."""

import re
from collections.abc import Sequence
from typing import Any

from informer.policies.syntax import Among, Compare, Condition, Header, Like, Not, Present, Text
from informer.policies.targets.paths import Request

Config = dict[str, Any]
QUERY = "(?:[?#].*)?"
SAYS_NOTHING = {"any": True}


def permission(
    request: Request | None, but_not: Sequence[Request], when: Sequence[Condition]
) -> Config:
    """What RBAC lets pass or refuses: all of this."""
    found = [] if request is None else _asked(request)
    if but_not:
        left_out = [_all(_asked(other)) for other in but_not]
        found.append({"not_rule": _any(left_out)})
    found += [_leaf(leaf) for leaf in when]
    return _all(found)


def path_matcher(request: Request, *, inverted: bool = False) -> Config | None:
    """A matcher of `:path`, which has the query in it; None where every path fits."""
    if request.rest and not request.segments and not request.stem:
        return None
    regex = request.regex("[^/;?#]+") + ("" if request.rest else QUERY)
    return matcher(":path", {"safe_regex": {"regex": regex}}, inverted=inverted)


def matcher(name: str, text: Config, *, inverted: bool = False) -> Config:
    """A matcher of one header; inverted it holds without the header as well."""
    found: Config = {"name": name, "string_match": text}
    if inverted:
        found |= {"invert_match": True, "treat_missing_header_as_empty": True}
    return found


def leaf_matcher(leaf: Condition, *, inverted: bool = False) -> Config:
    """A matcher for what a rule asks of one header."""
    match leaf:
        case Not(of):
            return leaf_matcher(of, inverted=not inverted)
        case Compare(sign, Header(key), Text(text)) | Compare(sign, Text(text), Header(key)):
            return matcher(key, {"exact": text}, inverted=inverted is not (sign == "!="))
        case Among(Header(key), among):
            either = "|".join(re.escape(str(one.value)) for one in among)
            return matcher(key, {"safe_regex": {"regex": either}}, inverted=inverted)
        case Like(Header(key), glob):
            return matcher(key, {"safe_regex": {"regex": glob_regex(glob)}}, inverted=inverted)
        case Present(Header(key)):
            return {"name": key, "present_match": not inverted}
    raise ValueError(leaf)


def glob_regex(glob: str) -> str:
    """RE2 for the texts that fit a glob."""
    return ".*".join(map(re.escape, glob.split("*")))


def _asked(request: Request) -> list[Config]:
    found: list[Config] = []
    if request.verb is not None:
        found.append({"header": matcher(":method", {"exact": request.verb})})
    if request.exact is not None:
        found.append({"url_path": {"path": {"exact": request.exact}}})
    elif request.segments or request.stem or not request.rest:
        found.append({"url_path": {"path": {"safe_regex": {"regex": request.regex()}}}})
    return found


def _leaf(leaf: Condition) -> Config:
    match leaf:
        case Not(of):
            return {"not_rule": _leaf(of)}
        case Compare("!=", left, right):
            return {"not_rule": _leaf(Compare("=", left, right))}
    return {"header": leaf_matcher(leaf)}


def _all(of: list[Config]) -> Config:
    if not of:
        return dict(SAYS_NOTHING)
    return of[0] if len(of) == 1 else {"and_rules": {"rules": of}}


def _any(of: list[Config]) -> Config:
    return of[0] if len(of) == 1 else {"or_rules": {"rules": of}}
