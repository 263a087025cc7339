"""Whether the rules in a proxy say of calls what the interpreter says of them."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from informer.policies.calls import DEFAULT, DENY, Call
from informer.policies.facts import parts_of
from informer.policies.interpret import decide
from informer.policies.memory import Memory
from informer.policies.shadow import Seen
from informer.policies.syntax import Among, Compare, Field, Policy, Text

OUTSIDE = "outside"  # a caller without a name that is known
MOST_EXAMPLES = 3


@dataclass(slots=True)
class OfRule:
    """Calls that a rule decides, by the interpreter; and what became of them in the proxy."""

    calls: int = 0
    promised: int = 0  # that the interpreter denies
    denied: int = 0  # that the proxy denied, or would have denied
    differ: int = 0  # on which the two disagree
    limited: int = 0  # that differ over a limit alone: proxies count in buckets of their own
    told: int = 0  # denied calls that an incident tells of
    examples: list[Seen] = field(default_factory=list)  # of calls on which they disagree


@dataclass(slots=True)
class Agreement:
    """What came of a comparison, rule by rule."""

    rules: dict[str, OfRule]

    @property
    def calls(self) -> int:
        """All that were compared."""
        return sum(r.calls for r in self.rules.values())

    @property
    def differ(self) -> int:
        """Calls on which the two disagree, limits aside."""
        return sum(r.differ for r in self.rules.values())

    @property
    def denied(self) -> int:
        """Calls that the proxy denied, or would have denied."""
        return sum(r.denied for r in self.rules.values())

    @property
    def told(self) -> int:
        """Denied calls that an incident tells of."""
        return sum(r.told for r in self.rules.values())


def agree(
    policy: Policy,
    seen: Iterable[Seen],
    *,
    name_of: Callable[[str], str | None],
    told: Callable[[Call], bool] = lambda call: False,
) -> Agreement:
    """Decide on every request as the interpreter does, and compare.

    `name_of` names the service of an identity; `told` says whether an incident tells of a call.
    """
    memory, methods = Memory(policy), Methods(policy)
    found = Agreement({rule.name: OfRule() for rule in policy.rules if not rule.on_reply})
    found.rules[DEFAULT] = OfRule()
    for one in seen:
        named = name_of(one.caller) if one.caller is not None else None
        call = Call(
            one.time_ns,
            named or OUTSIDE,
            one.callee,
            methods.named(one.verb, one.path),
            trace_id=one.trace_id,
        )
        wanted = decide(policy, memory, call)
        of = found.rules[wanted.rule]
        denies = wanted.verdict == DENY
        denied = one.denied or one.over_limit
        of.calls += 1
        of.promised += denies
        of.denied += denied
        of.told += denied and told(call)
        if denies != denied:
            if wanted.limited or (one.over_limit and not one.denied):
                of.limited += 1
                continue
            of.differ += 1
            if len(of.examples) < MOST_EXAMPLES:
                of.examples.append(one)
    return found


def callers_of(policy: Policy) -> set[str]:
    """The callers that rules name."""
    return _named(policy, "caller")


class Methods:
    """The methods that rules name, to be found by verb and path: `GET /cart/{id}` is one."""

    def __init__(self, policy: Policy) -> None:
        self._exact: set[str] = set()
        self._templates: dict[tuple[str, int], list[tuple[str, list[str]]]] = {}
        for method in sorted(_named(policy, "method")):
            verb, _, path = method.partition(" ")
            if "{" in path:
                parts = path.split("/")
                self._templates.setdefault((verb, len(parts)), []).append((method, parts))
            self._exact.add(method)
        for known in self._templates.values():  # the most telling first
            known.sort(key=lambda m: sum("{" in part for part in m[1]))

    def named(self, verb: str, path: str) -> str:
        """The method of a request; of one that no rule names, verb and path as they are."""
        method = f"{verb} {path}"
        if method in self._exact:
            return method
        if path in self._exact:  # gRPC: /package.Service/Method
            return path
        parts = path.split("/")
        for template, wanted in self._templates.get((verb, len(parts)), []):
            if all(_is(w, p) for w, p in zip(wanted, parts, strict=True)):
                return template
        return method


def _is(wanted: str, part: str) -> bool:
    if "{" not in wanted:
        return wanted == part
    before, _, rest = wanted.partition("{")
    after = rest.partition("}")[2]
    long_enough = len(part) > len(before) + len(after)
    return long_enough and part.startswith(before) and part.endswith(after)


def _named(policy: Policy, field_name: str) -> set[str]:
    """The texts that a field of the call is held against."""
    found: set[str] = set()
    for rule in policy.rules:
        for part in parts_of(rule.when):
            match part:
                case Compare("=", Field(name), Text(text)) if name == field_name:
                    found.add(text)
                case Among(Field(name), among) if name == field_name:
                    found.update(str(one.value) for one in among)
    return found
