"""What exported files let pass, by the published semantics of each target and nothing of ours."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NAMESPACE = "kubernetes.io/metadata.name"
CILIUM_NAMESPACE = "k8s:io.kubernetes.pod.namespace"


@dataclass(frozen=True)
class Request:
    """A request as it is on the wire; a caller without a name has no workload."""

    caller: str | None
    callee: str
    verb: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)


def labels_of(name: str) -> dict[str, str]:
    return {"app": name}


def principal_of(name: str | None) -> str:
    return "" if name is None else f"cluster.local/ns/default/sa/{name}"


def kubernetes_passes(found: list[dict[str, Any]], request: Request) -> bool:
    """Pods that no policy selects are open; else a rule of one of them must fit."""
    about = [d["spec"] for d in found if selects(d["spec"]["podSelector"], request.callee)]
    if not about:
        return True
    rules = [rule for spec in about for rule in spec["ingress"]]
    return any(
        "from" not in rule or any(_pods(peer, request.caller) for peer in rule["from"])
        for rule in rules
    )


def selects(selector: Mapping[str, Any], name: str | None) -> bool:
    """Whether labels of a service are those that are asked for."""
    return name is not None and selector["matchLabels"].items() <= labels_of(name).items()


def _pods(peer: Mapping[str, Any], caller: str | None) -> bool:
    place = peer.get("namespaceSelector", {}).get("matchLabels", {NAMESPACE: "default"})
    return place == {NAMESPACE: "default"} and selects(peer["podSelector"], caller)


def istio_passes(found: list[dict[str, Any]], request: Request) -> bool:
    """DENY goes first; then one ALLOW must fit, if there is any."""
    about = [d["spec"] for d in found if selects(d["spec"]["selector"], request.callee)]
    if any(_istio_fits(spec, request) for spec in about if spec["action"] == "DENY"):
        return False
    allows = [spec for spec in about if spec["action"] == "ALLOW"]
    return not allows or any(_istio_fits(spec, request) for spec in allows)


def _istio_fits(spec: Mapping[str, Any], request: Request) -> bool:
    return any(_istio_rule(rule, request) for rule in spec.get("rules", []))


def _istio_rule(rule: Mapping[str, Any], request: Request) -> bool:
    sources = [it["source"] for it in rule.get("from", [])]
    operations = [it["operation"] for it in rule.get("to", [])]
    who = principal_of(request.caller)
    path = request.path.split("?")[0]
    return (
        (not sources or any(_listed(s, "principals", who) for s in sources))
        and (
            not operations
            or any(
                _listed(o, "methods", request.verb) and _listed(o, "paths", path)
                for o in operations
            )
        )
        and all(_istio_when(when, request) for when in rule.get("when", []))
    )


def _listed(of: Mapping[str, Any], key: str, value: str) -> bool:
    negative = "not" + key[0].upper() + key[1:]
    if key in of and not any(_istio_text(pattern, value) for pattern in of[key]):
        return False
    return not any(_istio_text(pattern, value) for pattern in of.get(negative, []))


def _istio_when(when: Mapping[str, Any], request: Request) -> bool:
    key = re.fullmatch(r"request\.headers\[(.*)\]", when["key"])
    assert key
    value = request.headers.get(key[1])
    fits = lambda some: value is not None and any(_istio_text(p, value) for p in some)  # noqa: E731
    return ("values" not in when or fits(when["values"])) and not fits(when.get("notValues", []))


def _istio_text(pattern: str, value: str) -> bool:
    if "{*}" in pattern or "{**}" in pattern:
        regex = re.escape(pattern).replace(r"\{\*\*\}", ".*").replace(r"\{\*\}", "[^/]+")
        return re.fullmatch(regex, value) is not None
    if pattern == "*":
        return value != ""
    if pattern.endswith("*"):
        return value.startswith(pattern[:-1])
    if pattern.startswith("*"):
        return value.endswith(pattern[1:])
    return value == pattern


def cilium_passes(found: list[dict[str, Any]], request: Request, port: int = 8080) -> bool:
    """Endpoints that no policy selects are open; else a rule must fit, from caller to request."""
    about = [d["spec"] for d in found if selects(d["spec"]["endpointSelector"], request.callee)]
    if not about:
        return True
    return any(_cilium_rule(rule, request, port) for spec in about for rule in spec["ingress"])


def _cilium_rule(rule: Mapping[str, Any], request: Request, port: int) -> bool:
    if not rule:
        return False
    from_all = "all" in rule.get("fromEntities", [])
    if not from_all and not any(selects(s, request.caller) for s in rule["fromEndpoints"]):
        return False
    return "toPorts" not in rule or any(
        str(port) in [p["port"] for p in to["ports"]] and _cilium_http(to, request)
        for to in rule["toPorts"]
    )


def _cilium_http(to: Mapping[str, Any], request: Request) -> bool:
    if "rules" not in to:
        return True
    return any(
        re.fullmatch(one.get("method", ".*"), request.verb) is not None
        and re.fullmatch(one.get("path", ".*"), request.path) is not None
        for one in to["rules"]["http"]
    )


def envoy_passes(config: Mapping[str, Any], request: Request, caller_header: str) -> bool:
    """RBAC of the listener of a service; a service without listener is open."""
    for listener in config["static_resources"]["listeners"]:
        if listener["name"] == request.callee:
            typed = listener["filter_chains"][0]["filters"][0]["typed_config"]
            rules = typed["http_filters"][0]["typed_config"]["rules"]
            fits = any(
                any(_envoy(p, request, caller_header) for p in policy["permissions"])
                and any(_envoy(p, request, caller_header) for p in policy["principals"])
                for policy in rules.get("policies", {}).values()
            )
            return fits is (rules["action"] == "ALLOW")
    return True


def _envoy(rule: Mapping[str, Any], request: Request, caller: str) -> bool:
    (kind,) = rule
    value = rule[kind]
    match kind:
        case "any":
            return bool(value)
        case "and_rules":
            return all(_envoy(r, request, caller) for r in value["rules"])
        case "or_rules":
            return any(_envoy(r, request, caller) for r in value["rules"])
        case "or_ids":
            return any(_envoy(r, request, caller) for r in value["ids"])
        case "not_rule" | "not_id":
            return not _envoy(value, request, caller)
        case "url_path":
            return _envoy_text(value["path"], request.path.split("?")[0])
        case "header":
            return _envoy_header(value, request, caller)
    raise AssertionError(kind)


def _envoy_header(matcher: Mapping[str, Any], request: Request, caller: str) -> bool:
    headers = {":method": request.verb, ":path": request.path, **request.headers}
    if request.caller is not None:
        headers[caller] = request.caller
    value = headers.get(matcher["name"])
    if "present_match" in matcher:
        return (value is not None) is matcher["present_match"]
    if value is None and not matcher.get("treat_missing_header_as_empty"):
        return False
    return _envoy_text(matcher["string_match"], value or "") is not bool(
        matcher.get("invert_match")
    )


def _envoy_text(matcher: Mapping[str, Any], value: str) -> bool:
    (kind,) = matcher
    if kind == "exact":
        return bool(value == matcher[kind])
    return re.fullmatch(matcher["safe_regex"]["regex"], value) is not None
