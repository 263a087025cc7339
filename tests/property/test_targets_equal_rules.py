"""What a target lets pass, held against the reference: nothing cut off, nothing more unsaid."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

import target_readers as read
from informer.policies import syntax as s
from informer.policies.calls import ALLOW, Call
from informer.policies.interpret import decide
from informer.policies.memory import Memory
from informer.policies.targets.cells import guards
from informer.policies.targets.choose import TARGETS
from informer.policies.write import write
from target_policies import CALLER, HEADERS, IDENTITIES, PATHS, PLACES, SERVICES, policies

READERS: dict[str, Callable[[list[dict[str, Any]], read.Request], bool]] = {
    "kubernetes": read.kubernetes_passes,
    "istio": read.istio_passes,
    "cilium": read.cilium_passes,
    "envoy": lambda found, request: read.envoy_passes(found[0], request, CALLER),
}


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


@pytest.mark.parametrize("target", READERS)
@settings(max_examples=60, deadline=None)
@given(policy=policies())
def test_a_target_cuts_nothing_off_and_says_what_it_lets_pass(
    target: str, policy: s.Policy
) -> None:
    compiled = TARGETS[target](policy, PLACES, False)
    text = list(compiled.files.values())[-1]
    passes = partial(READERS[target], list(yaml.load_all(text, yaml.CSafeLoader)))
    named = {guard.callee: guard.methods for guard in guards(policy, SERVICES)}
    for callee in SERVICES:
        for identity in IDENTITIES:
            for verb, path in PATHS:
                for headers in HEADERS:
                    request = read.Request(identity, callee, verb, path, headers)
                    verdicts = _verdicts(policy, request, named.get(callee, ()))
                    passed = passes(request)
                    if all(verdicts):
                        assert passed, f"cut off: {request}\n{write(policy)}\n{text}"
                    elif not any(verdicts) and passed:
                        is_said = _is_said(compiled.weakened, policy, callee)
                        assert is_said, f"not said: {request}\n{write(policy)}\n{text}"


def _verdicts(policy: s.Policy, request: read.Request, named: tuple[str, ...]) -> list[bool]:
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


def _is_said(weakened: tuple[str, ...], policy: s.Policy, callee: str) -> bool:
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
