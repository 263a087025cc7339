"""A policy cut up by callee, caller and method: what decides each of these calls, in order."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from informer.policies.syntax import Allow, Answer, Condition, Deny, Limit, Policy, Rule
from informer.policies.targets.partial import Facts, free, named, pinned, reduced
from informer.policies.targets.workloads import OUTSIDE, UNKNOWN

DEFAULT = "default"
Asked = list[tuple[Rule, Condition | bool]]


@dataclass(frozen=True, slots=True)
class Part:
    """A verdict of a rule, where what is left of its condition holds (None: always)."""

    rule: str
    allowed: bool
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Cap:
    """A limit of a rule, reached when none of the `above` first parts of its row has decided."""

    rule: str
    place: int  # among the rule's actions
    limit: Limit
    above: int
    when: Condition | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What decides a kind of call: the first part that holds; the last one always does."""

    parts: tuple[Part, ...]
    caps: tuple[Cap, ...] = ()


@dataclass(frozen=True, slots=True)
class Guard:
    """Everything rules say of calls to one service; None: any caller, any method not named."""

    callee: str
    methods: tuple[str, ...]  # that rules name for this callee
    rows: Mapping[str | None, Mapping[str | None, Row]]  # by caller, by method


def guards(policy: Policy, known: Iterable[str] = ()) -> Iterator[Guard]:
    """One guard for each service that rules name as callee, or that is known to be there."""
    rules = [rule for rule in policy.rules if not rule.on_reply]
    services = service_names(rules)
    for names in services.values():
        names.update(known)
    by_callee = Index(rules, "callee")
    for callee in sorted(services["callee"] - {OUTSIDE, UNKNOWN}):
        yield _guard(policy, by_callee.of(callee), callee, services)


def service_names(rules: Iterable[Rule]) -> dict[str, set[str]]:
    """Services that rules name, as `caller` and as `callee`."""
    found: dict[str, set[str]] = {"caller": set(), "callee": set()}
    for rule in rules:
        for name, names in found.items():
            names.update(named(rule.when, name))
    return found


def _guard(
    policy: Policy, rules: list[Rule], callee: str, services: Mapping[str, set[str]]
) -> Guard:
    asked = _asked(((r, _when(r)) for r in rules), Facts(callee=callee))
    callers: set[str] = set()
    for _, condition in asked:
        if not isinstance(condition, bool):
            callers.update(named(condition, "caller"))
            if free(condition, "caller"):
                callers.update(*services.values())
    by_caller = Index((r for r, _ in asked), "caller")
    left = {rule.name: condition for rule, condition in asked}
    methods: set[str] = set()
    rows = {}
    for caller in (*sorted(callers), None):
        facts = Facts(caller, callee, others=("caller",) if caller is None else ())
        candidates = by_caller.of(caller)
        its = _asked(((r, left[r.name]) for r in candidates), facts)
        names = {m for _, c in its if not isinstance(c, bool) for m in named(c, "method")}
        rows[caller] = _rows(policy, its, facts, names)
        methods |= names
    return Guard(callee, tuple(sorted(methods)), rows)


def _rows(
    policy: Policy, asked: Asked, facts: Facts, methods: Iterable[str]
) -> dict[str | None, Row]:
    rows: dict[str | None, Row] = {}
    for method in (*sorted(methods), None):
        others = (*facts.others, "method") if method is None else facts.others
        rows[method] = _row(
            policy, _asked(asked, Facts(facts.caller, facts.callee, method, others))
        )
    return rows


def _row(policy: Policy, asked: Asked) -> Row:
    parts: list[Part] = []
    caps: list[Cap] = []
    for rule, condition in asked:
        when = None if isinstance(condition, bool) else condition
        for place, action in enumerate(rule.actions):
            match action:
                case Limit():
                    caps.append(Cap(rule.name, place, action, len(parts), when))
                case Allow() | Answer():  # what no target can answer goes to the callee
                    parts.append(Part(rule.name, True, when))
                    break
                case Deny():
                    parts.append(Part(rule.name, False, when))
                    break
        if parts and parts[-1].when is None:
            return Row(tuple(parts), tuple(caps))
    parts.append(Part(DEFAULT, isinstance(policy.default, Allow)))
    return Row(tuple(parts), tuple(caps))


def _asked(rules: Iterable[tuple[Rule, Condition | bool]], facts: Facts) -> Asked:
    """Rules that may hold, and what is left of their conditions."""
    found = ((r, c if isinstance(c, bool) else reduced(c, facts)) for r, c in rules)
    return [(rule, left) for rule, left in found if left is not False]


def _when(rule: Rule) -> Condition | bool:
    return True if rule.when is None else rule.when


class Index:
    """Rules by the values of a field that they are for, in their order."""

    def __init__(self, rules: Iterable[Rule], name: str) -> None:
        self.everywhere: list[tuple[int, Rule]] = []
        self.places: dict[str, list[tuple[int, Rule]]] = defaultdict(list)
        for place, rule in enumerate(rules):
            values = pinned(rule.when, name)
            if values is None:
                self.everywhere.append((place, rule))
            else:
                for value in values:
                    self.places[value].append((place, rule))

    def of(self, value: str | None) -> list[Rule]:
        """Those that may hold with this value; None: with one that none of them names."""
        here = self.places.get(value, []) if value is not None else []
        return [rule for _, rule in sorted([*self.everywhere, *here], key=lambda it: it[0])]
