"""Limits as Envoy's local rate limit: a token bucket for each, chosen by descriptors.

A bucket of Envoy holds and refills as the rules say, in whole calls, rounded up.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from informer.policies.syntax import Condition, Header, Limit
from informer.policies.targets.cells import Cap
from informer.policies.targets.doors import Door
from informer.policies.targets.envoy_callers import Callers
from informer.policies.targets.envoy_matches import Config, leaf_matcher, matcher, path_matcher
from informer.policies.targets.headers import NAME
from informer.policies.targets.names import dns_label
from informer.policies.targets.paths import Request, covers, overlap, request_of
from informer.policies.targets.peers import Asker, Peer, rpcs
from informer.policies.targets.requests import Alike, spread

LEAST_NS = 50_000_000  # between two fillings, by Envoy
MOST_TOKENS = 2**31
HALVES = 10  # intervals in which an amount with a decimal is a whole one
OVER_LIMIT = "x-informer-over-limit"
PROXIES = "each proxy counts for itself: with N of them N times as much passes"
HOURS = "the largest amount of the 24 hours holds at all of them, in rule"
COST = "calls are not limited, as Envoy counts calls and nothing else, by rule"
KEY = "calls are not limited, as Envoy counts apart by a header and nothing else, by rule"
KEYS = "values beyond `keep` make room by forgetting others, so more passes, by rule"
ZERO = "a limit below one lets some pass, in rule"
LARGE = "calls are not limited, as the amount is larger than Envoy counts, by rule"
NOT_TOLD = "calls are not limited, as a proxy cannot tell the methods"
NOT_APART = "calls are not limited, as Envoy cannot tell them from others in a limit"
Kind = tuple[Request | None, tuple[Request, ...], tuple[Condition, ...]]


@dataclass(slots=True)
class _Counted:
    """A limit and what it counts, by who sends it."""

    cap: Cap
    by_peer: dict[int, list[Kind]] = field(default_factory=lambda: defaultdict(list))


def limit_filters(
    door: Door, callers: Callers, order: Mapping[str, int], shadow: bool
) -> list[Config]:
    """Filters in the order of the rules: limits that count the same call never share one.

    A call that a limit refuses must not use up the limits below it.
    """
    ask = door.ask
    counted: dict[tuple[str, int], _Counted] = {}
    for place, peer in enumerate(door.peers):
        for cap, kind in _counted(peer, door, ask):
            its = counted.setdefault((cap.rule, cap.place), _Counted(cap))
            its.by_peer[place].append(kind)
    together: list[list[_Counted]] = []
    for one in sorted(counted.values(), key=lambda it: (order[it.cap.rule], it.cap.place)):
        if not _is_possible(one.cap, ask):
            continue
        if together and all(_share_filter(one, other) for other in together[-1]):
            together[-1].append(one)
        else:
            together.append([one])
    return [
        _filter(door, callers, number, limits, shadow) for number, limits in enumerate(together, 1)
    ]


def _counted(peer: Peer, door: Door, ask: Asker) -> list[tuple[Cap, Kind]]:
    """Limits that hold for all of a peer whose calls may pass, with what they count."""
    by_method = {m: _caps(peer, m, ask) for m in peer.methods}
    found: list[tuple[Cap, Kind]] = []
    for cap, when in by_method[None]:
        if all((cap, when) in caps for caps in by_method.values()):
            for like, leaves in _spread(cap, when, ask):
                request = None if like is None else like.request
                found.append((cap, (request, _unlike(like, door), leaves)))
        elif when is True or any(like is None for like, _ in _spread(cap, when, ask)):
            ask.weak.add(NOT_APART, *rpcs(peer, door.guard, [None]))
        else:
            for like, leaves in _spread(cap, when, ask):
                request = None if like is None else like.request
                closer = (*_closer(request, None, door), *_unlike(like, door))
                found.append((cap, (request, closer, leaves)))
    whole = {cap for cap, (request, _, _) in found if request is None}
    for method, caps in by_method.items():
        request = None if method is None else request_of(method)
        for cap, when in caps:
            if method is None or cap in whole:
                continue
            if request is None:
                ask.weak.add(NOT_TOLD, *rpcs(peer, door.guard, [method]))
                continue
            closer = _closer(request, method, door)
            if any(other.verb not in (None, request.verb) for other in closer):
                ask.weak.add(NOT_APART, *rpcs(peer, door.guard, [method]))
                continue
            found += [(cap, (request, closer, leaves)) for _, leaves in _spread(cap, when, ask)]
    return found


def _caps(peer: Peer, method: str | None, ask: Asker) -> list[tuple[Cap, Condition | bool]]:
    each = [
        [(c, ask.reached(row, c.above, c.when, c.rule)) for c in row.caps]
        for row in peer.of(method)
        if ask.allowed(row)
    ]
    if not each:
        return []
    common = [it for it in each[0] if it[1] is not False and all(it in caps for caps in each)]
    lost = {cap.rule for caps in each for cap, _ in caps} - {cap.rule for cap, _ in common}
    if lost:
        ask.weak.add("not limited for all callers, as some cannot be told apart, by rule", *lost)
    return common


def _unlike(like: Alike | None, door: Door) -> tuple[Request, ...]:
    """Requests of methods whose names do not fit, though their requests may."""
    unlike = like.named_otherwise(door.guard.methods) if like else ()
    return tuple(r for m in unlike if (r := request_of(m)) is not None)


def _spread(
    cap: Cap, when: Condition | bool, ask: Asker
) -> list[tuple[Alike | None, tuple[Condition, ...]]]:
    return [(like, leaves) for _, leaves, like in spread([(cap.rule, when)], ask, above=False)]


def _closer(request: Request | None, method: str | None, door: Door) -> tuple[Request, ...]:
    """Methods of their own whose requests these would be as well."""
    if request is None:
        return ()
    others = (request_of(m) for m in door.guard.methods if m != method)
    return tuple(
        o for o in others if o is not None and covers(request, o) and not covers(o, request)
    )


def _is_possible(cap: Cap, ask: Asker) -> bool:
    limit = cap.limit
    if limit.cost is not None:
        ask.weak.add(COST, cap.rule)
        return False
    if limit.key is not None and not (
        isinstance(limit.key, Header) and NAME.fullmatch(limit.key.key)
    ):
        ask.weak.add(KEY, cap.rule)
        return False
    if max(limit.capacity, max(limit.amounts) * _times(limit)) >= MOST_TOKENS:
        ask.weak.add(LARGE, cap.rule)
        return False
    ask.weak.add(PROXIES)
    if limit.key is not None:
        ask.weak.add(KEYS, cap.rule)
    if len(limit.amounts) > 1:
        ask.weak.add(HOURS, cap.rule)
    if min(max(limit.amounts) * _times(limit), limit.capacity) < 1:
        ask.weak.add(ZERO, cap.rule)
    return True


def _share_filter(one: _Counted, other: _Counted) -> bool:
    """Whether two limits answer with one status and never count the same call."""
    if one.cap.limit.status != other.cap.limit.status:
        return False
    return not any(
        a is None or b is None or overlap(a, b)
        for place in one.by_peer.keys() & other.by_peer.keys()
        for a, _, _ in one.by_peer[place]
        for b, _, _ in other.by_peer[place]
    )


def _filter(
    door: Door, callers: Callers, number: int, limits: list[_Counted], shadow: bool
) -> Config:
    descriptors, rates = [], []
    for one in limits:
        name, key = f"{one.cap.rule}/{one.cap.place}", one.cap.limit.key
        matches = _matches(door, callers, one)
        entry = {"key": "rule", "value": name}
        descriptors.append({"entries": [entry], "token_bucket": _bucket(one.cap.limit)})
        if isinstance(key, Header):
            # Calls without the header share the bucket above, each value has one of its own.
            without = {"name": key.key, "present_match": False}
            rates += [_rate(name, [*headers, without]) for headers in matches]
            rates += [_rate(f"{name}/by", headers, key.key) for headers in matches]
            keyed = [{"key": "rule", "value": f"{name}/by"}, {"key": "by"}]
            descriptors.append({"entries": keyed, "token_bucket": _bucket(one.cap.limit)})
        else:
            rates += [_rate(name, headers) for headers in matches]
    keys = [one.cap.limit.keys for one in limits if one.cap.limit.key is not None]
    typed: Config = {
        "@type": "type.googleapis.com/"
        "envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit",
        "stat_prefix": dns_label(door.callee),
        "status": {"code": limits[0].cap.limit.status},
        "filter_enabled": {"default_value": {"numerator": 100}},
        "filter_enforced": {"default_value": {"numerator": 0 if shadow else 100}},
        "rate_limited_as_resource_exhausted": True,
        "always_consume_default_token_bucket": False,
        "descriptors": descriptors,
        "rate_limits": rates,
    }
    if keys:
        typed["max_dynamic_descriptors"] = max(keys)
    if shadow:
        over: Config = {"header": {"key": OVER_LIMIT, "value": "true"}}
        over["append_action"] = "OVERWRITE_IF_EXISTS_OR_ADD"
        typed["request_headers_to_add_when_not_enforced"] = [over]
    return {"name": f"informer.limits.{number}", "typed_config": typed}


def _matches(door: Door, callers: Callers, one: _Counted) -> list[list[Config]]:
    """Headers that all fit, for each way to be counted; no request fits two of them."""
    together: dict[tuple[Kind, ...], list[Peer]] = defaultdict(list)
    for place, kinds in one.by_peer.items():
        together[tuple(dict.fromkeys(kinds))].append(door.peers[place])
    return [
        [*caller, *_headers(*kind)]
        for kinds, its in together.items()
        for caller in callers.matchers(its)
        for kind in kinds
    ]


def _headers(
    request: Request | None, but_not: tuple[Request, ...], when: tuple[Condition, ...]
) -> list[Config]:
    found = [leaf_matcher(leaf) for leaf in when]
    if request is not None:
        if request.verb is not None:
            found.append(matcher(":method", {"exact": request.verb}))
        found += [m for m in [path_matcher(request)] if m]
    found += [m for other in but_not if (m := path_matcher(other, inverted=True))]
    return found


def _rate(name: str, headers: list[Config], by: str | None = None) -> Config:
    # Every request has a path: what counts all of them must ask for something.
    asked = headers or [{"name": ":path", "present_match": True}]
    match = {"descriptor_key": "rule", "descriptor_value": name, "headers": asked}
    actions: list[Config] = [{"header_value_match": match}]
    if by is not None:
        actions.append({"request_headers": {"header_name": by, "descriptor_key": "by"}})
    return {"actions": actions}


def _bucket(limit: Limit) -> dict[str, Any]:
    times = _times(limit)
    return {
        "max_tokens": max(1, ceil(limit.capacity)),
        "tokens_per_fill": max(1, ceil(max(limit.amounts) * times)),
        "fill_interval": _duration(limit.per_ns * times),
    }


def _times(limit: Limit) -> int:
    """How many intervals Envoy must take together: it knows no short ones, and no half calls."""
    halves = isinstance(max(limit.amounts), float)
    return max(-(-LEAST_NS // limit.per_ns), HALVES if halves else 1)


def _duration(ns: int) -> str:
    """Whole milliseconds, rounded down: Envoy knows none smaller."""
    return f"{ns // 10**9}.{ns % 10**9 // 10**6:03d}s"
