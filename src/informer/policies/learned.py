"""Evidence to a policy: one rule for each pair of services, and limits above it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from informer.core.errors import InformerError
from informer.core.types import OUTSIDE, UNKNOWN
from informer.policies.amounts import DayKind, Margin, learn_limits
from informer.policies.evidence import LEVELS, THIN, Evidence, confidence, new_share
from informer.policies.syntax import (
    MOST_RULES,
    MOST_VALUES,
    Allow,
    Among,
    And,
    Compare,
    Condition,
    Deny,
    Field,
    Log,
    Note,
    Number,
    Policy,
    Rule,
    Text,
)

LEAST_CALLS = 1_000
LEAST_DAYS = 1.0
OPEN_ABOVE = 0.001  # of a pair's calls: with so many of new methods its methods are no closed list
LIMITED_KIND = "rpc"  # a database or a queue has no place where calls are counted and refused
ANY_PATH = re.compile(r"([A-Z]+ )?/\{\}|\{other\}")  # how methods begin that stand for any
LONGEST_NAME, LONGEST_END = 60, len("_workdays")

Edge = tuple[str, list[Evidence]]  # how sure it is, and its rpcs


@dataclass(frozen=True, slots=True)
class Range:
    """The range that was learned."""

    from_ns: int
    until_ns: int
    days: float  # that were covered


@dataclass(frozen=True, slots=True)
class Learned:
    """A policy, and what a person should know of how it came about."""

    policy: Policy
    notes: tuple[str, ...]


def learn_policy(
    evidence: Sequence[Evidence], learned: Range, margin: Margin, *, notes: tuple[Note, ...] = ()
) -> Learned:
    """Allow what was seen, deny the rest.

    Errors: InformerError when there is too little to tell what is regular.
    """
    known = [e for e in evidence if UNKNOWN not in e.edge]
    calls = sum(e.met for e in known)
    if calls < LEAST_CALLS or learned.days < LEAST_DAYS:
        raise InformerError(
            f"a policy needs at least {LEAST_CALLS:,} calls and {LEAST_DAYS:g} day of covered "
            f"traffic, got {calls:,.0f} calls and {learned.days:.1f} days: learn more first"
        )
    edges = _edges(known, learned)
    rules = _rules(edges, margin)
    if len(rules) > MOST_RULES:
        raise InformerError(
            f"a policy has at most {MOST_RULES:,} rules, this one would have {len(rules):,}: are "
            "methods templates?"
        )
    head = (
        Note("learned_from", _iso(learned.from_ns)),
        Note("learned_until", _iso(learned.until_ns)),
        Note("days", round(learned.days, 1)),
        Note("calls", round(calls)),
        *notes,
    )
    return Learned(Policy(tuple(rules), Deny(403), notes=head), tuple(_told(evidence, edges)))


def allow_rules(evidence: Sequence[Evidence], learned: Range, margin: Margin) -> list[Rule]:
    """The rules that allow what is known of both sides, the surest pair of services first."""
    known = [e for e in evidence if UNKNOWN not in e.edge]
    return _rules(_edges(known, learned), margin)


def _edges(known: Sequence[Evidence], learned: Range) -> list[Edge]:
    found: list[Edge] = []
    for _, group in groupby(sorted(known, key=lambda e: (e.edge, e.method)), lambda e: e.edge):
        of_edge = list(group)
        days = max(e.days for e in of_edge)
        level = confidence(sum(e.met for e in of_edge), days, round(learned.days))
        found.append((level, of_edge))
    return sorted(
        found, key=lambda x: (LEVELS.index(x[0]), -sum(e.calls for e in x[1]), x[1][0].edge)
    )


def _rules(edges: Sequence[Edge], margin: Margin) -> list[Rule]:
    rules: list[Rule] = []
    names: set[str] = set()
    for level, of_edge in edges:
        for one in of_edge:
            rules += _limit_rules(one, margin, names)
        rules.append(_allow_rule(level, of_edge, names))
    return rules


def _told(evidence: Sequence[Evidence], edges: Sequence[Edge]) -> list[str]:
    told = []
    thin = [f"{of[0].caller} > {of[0].callee}" for level, of in edges if level == THIN]
    if thin:
        told.append(
            f"{len(thin)} pairs of services are allowed on thin evidence, and logged: "
            + ", ".join(thin[:5])
            + (" and others" if len(thin) > 5 else "")
        )
    wide = [f"{e.callee} {e.method}" for _, of in edges for e in of if ANY_PATH.match(e.method)]
    if wide:
        told.append(
            "methods that stand for many let paths pass that were never called: "
            f"{', '.join(wide[:5])}{' and others' if len(wide) > 5 else ''}; give method rules"
        )
    lost = sum(e.calls for e in evidence if UNKNOWN in e.edge)
    if lost:
        told.append(
            f"{lost:,.0f} calls have a side that nobody knows: they make no rule, since a proxy "
            "knows both"
        )
    if not any(of[0].caller == OUTSIDE for _, of in edges):
        told.append("no call came from outside: entries are not in this policy")
    return told


def _allow_rule(level: str, of_edge: Sequence[Evidence], names: set[str]) -> Rule:
    first = of_edge[0]
    share = new_share(of_edge)
    is_open = share > OPEN_ABOVE or len(of_edge) > MOST_VALUES
    methods = () if is_open else tuple(e.method for e in of_edge)
    notes = [
        Note("confidence", level),
        *_seen(of_edge),
        *([Note("open_methods", round(share, 5))] if is_open else []),
    ]
    if level == THIN:
        return Rule(
            _name(f"{first.caller}_to_{first.callee}", names),
            _pair(first, methods),
            (Log("thin evidence"), Allow()),
            notes=tuple(notes),
        )
    return Rule(
        _name(f"{first.caller}_to_{first.callee}", names),
        _pair(first, methods),
        (Allow(),),
        notes=tuple(notes),
    )


def _limit_rules(one: Evidence, margin: Margin, names: set[str]) -> list[Rule]:
    if one.counts is None or one.kind != LIMITED_KIND:
        return []
    notes = (Note("quantile", margin.quantile), Note("headroom", margin.headroom))
    text = f"limit_{one.caller}_to_{one.callee}_{one.method}"
    rules = []
    for kind in learn_limits(one.counts, margin):
        which = {None: "", True: "_weekend", False: "_workdays"}[kind.weekend]
        when = _on(kind, _pair(one, (one.method,)))
        rules.append(Rule(_name(text, names, which), when, (kind.limit,), notes=notes))
    return rules


def _pair(one: Evidence, methods: tuple[str, ...]) -> And:
    parts: list[Condition] = [
        Compare("=", Field("caller"), Text(one.caller)),
        Compare("=", Field("callee"), Text(one.callee)),
    ]
    if len(methods) == 1:
        parts.append(Compare("=", Field("method"), Text(methods[0])))
    elif methods:
        parts.append(Among(Field("method"), tuple(Text(m) for m in methods)))
    return And(tuple(parts))


def _on(kind: DayKind, pair: And) -> And:
    if kind.weekend is None:
        return pair
    sign = ">=" if kind.weekend else "<"
    return And((*pair.of, Compare(sign, Field("weekday"), Number(5))))


def _seen(of_edge: Sequence[Evidence]) -> list[Note]:
    example = next((e.example for e in sorted(of_edge, key=lambda e: -e.calls) if e.example), "")
    return [
        Note("first_seen", _iso(min(e.first_ns for e in of_edge))),
        Note("last_seen", _iso(max(e.last_ns for e in of_edge))),
        Note("days", max(e.days for e in of_edge)),
        Note("calls", round(sum(e.calls for e in of_edge))),
        *([Note("example", example)] if example else []),
    ]


def _name(text: str, names: set[str], end: str = "") -> str:
    """A name of letters, digits and _, that no other rule has; `end` stays whole."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_")
    stem = plain[: LONGEST_NAME - (LONGEST_END if end else 0)].strip("_") or "rule"
    stem = f"r_{stem}" if stem[0].isdigit() else stem
    name, again = f"{stem}{end}", 1
    while name in names:
        again += 1
        name = f"{stem}_{again}{end}"
    names.add(name)
    return name


def _iso(ns: int) -> str:
    return datetime.fromtimestamp(ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
