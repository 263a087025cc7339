"""A whole configuration of Envoy around filters: listeners, access log, clusters."""

from collections.abc import Mapping
from typing import Any

from informer.policies.targets.envoy_limits import OVER_LIMIT
from informer.policies.targets.names import dns_label
from informer.policies.targets.workloads import Workloads

Config = dict[str, Any]
TYPES = "type.googleapis.com/envoy"
FIRST_PORT = 15_100
MOST_PORTS = 50_000
USUAL_PORT = 8080
RBAC = "envoy.filters.http.rbac"


def connection_manager(
    callee: str, filters: list[Config], workloads: Workloads, shadow: bool
) -> Config:
    """What a connection manager needs: how paths are read, filters, a line for each call.

    Where nothing is enforced nothing of a request is changed or refused either.
    """
    found: Config = {"access_log": [_access_log(callee, workloads)]}
    if not shadow:
        found["normalize_path"] = True
        found["merge_slashes"] = True
        found["path_with_escaped_slashes_action"] = "REJECT_REQUEST"
    if workloads.caller_header is None:
        found["forward_client_cert_details"] = "SANITIZE_SET"
        found["set_current_client_cert_details"] = {"uri": True}
    return found | {"http_filters": filters}


def bootstrap(managers: Mapping[str, Config], workloads: Workloads) -> Config:
    """One listener and one cluster for each service, all on loopback."""
    listeners, clusters = [], []
    for place, (callee, manager) in enumerate(managers.items()):
        name = dns_label(callee)
        port = FIRST_PORT + place % MOST_PORTS
        listeners.append(_listener(name, port, manager, workloads))
        found = workloads.of(callee)
        clusters.append(_cluster(name, (found.ports if found else ()) or (USUAL_PORT,)))
    return {
        "admin": {"address": _address(FIRST_PORT - 1)},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    }


def _listener(name: str, port: int, manager: Config, workloads: Workloads) -> Config:
    router = {
        "name": "envoy.filters.http.router",
        "typed_config": {"@type": f"{TYPES}.extensions.filters.http.router.v3.Router"},
    }
    routes = [{"match": {"prefix": "/"}, "route": {"cluster": name}}]
    typed: Config = {
        "@type": f"{TYPES}.extensions.filters.network.http_connection_manager.v3."
        "HttpConnectionManager",
        "stat_prefix": name,
        "route_config": {
            "name": name,
            "virtual_hosts": [{"name": name, "domains": ["*"], "routes": routes}],
        },
    }
    typed |= manager | {"http_filters": [*manager["http_filters"], router]}
    chain: Config = {
        "filters": [
            {"name": "envoy.filters.network.http_connection_manager", "typed_config": typed}
        ]
    }
    if workloads.caller_header is None:
        chain["transport_socket"] = _tls(name, workloads.certificates)
    return {
        "name": name,
        "address": _address(port),
        "traffic_direction": "INBOUND",
        "filter_chains": [chain],
    }


def _tls(name: str, folder: str) -> Config:
    """A certificate is verified where there is one; who has none has no name either."""
    own = {
        "certificate_chain": {"filename": f"{folder}/{name}.pem"},
        "private_key": {"filename": f"{folder}/{name}.key"},
    }
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{TYPES}.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_certificates": [own],
                "validation_context": {"trusted_ca": {"filename": f"{folder}/ca.pem"}},
            },
        },
    }


def _cluster(name: str, ports: tuple[int, ...]) -> Config:
    endpoint = {"endpoint": {"address": _address(ports[0])}}
    h2 = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
    same: Config = {"http_protocol_options": {}, "http2_protocol_options": {}}
    return {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
        "typed_extension_protocol_options": {
            h2: {
                "@type": f"type.googleapis.com/{h2}",
                "use_downstream_protocol_config": same,
            }
        },
    }


def _access_log(callee: str, workloads: Workloads) -> Config:
    """A line of JSON for each call, which `informer policy verify` reads."""
    header = workloads.caller_header
    caller = "%DOWNSTREAM_PEER_URI_SAN%" if header is None else f"%REQ({header})%"
    line = {
        "start_ns": "%START_TIME(%s%9f)%",
        "callee": callee.replace("%", "%%"),
        "caller": caller,
        "verb": "%REQ(:METHOD)%",
        "path": "%REQ(:PATH)%",
        "status": "%RESPONSE_CODE%",
        "details": "%RESPONSE_CODE_DETAILS%",
        "trace": "%REQ(TRACEPARENT)%",
        "shadow": f"%DYNAMIC_METADATA({RBAC}:informer_shadow_engine_result)%",
        "shadow_rule": f"%DYNAMIC_METADATA({RBAC}:informer_shadow_effective_policy_id)%",
        "result": f"%DYNAMIC_METADATA({RBAC}:enforced_engine_result)%",
        "rule": f"%DYNAMIC_METADATA({RBAC}:enforced_effective_policy_id)%",
        "over_limit": f"%REQ({OVER_LIMIT})%",
    }
    typed = {
        "@type": f"{TYPES}.extensions.access_loggers.file.v3.FileAccessLog",
        "path": "/dev/stdout",
        "log_format": {"json_format": line},
    }
    return {"name": "informer.calls", "typed_config": typed}


def _address(port: int) -> Config:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}
