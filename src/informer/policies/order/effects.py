"""What rules read and leave behind, and where two of them get in each other's way."""

from collections.abc import Iterator
from dataclasses import dataclass

from informer.policies.syntax import (
    Allow,
    Answer,
    Count,
    Deny,
    Header,
    Limit,
    Log,
    Rule,
    SetHeader,
    SetState,
    StateValue,
)
from informer.policies.walk import walk

LOG, COUNT, REQUEST = "log", "count", "request"
ENDS = {Allow: "allow", Deny: "deny", Answer: "answer", Limit: "limit"}


@dataclass(frozen=True, slots=True)
class Effects:
    """What a rule looks at, what it changes, and how it may end a call."""

    reads: frozenset[str]
    writes: frozenset[str]
    ends: tuple[str, ...]  # of allow, deny, answer, limit; in order
    leaves: frozenset[str]  # kinds of traces: log, count, request


def effects_of(rule: Rule) -> Effects:
    """Read off the tree; conditions are not weighed."""
    nodes = list(walk(rule.when)) + list(walk(rule.actions))
    writes = {f"header({node.key!r})" for node in nodes if isinstance(node, SetHeader)}
    writes |= {node.name for node in nodes if isinstance(node, SetState)}
    reads = {f"header({node.key!r})" for node in nodes if isinstance(node, Header)}
    reads |= {node.name for node in nodes if isinstance(node, StateValue)}
    ends = tuple(ENDS[type(action)] for action in rule.actions if type(action) in ENDS)
    return Effects(frozenset(reads), frozenset(writes), ends, frozenset(_left(rule)))


def conflicts(first: Rule, second: Rule) -> Iterator[str]:
    """Why the order of two rules may matter; no reason means that it does not."""
    one, other = effects_of(first), effects_of(second)
    yield from _ending(first.name, one, second.name, other)
    yield from _ending(second.name, other, first.name, one)
    if one.ends and other.ends:
        yield f"{first.name} and {second.name} may both decide a call"
    for a, its, b, others in ((first, one, second, other), (second, other, first, one)):
        for what in sorted(its.writes & others.reads):
            yield f"{a.name} sets {what}, which {b.name} reads"
    for what in sorted(one.writes & other.writes):
        yield f"both set {what}"
    for what in sorted(one.leaves & other.leaves - {COUNT}):
        yield f"both act on the same call ({what}), one after the other"


def _ending(a: str, its: Effects, b: str, others: Effects) -> Iterator[str]:
    """What is lost of the second when the first ends the call."""
    if not its.ends:
        return
    how = " or ".join(dict.fromkeys(its.ends))
    if "limit" in others.ends:
        yield f"{b} counts calls against its limit, of which {a} may end some ({how})"
    for what in sorted(others.writes):
        yield f"{b} sets {what}, and {a} may end the call ({how})"
    for what in sorted(others.leaves):
        yield f"{b} leaves a trace ({what}), and {a} may end the call ({how})"


def _left(rule: Rule) -> Iterator[str]:
    for action in rule.actions:
        match action:
            case Log():
                yield LOG
            case Count():
                yield COUNT
            case SetState() | Allow() | Deny() | Answer() | Limit():
                pass
            case _:
                yield REQUEST
