"""Calls as requests that a proxy can tell: which to let pass, and which to refuse."""

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

from informer.policies.globs import fits
from informer.policies.syntax import Condition, Field, Like, Not
from informer.policies.targets.cells import Guard
from informer.policies.targets.headers import header_asked
from informer.policies.targets.partial import alternatives
from informer.policies.targets.paths import (
    Request,
    covers,
    overlap,
    request_like,
    request_of,
    verb_of,
)
from informer.policies.targets.peers import LESS, MORE, Asker, Peer, Verdict, rpcs
from informer.policies.write import write_condition

MOST_ALTERNATIVES = 16  # of one condition, as `or` of `and`
ANY_METHOD = "every method is let pass, as these are no methods that a proxy can tell"
ANY_PATH = "every path with the same verb is let pass, as the paths of these cannot be told"
UNTOLD = "let pass, as these are no methods that a proxy can tell"
AMBIGUOUS = "let pass, as some of their paths are also of a method that is allowed"
MANY = "conditions with too many alternatives"


@dataclass(frozen=True, slots=True)
class Item:
    """Requests that a rule decides, where all of what it asks for headers holds."""

    rule: str
    when: tuple[Condition, ...]  # of one header each, or the opposite
    request: Request | None  # None: any
    but_not: tuple[Request, ...] = ()


@dataclass(frozen=True, slots=True)
class Alike:
    """A condition like `method like "GET /cart*"`, and the requests that look like it."""

    glob: str
    request: Request

    def named_otherwise(self, methods: Iterable[str]) -> list[str]:
        """Methods whose requests may look like it though their names do not fit."""
        return [
            m
            for m in methods
            if not fits(m, self.glob)
            and (r := request_of(m)) is not None
            and overlap(self.request, r)
        ]


def http_asked(leaf: Condition, changed: Set[str]) -> bool:
    """Whether a proxy can ask for it: a header, or a method like `GET /cart*`."""
    return header_asked(leaf, changed) or _like(leaf) is not None


def let_pass(peer: Peer, guard: Guard, ask: Asker) -> list[Item]:
    """What a peer may send; never less than the policy allows."""
    granted = {m: peer.allowed(m, ask) for m in {*peer.methods, *guard.methods}}
    always = {m for m, verdicts in granted.items() if _always(verdicts)}
    closed = [m for m in guard.methods if m not in always]
    found = []
    for method in peer.methods:
        if method is None or not granted[method]:
            continue
        request = request_of(method)
        but_not: tuple[Request, ...] = ()
        if request is None:
            verb = verb_of(method)
            ask.weak.add(ANY_METHOD if verb is None else ANY_PATH, *rpcs(peer, guard, [method]))
            request = None if verb is None else Request(verb, (), rest=True)
        else:
            but_not = _apart(request, [m for m in closed if m != method], peer, guard, ask)
        for rule, when, _ in spread(granted[method], ask, above=True):
            found.append(Item(rule, when, request, but_not))
    found += _let_others_pass(granted, closed, peer, guard, ask)
    return found


def _let_others_pass(
    granted: Mapping[str | None, list[Verdict]],
    closed: list[str],
    peer: Peer,
    guard: Guard,
    ask: Asker,
) -> Iterator[Item]:
    """Of methods that rules do not name for this peer."""
    own = [m for m in peer.methods if m is not None]
    closed_own = [m for m in own if m in closed]
    shut = [r for m in closed_own if (r := request_of(m)) is not None]
    alike = _named_for_others(peer, guard, shut)
    for rule, when, like in spread(granted[None], ask, above=True):
        if like is None:
            untold = [m for m in closed_own if request_of(m) is None]
            if untold:
                ask.weak.add(UNTOLD, *rpcs(peer, guard, [*untold]))
            yield Item(rule, when, None, tuple(shut))
        else:
            unlike = like.named_otherwise(m for m in closed if m not in own or not granted[m])
            if unlike:
                ask.weak.add(AMBIGUOUS, *rpcs(peer, guard, [*unlike]))
            but_not = _apart(like.request, closed_own, peer, guard, ask)
            yield Item(rule, when, like.request, but_not)
        for request in alike:
            if like is None or covers(like.request, request):
                yield Item(rule, when, request, _apart(request, closed_own, peer, guard, ask))


