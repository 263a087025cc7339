"""Envoy's JSON access log: one line is one span. Everybody names the fields differently."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from informer.spans.access_log import (
    Line,
    row_of,
    service_of,
    time_ns,
    without_pod,
    workload_of,
)
from informer.spans.istio import NS_PER_MS, alone
from informer.spans.json_lines import values
from informer.spans.received import Tally
from informer.spans.rows import Row
from informer.spans.unpack import Content

# Istio's default JSON encoding first, then the names seen in the wild.
NAMES: dict[str, tuple[str, ...]] = {
    "start": ("start_time", "time", "timestamp", "@timestamp", "ts"),
    "duration": ("duration", "dur", "duration_ms", "total_duration", "response_time"),
    "method": ("method", ":method", "http_method", "request_method"),
    "path": ("path", ":path", "uri", "url", "request_path"),
    "status": ("response_code", "code", "status", "status_code", "response_status"),
    "flags": ("response_flags", "flags"),
    "request_id": ("request_id", "x_request_id", "x-request-id", "req_id"),
    "trace": ("trace_id", "trace", "traceid", "traceID"),
    "traceparent": ("traceparent",),
    "cluster": ("upstream_cluster_raw", "upstream_cluster", "cluster"),
    "authority": ("authority", ":authority", "host"),
    "upstream_host": ("upstream_host", "upstream", "upstream_address"),
    "local_address": ("downstream_local_address", "local_address"),
    "remote_address": ("downstream_remote_address", "remote_address", "client_address", "client"),
    "forwarded_for": ("x_forwarded_for", "x-forwarded-for", "forwarded_for", "xff"),
    "user_agent": ("user_agent", "user-agent", "ua"),
    "grpc_status": ("grpc_status_number", "grpc_status_code", "grpc_status"),
    "peer": ("peer", "downstream_peer_uri_san", "peer_uri_san", "source_principal"),
    "workload": ("workload", "workload_name", "service", "service_name", "app", "pod", "pod_name"),
    "node": ("node_id",),
    "certificates": ("xfcc", "x_forwarded_client_cert", "x-forwarded-client-cert"),
}
KNOWN = frozenset(name for names in NAMES.values() for name in names)
FORMS = 64  # of lines, that are remembered; one proxy writes all of them in one
IDENTITY = re.compile(r"spiffe://[^/]*/ns/[^/]*/sa/([^/;,\s]+)")
OWN_IDENTITY = re.compile(r"(?:^|[;,])By=" + IDENTITY.pattern)


def looks_like(value: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a line of such a log."""
    said = _said(value)
    return "start" in said and (
        {"cluster", "flags", "certificates"} & said.keys() != set()
        or {"method", "path"} <= said.keys()
    )


def read(content: Content, tally: Tally) -> Iterator[Row]:
    """Spans of one proxy's log. The workload is a field of the line, else the file's name."""
    named = workload_of(content.path)
    for number, value in enumerate(values(content, tally)):
        try:
            said = _said(value)
            line = _line(said, tally, number)
        except (AttributeError, KeyError, ValueError):
            tally.rejected["not_an_access_log_line"] += 1
            continue
        yield row_of(line, _workload(said) or named)


def _said(value: Mapping[str, Any]) -> dict[str, str]:
    said = {}
    for meaning, names in _named(tuple(filter(KNOWN.__contains__, value.keys()))):
        for name in names:
            found = value[name]
            if found is not None and found not in ("-", "") and not isinstance(found, dict | list):
                said[meaning] = str(found)
                break
    return said


@lru_cache(FORMS)
def _named(fields: tuple[str, ...]) -> list[tuple[str, list[str]]]:
    """Of known fields, those that have each meaning, as they count."""
    present = set(fields)
    named = [(meaning, [n for n in names if n in present]) for meaning, names in NAMES.items()]
    return [(meaning, names) for meaning, names in named if names]


def _line(said: dict[str, str], tally: Tally, number: int) -> Line:
    traceparent = "".join(said.get("traceparent", "").split("-")[1:2])
    start_ns = time_ns(said["start"])
    key = said.get("request_id") or said.get("trace") or traceparent
    if not key:
        tally.mended["no_request_id"] += 1
        key = alone(repr(sorted(said.items())).encode(), number)
    identity = IDENTITY.search(said.get("peer") or _after(said.get("certificates", ""), "URI="))
    return Line(
        start_ns=start_ns,
        duration_ns=round(float(said.get("duration", 0)) * NS_PER_MS),
        method=said.get("method"),
        path=said.get("path"),
        status=said.get("status"),
        flags=said.get("flags"),
        request_id=said.get("request_id"),
        key=key,
        cluster=said.get("cluster"),
        authority=said.get("authority"),
        upstream_host=said.get("upstream_host"),
        local_address=said.get("local_address"),
        remote_address=said.get("remote_address"),
        forwarded_for=said.get("forwarded_for"),
        user_agent=said.get("user_agent"),
        grpc_status=said.get("grpc_status"),
        caller=identity and service_of(identity[1]),
    )


def _after(text: str, mark: str) -> str:
    return text.rpartition(mark)[2] if mark in text else ""


def _workload(said: dict[str, str]) -> str | None:
    """Who wrote the line: a field, the node id, or the certificate that answered the caller."""
    if "workload" in said:
        return without_pod(said["workload"])
    node = said.get("node", "").split("~")
    if len(node) == 4:
        return without_pod(node[2].rpartition(".")[0] or node[2])
    if said.get("cluster", "").startswith("outbound|"):
        return None
    own = OWN_IDENTITY.findall(said.get("certificates", ""))
    return own[-1] if own else None  # each proxy on the way appends itself
