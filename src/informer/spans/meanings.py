"""What the attributes of spans mean: which keys, old and new, say the same thing.

OpenTelemetry's semantic conventions and their older names, Envoy's and Istio's span tags, Zipkin's
and Jaeger's tags. The first key that is present counts.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from informer.core.errors import InformerError

REQUEST_ID = (
    "x-request-id",
    "guid:x-request-id",  # Envoy
    "http.request.header.x-request-id",
    "http.request.header.x_request_id",
    "x_request_id",
    "request_id",
)

OF_SPAN: dict[str, tuple[str, ...]] = {
    "http_status": ("http.response.status_code", "http.status_code"),
    "grpc_status": ("rpc.grpc.status_code", "grpc.status_code", "rpc.response.status_code"),
    "http_method": ("http.request.method", "http.method"),
    "route": ("http.route", "url.template"),
    "path": ("url.path", "http.target", "http.path"),
    "url": ("url.full", "http.url"),
    "rpc_service": ("rpc.service",),
    "rpc_method": ("rpc.method",),
    "queue": (
        "messaging.destination.template",
        "messaging.destination.name",
        "messaging.destination",
    ),
    "queue_action": (
        "messaging.operation.name",
        "messaging.operation.type",
        "messaging.operation",
    ),
    "queue_system": ("messaging.system",),
    "db_system": ("db.system.name", "db.system", "db.type"),
    "db_summary": ("db.query.summary",),
    "db_action": ("db.operation.name", "db.operation"),
    "db_target": ("db.collection.name", "db.sql.table", "db.mongodb.collection"),
    "peer_service": ("service.peer.name", "peer.service"),
    "host": ("server.address", "net.peer.name", "http.host", "net.sock.peer.name"),
    "host_ip": ("network.peer.address", "net.sock.peer.addr", "net.peer.ip"),
    "cluster": ("upstream_cluster.name", "upstream_cluster"),  # Envoy
    "flags": ("response_flags",),  # Envoy
    "node": ("node_id",),  # Envoy
    "revision": ("istio.canonical_revision",),
    "sample_rate": ("SampleRate", "sampleRate"),  # Honeycomb: this span stands for so many
    "sampling_probability": ("sampling.probability",),
    "sampler_type": ("sampler.type",),  # Jaeger clients, on the root span
    "sampler_param": ("sampler.param",),
}

OF_RESOURCE: dict[str, tuple[str, ...]] = {
    "service_version": ("service.version",),
    "template_hash": ("k8s.pod.labels.pod-template-hash", "k8s.pod.label.pod-template-hash"),
    "pod": ("k8s.pod.name",),
}

# Kept first when a span has more attributes than may be kept: correlation keys and evidence.
KEPT_FIRST = (
    *("x-request-id", "guid:x-request-id", "http.method", "http.request.method", "http.url"),
    *("url.full", "url.path"),
    *("http.target", "http.route", "http.status_code", "http.response.status_code"),
    *("user_agent", "http.user_agent", "user_agent.original", "client.address", "peer.address"),
    *("net.peer.ip", "network.peer.address", "http.client_ip", "x-forwarded-for", "http.host"),
    *("response_flags", "upstream_cluster", "node_id", "enduser.id", "rpc.grpc.status_code"),
)
MOST_KEYS = 32
LONGEST_VALUE = 256
LONGEST_OBJECT = MOST_KEYS * LONGEST_VALUE // 2  # longer ones are looked at key by key
MEANT = frozenset(key for keys in OF_SPAN.values() for key in keys)


def meant_of(attributes: Mapping[str, Any]) -> bytes:
    """Those attributes that can mean something, in JSON: what is in no two spans alike is left out.

    Beside a route, a path means nothing.

    >>> meant_of({"http.method": "GET", "http.route": "/a/:id", "url.path": "/a/5", "guid": "7"})
    b'{"http.method":"GET","http.route":"/a/:id"}'
    """
    meant = {key: value for key, value in attributes.items() if key in MEANT}
    if any(map(meant.get, OF_SPAN["route"])):
        meant = {key: value for key, value in meant.items() if key not in OF_SPAN["path"]}
    return orjson.dumps(meant)


def path_to(key: str) -> str:
    """A JSON path to a key that may hold dots.

    >>> path_to("http.route")
    '$."http.route"'
    """
    return f'$."{key}"'


def quoted(text: str) -> str:
    """A text as a SQL literal.

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def named(column: str) -> str:
    """A column's name in SQL.

    >>> print(named('Trace "ID" here'))
    "Trace ""ID"" here"
    """
    return '"' + column.replace('"', '""') + '"'


def extracted(column: str, meanings: dict[str, tuple[str, ...]]) -> tuple[str, list[str]]:
    """SQL that reads all keys of a JSON column in one pass, and one expression per meaning.

    The expressions take the list under the name `COLUMN_said`. Text that is no JSON says nothing.
    """
    keys = [key for group in meanings.values() for key in group]
    paths = ", ".join(quoted(path_to(key)) for key in keys)
    read = f"try(json_extract_string({column}, [{paths}])) as {column}_said"
    expressions, place = [], 1
    for meaning, group in meanings.items():
        places = ", ".join(
            f"nullif({column}_said[{n}], '')" for n in range(place, place + len(group))
        )
        expressions.append(f"coalesce({places}) as said_{meaning}")
        place += len(group)
    return read, expressions


def attribute(name: str, attributes: str = "attributes", resource: str = "resource") -> str:
    """SQL for one attribute of a span, else its resource; `x-request-id` under any of its names.

    Errors: InformerError for a name that no JSON path can hold.
    """
    if '"' in name or "\\" in name or not name:
        raise InformerError(f"an attribute's name must have no quote or backslash, got {name!r}")
    names = REQUEST_ID if name in REQUEST_ID else (name,)
    # A captured header is a list of one.
    paths = [p for key in names for p in (path_to(key) + "[0]", path_to(key))]
    found = [
        f"nullif(try(json_extract_string({column}, {quoted(path)})), '')"
        for column in (attributes, resource)
        for path in paths
    ]
    return f"coalesce({', '.join(found)})"
