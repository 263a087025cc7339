"""The rules themselves, for what reads them: the gRPC interceptor, `policy replay`, a reviewer."""

from informer.policies.grpc.fit import weakened
from informer.policies.syntax import Policy
from informer.policies.targets.compiled import Compiled
from informer.policies.targets.workloads import Workloads
from informer.policies.write import write

FILE = "policy.rules"


def compile_grpc(policy: Policy, workloads: Workloads, shadow: bool = False) -> Compiled:
    """The rules, for the interceptor. Errors: InformerError for what gRPC cannot do."""
    return Compiled({FILE: write(policy)}, weakened(policy))


def compile_rules(policy: Policy, workloads: Workloads, shadow: bool = False) -> Compiled:
    """One file of rules, as strict as they are; `shadow` is said where they are enforced."""
    return Compiled({FILE: write(policy)}, ())
