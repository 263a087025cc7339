"""The rules themselves, for what reads them: the gRPC interceptor, `policy replay`, a reviewer."""

from informer.policies.syntax import Policy
from informer.policies.targets.compiled import Compiled
from informer.policies.targets.partial import Facts, reduced
from informer.policies.targets.workloads import Workloads
from informer.policies.write import write

FILE = "policy.rules"


def compile_grpc(policy: Policy, workloads: Workloads, shadow: bool = False) -> Compiled:
    """The rules, for the interceptor. Errors: InformerError for what it cannot ask."""
    for rule in policy.rules:
        if rule.when is not None:
            reduced(rule.when, Facts())
    return compile_rules(policy, workloads, shadow)


def compile_rules(policy: Policy, workloads: Workloads, shadow: bool = False) -> Compiled:
    """One file of rules, as strict as they are; `shadow` is said where they are enforced."""
    return Compiled({FILE: write(policy)}, ())
