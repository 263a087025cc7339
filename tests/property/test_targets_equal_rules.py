"""What a target lets pass, held against the reference: nothing cut off, nothing more unsaid."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import yaml
from hypothesis import given, settings

import target_readers as read
from informer.policies import syntax as s
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
                    verdicts = verdicts_of(policy, request, named.get(callee, ()))
                    passed = passes(request)
                    if all(verdicts):
                        assert passed, f"cut off: {request}\n{write(policy)}\n{text}"
                    elif not any(verdicts) and passed:
                        assert is_said(compiled.weakened, policy, callee), (
                            f"not said: {request}\n{write(policy)}\n{text}"
                        )
