"""New legitimate calls as a change to rules in force: suggested, never made."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from informer.policies.calls import DEFAULT, DENY, Call
from informer.policies.evidence import Evidence
from informer.policies.interpret import decide
from informer.policies.memory import Memory
from informer.policies.syntax import Limit, Policy, Rule
from informer.policies.tokens import NAME, tokens
from informer.policies.write import write_rule


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Rules to add, and the text with them in it."""

    added: tuple[Rule, ...]
    text: str

    def diff(self, before: str, name: str) -> str:
        """A unified diff, as `patch` takes it."""
        lines = difflib.unified_diff(
            before.splitlines(keepends=True),
            self.text.splitlines(keepends=True),
            f"a/{name}",
            f"b/{name}",
        )
        return "".join(lines)


def denied_now(policy: Policy, evidence: Sequence[Evidence]) -> list[Evidence]:
    """What was learned and is denied by rules in force, its chain and limits left aside."""
    unlimited = _without_limits(policy)
    return [e for e in evidence if _denies(unlimited, e)]


def suggest(text: str, policy: Policy, learned: Sequence[Rule]) -> Suggestion:
    """Put rules above the default of a text, whose words and comments stay as they are."""
    taken = {rule.name for rule in policy.rules}
    added = []
    for rule in learned:
        name, again = rule.name, 1
        while name in taken:
            again += 1
            name = f"{rule.name}_{again}"
        taken.add(name)
        added.append(Rule(name, rule.when, rule.actions, rule.on_reply, rule.notes))
    at = _default_at(text)
    block = "".join(f"{write_rule(rule)}\n\n" for rule in added)
    return Suggestion(tuple(added), text[:at] + block + text[at:])


def _default_at(text: str) -> int:
    """Where the last statement of a rule file begins."""
    last = [t for t in tokens(text, "rules") if t.kind == NAME and t.text == DEFAULT][-1]
    lines = text.split("\n")[: last.line - 1]
    return sum(len(line) + 1 for line in lines) + last.column - 1


def _without_limits(policy: Policy) -> Policy:
    kept = []
    for rule in policy.rules:
        actions = tuple(a for a in rule.actions if not isinstance(a, Limit))
        if actions:
            kept.append(replace(rule, actions=actions))
    return replace(policy, rules=tuple(kept))


def _denies(policy: Policy, one: Evidence) -> bool:
    call = Call(one.last_ns, one.caller, one.callee, one.method, one.kind)
    return decide(policy, Memory(policy), call).verdict == DENY
