"""Targets by their names."""

from collections.abc import Callable, Mapping

from informer.policies.syntax import Policy
from informer.policies.targets.cilium import compile_cilium
from informer.policies.targets.compiled import Compiled
from informer.policies.targets.envoy import compile_envoy
from informer.policies.targets.istio import compile_istio
from informer.policies.targets.kubernetes import compile_kubernetes
from informer.policies.targets.rules import compile_grpc, compile_rules
from informer.policies.targets.workloads import Workloads

Target = Callable[[Policy, Workloads, bool], Compiled]  # True: a shadow, which only counts
TARGETS: Mapping[str, Target] = {
    "rules": compile_rules,
    "kubernetes": compile_kubernetes,
    "istio": compile_istio,
    "cilium": compile_cilium,
    "envoy": compile_envoy,
    "grpc": compile_grpc,
}