def refuse(peer: Peer, guard: Guard, ask: Asker) -> list[Item]:
    """What is to be refused of a peer; never more than the policy denies."""
    refused = {m: peer.denied(m, ask) for m in {*peer.methods, *guard.methods}}
    found = []
    for method in peer.methods:
        if method is None or not refused[method]:
            continue
        request = request_of(method)
        if request is None:
            ask.weak.add(UNTOLD, *rpcs(peer, guard, [method]))
            continue
        passed = [
            r
            for m in guard.methods
            if m != method and not _always(refused[m]) and (r := request_of(m)) is not None
        ]
        # What is of a wider method as well is of this one.
        closer = [r for r in passed if overlap(request, r) and not covers(r, request)]
        if not all(covers(request, r) for r in closer):
            ask.weak.add(AMBIGUOUS, *rpcs(peer, guard, [method]))
        for rule, when, _ in spread(refused[method], ask, above=False):
            found.append(Item(rule, when, request, tuple(closer)))
    found += _refuse_others(refused, peer, guard, ask)
    return found


def _refuse_others(
    refused: Mapping[str | None, list[Verdict]], peer: Peer, guard: Guard, ask: Asker
) -> Iterator[Item]:
    """Of methods that rules do not name for this peer."""
    passed = {m: request_of(m) for m in peer.methods if m is not None and not _always(refused[m])}
    if not refused[None]:
        return
    if None in passed.values():
        ask.weak.add(UNTOLD, *rpcs(peer, guard, [None]))
        return
    told = [r for r in passed.values() if r is not None]
    alike = _named_for_others(peer, guard, told)
    for rule, when, like in spread(refused[None], ask, above=False):
        if like is None:
            yield Item(rule, when, None, tuple(told))
        else:
            # Those that rules name for others are not alike, however their requests look.
            unlike = like.named_otherwise(m for m in guard.methods if m not in passed)
            others = [*told, *(r for m in unlike if (r := request_of(m)) is not None)]
            looking_alike = dict.fromkeys(r for r in others if overlap(like.request, r))
            yield Item(rule, when, like.request, tuple(looking_alike))
        for request in alike:
            if like is None or covers(like.request, request):
                closer = [r for r in told if overlap(request, r) and not covers(r, request)]
                yield Item(rule, when, request, tuple(closer))


def spread(
    verdicts: Iterable[Verdict], ask: Asker, *, above: bool
) -> list[tuple[str, tuple[Condition, ...], Alike | None]]:
    """Verdicts by alternatives: what is asked for headers, and the method that it must be like."""
    found = []
    for rule, when in verdicts:
        each = alternatives(when, MOST_ALTERNATIVES)
        if each is None:
            ask.weak.add((MORE if above else LESS).format(MANY), rule)
            each = [()] if above else []
        for leaves in each:
            likes = [leaf for leaf in leaves if _like(leaf) is not None]
            others = [x for x in leaves if isinstance(x, Not) and _like(x.of) is not None]
            lost = [*likes[1:], *others]
            for leaf in lost:
                ask.weak.add((MORE if above else LESS).format(write_condition(leaf)), rule)
            if above or not lost:
                left = tuple(x for x in leaves if x not in likes and x not in others)
                found.append((rule, left, _like(likes[0]) if likes else None))
    return list(dict.fromkeys(found))


def _always(verdicts: Iterable[Verdict]) -> bool:
    return any(when is True for _, when in verdicts)


def _named_for_others(peer: Peer, guard: Guard, these: Iterable[Request]) -> list[Request]:
    """Requests of methods that rules name for others alone, and that look like one of these."""
    own, these = set(peer.methods), list(these)
    others = (request_of(m) for m in guard.methods if m not in own)
    return [r for r in others if r is not None and any(covers(one, r) for one in these)]


def _apart(
    request: Request, closed: Iterable[str], peer: Peer, guard: Guard, ask: Asker
) -> tuple[Request, ...]:
    """Requests that belong to a closer method, which the peer may not use."""
    found = []
    for method in closed:
        other = request_of(method)
        if other is None or not overlap(request, other) or covers(other, request):
            continue
        if covers(request, other):
            found.append(other)
        else:
            ask.weak.add(AMBIGUOUS, *rpcs(peer, guard, [method]))
    return tuple(found)


def _like(leaf: Condition) -> Alike | None:
    match leaf:
        case Like(Field("method"), glob):
            request = request_like(glob)
            return None if request is None else Alike(glob, request)
    return None
