"""What a target lets pass, held against the reference: nothing cut off, nothing more unsaid."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

import target_readers as read
from informer.policies import syntax as s
from informer.policies.parse import parse
from informer.policies.targets.cells import guards
from informer.policies.targets.choose import TARGETS
from informer.policies.write import write
from reference_verdicts import is_said, verdicts_of
from target_policies import CALLER, HEADERS, IDENTITIES, PATHS, PLACES, SERVICES, policies

READERS: dict[str, Callable[[list[dict[str, Any]], read.Request], bool]] = {
    "kubernetes": read.kubernetes_passes,
    "istio": read.istio_passes,
    "cilium": read.cilium_passes,
    "envoy": lambda found, request: read.envoy_passes(found[0], request, CALLER),
}

FOUND = (
    # All are denied, some by a rule of their own and under a condition, and then by default.
    """
    rule a { when caller = "web" and callee = "web" and method = "GET /x/{id}" allow }
    rule b {
        when caller = "outside" and callee = "web" and method = "GET /x/{id}"
            and header("x-v") = "1"
        deny 403
    }
    rule c { when not method = "GET /x/{id}" allow }
    default deny 403
    """,
    # `GET /x/item-{n}` is named for another caller alone, and looks like what is denied.
    """
    rule a {
        when caller = "web" and callee = "batch" and method in ("GET /x/{id}", "GET /x/item-{n}")
        allow
    }
    rule b { when caller = "batch" and callee = "batch" and method != "GET /x/{id}" allow }
    default deny 403
    """,
    # What is like `GET /x*` may be `GET /{a}/b`, whose name is not.
    """
    rule a { when caller = "web" and callee = "web" and method = "POST /x" allow }
    rule b { when caller = "batch" and callee = "web" and method = "GET /{a}/b" allow }
    rule c { when method like "GET /x*" allow }
    default deny 403
    """,
    """
    rule a { when caller = "batch" and callee = "web" and method = "GET /{a}/b" deny 403 }
    rule b { when caller = "web" and callee = "web" and method like "GET /x*" deny 403 }
    default allow
    """,
    """
    rule a { when caller = "web" and callee = "web" and method = "GET /files/{rest:path}" deny 403 }
    rule b { when method like "GET /files/a*" allow }
    default deny 403
    """,
    """
    rule a { when callee = "web" and method = "GET /files/{rest:path}" allow }
    rule b { when method like "GET /files/a*" deny 403 }
    default allow
    """,
    # `GET /x/new` is named for another caller alone, and looks like what is let pass.
    """
    rule a { when not caller = "cart" or method = "GET /x/{id}" allow }
    rule b { when caller = "web" and callee = "web" and method = "GET /x/new" allow }
    default deny 403
    """,
    # `GET /x/b` is of two methods, each of which is let pass under a condition.
    """
    rule a { when not caller = "web" allow }
    rule b {
        when caller = "web" and callee = "cart" and method in ("GET /x/{id}", "GET /{a}/b")
            and header("x-v") = "1"
        allow
    }
    default deny 403
    """,
)


@pytest.mark.parametrize("target", READERS)
@settings(max_examples=60, deadline=None)
@given(policy=policies())
def test_a_target_cuts_nothing_off_and_says_what_it_lets_pass(
    target: str, policy: s.Policy
) -> None:
    hold_against_reference(target, policy)


@pytest.mark.parametrize("target", READERS)
@pytest.mark.parametrize("rules", FOUND, ids=range(len(FOUND)))
def test_what_was_found_wrong_once_is_right(target: str, rules: str) -> None:
    hold_against_reference(target, parse(f"rules 1 {rules}", "found"))


def hold_against_reference(target: str, policy: s.Policy) -> None:
    """Try every request that there is."""
    compiled = TARGETS[target](policy, PLACES, False)
    text = list(compiled.files.values())[-1]
    passes = partial(READERS[target], list(yaml.load_all(text, yaml.CSafeLoader)))
    named = {guard.callee: guard.methods for guard in guards(policy, SERVICES)}
    for callee in SERVICES:
        for identity in IDENTITIES:
            for verb, path in PATHS:
                for headers in HEADERS:
                    request = read.Request(identity, callee, verb, path, headers)
                    verdicts = verdicts_of(policy, request, named.get(callee, ()))
                    passed = passes(request)
                    if all(verdicts):
                        assert passed, f"cut off: {request}\n{write(policy)}\n{text}"
                    elif not any(verdicts) and passed:
                        assert is_said(compiled.weakened, policy, callee), (
                            f"not said: {request}\n{write(policy)}\n{text}"
                        )
