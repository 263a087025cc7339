"""What a target lets pass, held against the reference: nothing cut off, nothing more unsaid."""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import target_readers as read
from informer.policies import syntax as s
from informer.policies.calls import ALLOW, Call
from informer.policies.interpret import decide
from informer.policies.memory import Memory
from informer.policies.targets.cells import guards
from informer.policies.targets.choose import TARGETS
from informer.policies.targets.workloads import Workload, Workloads
from informer.policies.write import write

CALLER = "x-caller"
SERVICES = ("web", "cart", "auth", "batch")
METHODS = (
    "GET /x/{id}",
    "GET /x/new",
    "GET /x/{id}/y",
    "GET /{a}/b",
    "GET /x/item-{n}",
    "POST /x",
    "DELETE /x/{id}",
    "GET /files/{rest:path}",
    "/any",
    "shop.Cart/Add",
    "process",
    "GET /odd path",
    "GET /never",
)
PATHS = (
    ("GET", "/x/1"),
    ("GET", "/x/new"),
    ("GET", "/x/1/y"),
    ("GET", "/x/new/y"),
    ("GET", "/x/b"),
    ("GET", "/q/b"),
    ("GET", "/x/item-3"),
    ("POST", "/x"),
    ("DELETE", "/x/new"),
    ("GET", "/files/a/b"),
    ("PUT", "/any"),
    ("POST", "/shop.Cart/Add"),
    ("GET", "/xenon"),
    ("GET", "/never"),
    ("PATCH", "/elsewhere"),
)
HEADERS: tuple[dict[str, str], ...] = ({}, {"x-v": "1"}, {"x-v": "2", "x-u": "ab"})
HEADER_LEAVES: tuple[s.Condition, ...] = (
    s.Compare("=", s.Header("x-v"), s.Text("1")),
    s.Compare("!=", s.Header("x-v"), s.Text("1")),
    s.Among(s.Header("x-v"), (s.Text("1"), s.Text("2"))),
    s.Like(s.Header("x-u"), "a*"),
    s.Present(s.Header("x-u")),
)
OTHER_LEAVES: tuple[s.Condition, ...] = (
    s.Compare(">", s.Field("hour"), s.Number(8)),
    s.ChainHas("*"),
    s.Compare("=", s.Field("kind"), s.Text("rpc")),
    s.Like(s.Field("caller"), "w*"),
    s.Like(s.Field("method"), "GET /x*"),
    s.Like(s.Field("method"), "GET /x/*"),
    s.Chance(0.5),
)


def _is(name: str, values: tuple[str, ...]) -> st.SearchStrategy[s.Condition]:
    one = st.sampled_from(values).map(s.Text)
    return st.builds(
        s.Compare, st.sampled_from(["=", "=", "=", "!="]), st.just(s.Field(name)), one
    ) | st.builds(s.Among, st.just(s.Field(name)), st.lists(one, min_size=1, max_size=4).map(tuple))


CALLERS = (*SERVICES, "outside", "unknown")
LEAVES = (
    _is("caller", CALLERS)
    | _is("callee", SERVICES)
    | _is("method", METHODS)
    | st.sampled_from(HEADER_LEAVES)
    | st.sampled_from(OTHER_LEAVES)
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda c: (
        st.builds(s.Not, c)
        | st.builds(s.And, st.lists(c, min_size=2, max_size=3).map(tuple))
        | st.builds(s.Or, st.lists(c, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=5,
)
LEARNED = st.builds(
    lambda caller, callee, method, more: s.And((caller, callee, method, *more)),
    st.sampled_from(CALLERS).map(lambda t: s.Compare("=", s.Field("caller"), s.Text(t))),
    st.sampled_from(SERVICES).map(lambda t: s.Compare("=", s.Field("callee"), s.Text(t))),
    _is("method", METHODS),
    st.lists(st.sampled_from(HEADER_LEAVES), max_size=1),
)
VERDICTS = st.sampled_from([s.Allow(), s.Allow(), s.Allow(), s.Deny(403), s.Answer(s.Text("x"))])


@st.composite
def policies(draw: st.DrawFn) -> s.Policy:
    """Rules about four services, as they are learned and as somebody may write them."""
    bodies = draw(st.lists(st.tuples(LEARNED | LEARNED | CONDITIONS, VERDICTS), max_size=6))
    rules = tuple(s.Rule(f"r{n}", when, (then,)) for n, (when, then) in enumerate(bodies))
    return s.Policy(rules, draw(st.sampled_from([s.Deny(403), s.Deny(403), s.Allow()])))


PLACES = Workloads(
    caller_header=CALLER,
    services={n: Workload("default", (("app", n),), n, (8080,)) for n in SERVICES},
)
READERS: dict[str, Callable[[list[dict[str, Any]], read.Request], bool]] = {
    "kubernetes": read.kubernetes_passes,
    "istio": read.istio_passes,
    "cilium": read.cilium_passes,
    "envoy": lambda found, request: read.envoy_passes(found[0], request, CALLER),
}
IDENTITIES = (*SERVICES, "stranger", None)


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
