"""One line of a proxy's access log as one span, and how the lines of one request hang together.

Access logs have no span ids, so the ids are derived from what both ends of a call see alike. A
line of an outbound call is named by request id, the callee's address, method and path; the inbound
line that answers it knows all of them, and hangs below it. An inbound line is named by request id
and workload; the outbound lines of that workload in that request hang below it. All links are
guesses (`?`): where nothing answers to one, the span is a root. No state is kept per request.
The caller's address takes no part: `x-forwarded-for` overwrites it.
"""

import re
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from pathlib import Path
from typing import NamedTuple

import orjson

from informer.spans.files import PACKED
from informer.spans.meanings import meant_of
from informer.spans.rows import Row

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
POD = re.compile(r"-[bcdfghjklmnpqrstvwxz2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}$")
REVISION = re.compile(r"-v\d+(?:[-.]\d+)*$")


class Line(NamedTuple):
    """What a line says; None where it says nothing (`-`)."""

    start_ns: int
    duration_ns: int | None
    method: str | None
    path: str | None
    status: str | None
    flags: str | None
    request_id: str | None
    key: str  # what joins the lines of one request: the request id, or what takes its place
    cluster: str | None  # `outbound|port|subset|host` or `inbound|port||`
    authority: str | None
    upstream_host: str | None
    local_address: str | None  # where the request came in
    remote_address: str | None  # from where it came
    forwarded_for: str | None
    user_agent: str | None
    grpc_status: str | None = None
    caller: str | None = None  # who its certificate says it is


def row_of(line: Line, workload: str) -> Row:
    """The span of one line that `workload` wrote. Times are nanoseconds."""
    called = (line.method or "", line.path or "")
    here = _id("in", line.key, workload)
    cluster = line.cluster or ""
    calling = cluster.startswith("outbound|") or cluster == "PassthroughCluster"
    if calling:
        span_id = _id("out", line.key, line.upstream_host or "", *called)
        parent = here
    else:
        span_id = here
        parent = _id("out", line.key, line.local_address or "", *called)
    attributes = _attributes(line)
    return Row(
        line.key,
        span_id,
        "?" + parent,
        service_of(workload),
        None if line.method else "TCP",
        "client" if calling else "server",
        None if calling else line.caller,
        line.start_ns,
        line.duration_ns,
        None,
        None,
        workload,
        "envoy",
        None,
        orjson.dumps(attributes),
        None,
        meant_of(attributes),
    )


def _attributes(line: Line) -> dict[str, str]:
    """Under the names that Envoy's own spans use, so that one set of rules reads both."""
    said = {
        "x-request-id": line.request_id,
        "http.method": line.method,
        "url.path": line.path,
        "http.status_code": line.status,
        "grpc.status_code": line.grpc_status,
        "response_flags": line.flags,
        "upstream_cluster": line.cluster,
        "http.host": line.authority,
        "peer.address": line.remote_address and line.remote_address.rpartition(":")[0],
        "x-forwarded-for": line.forwarded_for,
        "user_agent": line.user_agent,
    }
    return {key: value for key, value in said.items() if value is not None}


def _id(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()


def time_ns(text: str) -> int:
    """ISO text, or seconds (or ms, µs, ns: by the number of digits) since 1970, in nanoseconds.

    Errors: ValueError when it is neither.

    >>> time_ns("2026-11-22T18:48:13.081Z"), time_ns("1795373293.081")
    (1795373293081000000, 1795373293081000000)
    """
    if text[4:5] == "-":
        moment = datetime.fromisoformat(text)
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return (zoned - EPOCH) // MICROSECOND * 1_000
    whole, _, part = text.partition(".")
    if len(whole) in (13, 16, 19):
        return int(whole.ljust(19, "0"))
    return int(whole) * 1_000_000_000 + int(part[:9].ljust(9, "0"))


def workload_of(path: Path) -> str:
    """The workload that wrote a log file, from the file's name.

    >>> workload_of(Path("logs/productpage-v1.log.gz"))
    'productpage-v1'
    >>> workload_of(Path("reviews-v2-6f6cfc45b-d9pnv_default_istio-proxy-0a1b.log"))
    'reviews-v2'
    """
    name = path.name
    while (suffix := Path(name).suffix) and suffix.lower() in {
        *PACKED,
        ".log",
        ".txt",
        ".json",
        ".jsonl",
        ".ndjson",
    }:
        name = name[: -len(suffix)]
    return without_pod(name.split("_")[0] if "_istio-proxy" in name else name)


def without_pod(name: str) -> str:
    """A workload's name without the hashes of its pod."""
    return POD.sub("", name)


def service_of(workload: str) -> str:
    """The service that a workload serves: its name without the revision.

    >>> service_of("productpage-v1"), service_of("ingress")
    ('productpage', 'ingress')
    """
    return REVISION.sub("", workload)
