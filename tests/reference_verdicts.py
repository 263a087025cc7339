"""What the reference says of a request on the wire, and whether a target said that it differs."""

import re

import target_readers as read
from informer.policies import syntax as s
from informer.policies.calls import ALLOW, Call
from informer.policies.interpret import decide
from informer.policies.memory import Memory


def labels(verb: str, path: str, named: tuple[str, ...]) -> list[str]:
    """The methods that a request may be of: the closest of those named, or a new one."""
    fits = [m for m in named if _fits(m, verb, path)]
    closest = [m for m in fits if not any(_closer(o, m) for o in fits)]
    return closest or [f"{verb} {path}"]


def _fits(method: str, verb: str, path: str) -> bool:
    wanted, _, template = method.rpartition(" ")
    if method.startswith("shop."):
        wanted, template = "POST", f"/{method}"
    regex = re.escape(template).replace(r"\{rest:path\}", ".*")
    regex = re.sub(r"\\\{\w+\\\}", "[^/]+", regex)
    return wanted in ("", verb) and re.fullmatch(regex, path) is not None


def _closer(one: str, other: str) -> bool:
    """Whether all that fits one fits the other, and not the other way round."""
    sample = re.sub(r"\{rest:path\}", "q/q", one)
    sample = re.sub(r"\{\w+\}", "q", sample)
    verb, _, path = sample.rpartition(" ")
    back = re.sub(r"\{\w+\}", "q", re.sub(r"\{rest:path\}", "q/q", other)).rpartition(" ")
    return one != other and _fits(other, verb, path) and not _fits(one, back[0], back[2])


def verdicts_of(policy: s.Policy, request: read.Request, named: tuple[str, ...]) -> list[bool]:
    """What the reference says, for each of the methods that the request may be of."""
    found = []
    for method in labels(request.verb, request.path, named):
        call = Call(
            10 * 3600 * 10**9,
            request.caller or "nobody",
            request.callee,
            method,
            headers=request.headers,
            trace_id="t",
        )
        found.append(decide(policy, Memory(policy), call).verdict in (ALLOW, "answer"))
    return found


def is_said(weakened: tuple[str, ...], policy: s.Policy, callee: str) -> bool:
    """Whether a line names the service, or a rule that may be about it."""
    rules = {r.name for r in policy.rules if not _elsewhere(r.when, callee)}
    for line in weakened:
        names = re.findall(r'[^\s,"]+', line.rpartition(": ")[2])
        if callee in names or rules & set(names) or f">{callee}:" in line:
            return True
    return False


def _elsewhere(when: s.Condition | None, callee: str) -> bool:
    parts = when.of if isinstance(when, s.And) else (when,)
    wanted = [
        p.right.value
        for p in parts
        if isinstance(p, s.Compare)
        and p.operator == "="
        and p.left == s.Field("callee")
        and isinstance(p.right, s.Text)
    ]
    return bool(wanted) and callee not in wanted
