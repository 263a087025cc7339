"""NetworkPolicy of Kubernetes: who may open connections to a service.

Only ingress is restricted. Egress, and with it DNS, stays as it is.
"""

from functools import partial
from typing import Any

from informer.core.errors import InformerError
from informer.policies.syntax import Policy
from informer.policies.targets.compiled import Compiled, Weakenings, head
from informer.policies.targets.doors import Door, before_applying, check_labels, doors, placed
from informer.policies.targets.left_out import tell_left_out
from informer.policies.targets.names import dns_label
from informer.policies.targets.workloads import Workload, Workloads
from informer.policies.targets.yaml_text import yaml_text

FILE = "networkpolicies.yaml"
MANAGED = {"app.kubernetes.io/managed-by": "informer"}
NAMESPACE = "kubernetes.io/metadata.name"
FIRST = (
    "NetworkPolicies out of rules: who may open connections to a service. Egress stays as it is."
)
METHODS = "who may connect may use every method, not only those of the rules, at"
OPEN = "a network policy can only let in, so nobody is refused at"
ALL = "everybody may connect, those as well whom the rules refuse, to"
SILENT = "a refused call gets no status: its connection does not come about"


def compile_kubernetes(policy: Policy, workloads: Workloads, shadow: bool = False) -> Compiled:
    """One NetworkPolicy for each service that somebody may call.

    Errors: InformerError for `shadow`, and for names that can be no labels.
    """
    if shadow:
        raise InformerError(
            "target kubernetes has no shadow: a NetworkPolicy is enforced or it is not there; "
            "try `informer policy replay`, or target envoy or istio"
        )
    check_labels(policy, workloads)
    weak = Weakenings()
    left_out = partial(tell_left_out, limits=True, status=False)
    weak.add(SILENT)
    documents = []
    for door in doors(policy, workloads, workloads.of, lambda leaf: False, left_out, weak):
        if door.open:
            if any(peer.denied(m, door.ask) for peer in door.peers for m in peer.methods):
                door.ask.weak.add(OPEN, door.callee)
        else:
            documents.append(_document(door, workloads))
    before = before_applying(policy, workloads, labels=True, accounts=False)
    text = head(FIRST, weak.lines(), before=before) + yaml_text(documents)
    return Compiled({FILE: text}, weak.lines(), before=before)


def _document(door: Door, workloads: Workloads) -> dict[str, Any]:
    ask = door.ask
    let_in = [p for p in door.peers if any(p.allowed(m, ask) for m in p.methods)]
    if not all(p.allowed(m, ask) for p in let_in for m in p.methods):
        ask.weak.add(METHODS, door.callee)
    everybody = door.peers[-1] in let_in
    if everybody and len(let_in) < len(door.peers):
        ask.weak.add(ALL, door.callee)
    here = placed(workloads, door.callee)
    rule: dict[str, Any] = {}
    if not everybody:
        rule["from"] = [_pods(p.identity, here) for p in let_in if isinstance(p.identity, Workload)]
    if here.ports:
        rule["ports"] = [{"protocol": "TCP", "port": port} for port in here.ports]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {
            "name": f"informer-{dns_label(door.callee)}",
            "namespace": here.namespace,
            "labels": dict(MANAGED),
        },
        "spec": {
            "podSelector": {"matchLabels": dict(here.labels)},
            "policyTypes": ["Ingress"],
            "ingress": [rule] if let_in else [],
        },
    }


def _pods(workload: Workload, here: Workload) -> dict[str, Any]:
    found: dict[str, Any] = {"podSelector": {"matchLabels": dict(workload.labels)}}
    if workload.namespace != here.namespace:
        found["namespaceSelector"] = {"matchLabels": {NAMESPACE: workload.namespace}}
    return found
