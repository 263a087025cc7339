"""The cheapest order and place of the rules of each edge, of those that no call tells apart."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from informer.core.errors import InformerError
from informer.policies.keys import keys_of
from informer.policies.order.cost import Placed, cost, price, share_ended
from informer.policies.order.places import (
    PLACES,
    cannot_copy,
    cannot_move,
    stands,
    wrong_places,
)
from informer.policies.order.prove import Edge, Verdict, may_swap
from informer.policies.syntax import Policy, Rule

ANY = "*"
EXACT = 12  # rules on one edge up to which all orders are weighed
MOST = 40  # on one edge; beyond that nothing is moved
MOST_NAMED = 10_000  # edges that rules may name


@dataclass(frozen=True, slots=True)
class Refusal:
    """What was not done: two rules that keep their order, or a rule that keeps its place."""

    rule: str
    other: str  # a rule, or a place
    why: str


@dataclass(frozen=True, slots=True)
class Arrangement:
    """One edge: its rules as written and as proposed."""

    caller: str
    callee: str
    written: tuple[Placed, ...]
    proposed: tuple[Placed, ...]
    copies: tuple[str, ...]  # denials that may stand at the client too
    renamed: tuple[tuple[str, str], ...]  # passed each other, and may decide alike
    refused: tuple[Refusal, ...]
    cost_written: float
    cost_proposed: float
    exact: bool  # all orders were weighed


def arrange(policy: Policy) -> list[Arrangement]:
    """Every edge on which two rules or more stand, the named ones first."""
    if mistakes := list(wrong_places(policy)):
        raise InformerError(mistakes[0])
    return [_arranged(policy, caller, callee, rules) for (caller, callee), rules in _edges(policy)]


def _arranged(policy: Policy, caller: str, callee: str, rules: list[Rule]) -> Arrangement:
    written = _by_place([Placed(rule, stands(rule)) for rule in rules])
    if len(rules) > MOST:
        why = f"{len(rules)} rules on one edge are more than {MOST}: left as they are"
        total = cost(written)
        refusal = (Refusal(rules[0].name, rules[-1].name, why),)
        return Arrangement(caller, callee, written, written, (), (), refusal, total, total, False)
    edge = _edge(policy, caller, callee)
    pairs = {
        (a.rule.name, b.rule.name): may_swap(policy, a.rule, b.rule, edge)
        for a, b in combinations(written, 2)
    }
    exact = len(written) <= EXACT
    proposed = _cheapest(written, pairs) if exact else _greedy(written, pairs)
    if cost(proposed) >= cost(written):
        proposed = written
    places = {placed.rule.name: i for i, placed in enumerate(proposed)}
    renamed = tuple(
        (a, b) for (a, b), v in pairs.items() if v.swap and v.renames and places[a] > places[b]
    )
    return Arrangement(
        caller,
        callee,
        written,
        proposed,
        tuple(_copies(written, pairs)),
        renamed,
        tuple(_refused(written, pairs)),
        cost(written),
        cost(proposed),
        exact,
    )


def _cheapest(
    written: tuple[Placed, ...], pairs: dict[tuple[str, str], Verdict]
) -> tuple[Placed, ...]:
    """Of all orders and places. What comes later costs the same whatever the order of what is asked
    already, so of all ways to ask the same rules only the cheapest is kept.
    """
    before = _before(written, pairs)
    best: dict[tuple[int, int], tuple[float, tuple[Placed, ...]]] = {(0, 0): (0.0, ())}
    for _ in written:
        reached: dict[tuple[int, int], tuple[float, tuple[Placed, ...]]] = {}
        for (asked, place), (_, order) in best.items():
            for i, placed in enumerate(written):
                if asked >> i & 1 or before[i] & ~asked:
                    continue
                for at, to in enumerate(PLACES):
                    if at < place or cannot_move(placed.rule, to):
                        continue
                    longer = (*order, Placed(placed.rule, to))
                    key, so_far = (asked | 1 << i, at), cost(longer)
                    if key not in reached or so_far < reached[key][0]:
                        reached[key] = so_far, longer
        best = reached
    return min(best.values(), key=lambda found: found[0])[1]


def _greedy(
    written: tuple[Placed, ...], pairs: dict[tuple[str, str], Verdict]
) -> tuple[Placed, ...]:
    """In their places, what ends most calls for its price first."""
    before, asked, order = _before(written, pairs), 0, []
    for _ in written:
        free = [
            i
            for i, placed in enumerate(written)
            if not asked >> i & 1
            and not before[i] & ~asked
            and all(
                asked >> j & 1 or PLACES.index(written[j].place) >= PLACES.index(placed.place)
                for j in range(len(written))
            )
        ]
        i = max(free, key=lambda i: share_ended(written[i].rule) / price(written[i]))
        order.append(written[i])
        asked |= 1 << i
    return tuple(order)


def _before(written: tuple[Placed, ...], pairs: dict[tuple[str, str], Verdict]) -> list[int]:
    """For each rule those that must be asked before it, as bits."""
    return [
        sum(
            1 << j
            for j, first in enumerate(written[:i])
            if not pairs[first.rule.name, placed.rule.name].swap
        )
        for i, placed in enumerate(written)
    ]


def _copies(written: tuple[Placed, ...], pairs: dict[tuple[str, str], Verdict]) -> Iterator[str]:
    """Denials that may pass all that stands above them."""
    for i, placed in enumerate(written):
        above = (pairs[first.rule.name, placed.rule.name].swap for first in written[:i])
        if cannot_copy(placed.rule) is None and all(above):
            yield placed.rule.name


def _refused(
    written: tuple[Placed, ...], pairs: dict[tuple[str, str], Verdict]
) -> Iterator[Refusal]:
    for (first, second), verdict in pairs.items():
        if not verdict.swap:
            yield Refusal(first, second, verdict.why)
    for placed in written:
        for place in PLACES:
            if place != placed.place and (why := cannot_move(placed.rule, place)):
                yield Refusal(placed.rule.name, place, why)


def _by_place(rules: list[Placed]) -> tuple[Placed, ...]:
    """In the order in which a call meets them."""
    return tuple(sorted(rules, key=lambda placed: PLACES.index(placed.place)))


def _edges(policy: Policy) -> list[tuple[tuple[str, str], list[Rule]]]:
    """Pairs of names that rules are bound to, `*` = whom no rule names; with two rules or more."""
    bound = [(rule, keys_of(rule)) for rule in policy.rules if not rule.on_reply]
    named: dict[tuple[str, str], None] = {}
    for _, keys in bound:
        for caller in sorted(keys.caller or {ANY}):
            for callee in sorted(keys.callee or {ANY}):
                named[caller, callee] = None
        if len(named) > MOST_NAMED:
            raise InformerError(f"rules name more than {MOST_NAMED} edges: too many to arrange")
    found = []
    for caller, callee in sorted(named, key=lambda edge: (ANY in edge, edge)):
        rules = [rule for rule, keys in bound if keys.admits(_name(caller), _name(callee))]
        if len(rules) > 1:
            found.append(((caller, callee), rules))
    return found


def _name(name: str) -> str:
    return f"\0{name}" if name == ANY else name  # a name that no rule has


def _edge(policy: Policy, caller: str, callee: str) -> Edge:
    names = {k: v for k, v in (("caller", caller), ("callee", callee)) if v != ANY}
    others: dict[str, set[str]] = {}
    for name, value in (("caller", caller), ("callee", callee)):
        if value == ANY:
            bound = (getattr(keys_of(rule), name) for rule in policy.rules)
            others[name] = set().union(*(texts for texts in bound if texts))
    return Edge(names, others)
