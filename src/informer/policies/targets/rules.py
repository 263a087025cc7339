"""The rules themselves, for what reads them: the gRPC interceptor, `policy replay`, a reviewer."""

from informer.policies.syntax import Policy
from informer.policies.targets.compiled import Compiled
from informer.policies.targets.workloads import Workloads
from informer.policies.write import write

FILE = "policy.rules"


def compile_rules(policy: Policy, workloads: Workloads, shadow: bool = False) -> Compiled:
    """One file of rules, as strict as they are; `shadow` is said where they are enforced."""
    return Compiled({FILE: write(policy)}, ())
