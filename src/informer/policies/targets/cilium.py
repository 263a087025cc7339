"""CiliumNetworkPolicy: who may connect to a service, and with which requests.

Requests can be told apart where the ports are known. Only ingress is restricted: egress, and with
it DNS, stays as it is.
"""

from collections import defaultdict
from functools import partial
from typing import Any

from informer.core.errors import InformerError
from informer.policies.syntax import Condition, Field, Like, Policy
from informer.policies.targets.compiled import SEMICOLON, Compiled, Weakenings, head
from informer.policies.targets.doors import Door, before_applying, check_labels, doors, placed
from informer.policies.targets.left_out import tell_left_out
from informer.policies.targets.names import dns_label
from informer.policies.targets.paths import Request
from informer.policies.targets.peers import Peer
from informer.policies.targets.requests import Item, http_asked, let_pass
from informer.policies.targets.workloads import Workload, Workloads
from informer.policies.targets.yaml_text import yaml_text

FILE = "ciliumnetworkpolicies.yaml"
FIRST = "CiliumNetworkPolicies out of rules: who may send which requests to a service."
MANAGED = {"app.kubernetes.io/managed-by": "informer"}
NAMESPACE = "k8s:io.kubernetes.pod.namespace"
NO_PORTS = "every method is let pass, as the file of workloads has no ports of"
NOT_APART = "closer methods are let pass with the wider ones that are allowed, at"
OPEN = "nobody is refused, as others than the rules name may call, at"
ALL = "what may be done by callers that no rule names may be done by all, at"
SILENT = "a refused connection does not come about; only a refused request gets a status, 403"
MOST_PORTS = 40  # of one rule, says the CRD
QUERY = "([?#].*)?"
Operation = tuple[str | None, str | None]  # expressions for verb and path


def compile_cilium(policy: Policy, workloads: Workloads, shadow: bool = False) -> Compiled:
    """One CiliumNetworkPolicy for each service that somebody may call.

    Errors: InformerError for `shadow`, and for names that can be no labels.
    """
    if shadow:
        raise InformerError(
            "target cilium has no shadow in a policy: switch on `policy-audit-mode` of its agent; "
            "or try `informer policy replay`, or target envoy or istio"
        )
    check_labels(policy, workloads)
    weak = Weakenings()
    left_out = partial(tell_left_out, limits=True, status=True)
    weak.add(SILENT)
    documents = []

    def can(leaf: Condition) -> bool:
        method = isinstance(leaf, Like) and isinstance(leaf.value, Field)
        return method and http_asked(leaf, frozenset())

    for door in doors(policy, workloads, workloads.of, can, left_out, weak):
        if door.open:
            if any(peer.denied(m, door.ask) for peer in door.peers for m in peer.methods):
                door.ask.weak.add(OPEN, door.callee)
        else:
            documents.append(_document(door, workloads))
    before = before_applying(policy, workloads, labels=True, accounts=False)
    said = head(FIRST, weak.lines(), stricter=(SEMICOLON,), before=before)
    return Compiled({FILE: said + yaml_text(documents)}, weak.lines(), (SEMICOLON,), before)


def _document(door: Door, workloads: Workloads) -> dict[str, Any]:
    here = placed(workloads, door.callee)
    together: dict[tuple[Operation, ...], list[Peer]] = defaultdict(list)
    for peer in door.peers:
        items = let_pass(peer, door.guard, door.ask)
        if items:
            together[_operations(items, door, here)].append(peer)
    ingress = [
        _rule(sources, operations, here)
        for operations, its in together.items()
        for sources in _sources(its, door, here)
    ]
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {
            "name": f"informer-{dns_label(door.callee)}",
            "namespace": here.namespace,
            "labels": dict(MANAGED),
        },
        "spec": {
            "endpointSelector": {"matchLabels": dict(here.labels)},
            # One empty rule: nobody may connect.
            "ingress": ingress or [{}],
        },
    }


def _operations(items: list[Item], door: Door, here: Workload) -> tuple[Operation, ...]:
    """Verbs and paths; none: whatever is sent."""
    if any(item.but_not for item in items):
        door.ask.weak.add(NOT_APART, door.callee)
    if any(item.request is None for item in items):
        return ()
    if not here.ports:
        door.ask.weak.add(NO_PORTS, door.callee)
        return ()
    return tuple(dict.fromkeys(_operation(i.request) for i in items if i.request is not None))


def _operation(request: Request) -> Operation:
    if request.rest and not request.segments and not request.stem:
        return request.verb, None
    # What Cilium compares is the path together with its query.
    return request.verb, request.regex("[^/;?#]+") + ("" if request.rest else QUERY)


def _sources(peers: list[Peer], door: Door, here: Workload) -> list[dict[str, Any]]:
    named = [_endpoints(p.identity, here) for p in peers if isinstance(p.identity, Workload)]
    found: list[dict[str, Any]] = [{"fromEndpoints": named}] if named else []
    if any(peer.identity is None for peer in peers):
        if len(door.peers) > len(peers):
            door.ask.weak.add(ALL, door.callee)
        found.append({"fromEntities": ["all"]})
    return found


def _rule(
    sources: dict[str, Any], operations: tuple[Operation, ...], here: Workload
) -> dict[str, Any]:
    if not here.ports:
        return sources
    ports = [{"port": str(port), "protocol": "TCP"} for port in here.ports]
    parts = [ports[i : i + MOST_PORTS] for i in range(0, len(ports), MOST_PORTS)]
    to: list[dict[str, Any]] = [{"ports": part} for part in parts]
    if operations:
        for each in to:
            each["rules"] = {"http": [_http(verb, path) for verb, path in operations]}
    return sources | {"toPorts": to}


def _http(verb: str | None, path: str | None) -> dict[str, str]:
    found = {} if verb is None else {"method": verb}
    return found | ({} if path is None else {"path": path})


def _endpoints(workload: Workload, here: Workload) -> dict[str, Any]:
    labels = dict(workload.labels)
    if workload.namespace != here.namespace:
        labels[NAMESPACE] = workload.namespace
    return {"matchLabels": labels}
