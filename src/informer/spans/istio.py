"""Istio's default text access log: one line is one span."""

import re
from collections.abc import Iterator
from hashlib import blake2b

from informer.spans.access_log import Line, row_of, time_ns, without_pod, workload_of
from informer.spans.received import Tally
from informer.spans.rows import Row
from informer.spans.unpack import Content

# Anchored at both ends: whatever a user agent holds, the fields behind it keep their places.
LINE = re.compile(
    r"\[(?P<start>[^\]]+)\] "
    r'"(?P<method>\S+) (?P<path>[^"]*) (?P<protocol>[^" ]+)" '
    r"(?P<status>\d+|-) (?P<flags>\S+)(?: \S+ \S+)? "
    r'"[^"]*"(?: "[^"]*")? '
    r"(?:\d+|-) (?:\d+|-) (?P<duration>\d+|-) (?:\d+|-) "
    r'"(?P<forwarded_for>[^"]*)" "(?P<user_agent>.*)" "(?P<request_id>[^"]*)" '
    r'"(?P<authority>[^"]*)" "(?P<upstream_host>[^"]*)" '
    r"(?P<cluster>\S+) \S+ (?P<local_address>\S+) (?P<remote_address>\S+) \S+ \S+\s*$"
)
# `kubectl logs --prefix` says whose line it is; a container runtime writes a time and a stream.
PREFIX = re.compile(r"\[pod/(?P<pod>[^/\]]+)/[^\]]*\] |\S+ std(?:out|err) [FP] ")
LONGEST_LINE = 1 << 16
NS_PER_MS = 1_000_000


def read(content: Content, tally: Tally) -> Iterator[Row]:
    """Spans of one proxy's log; the workload is named by the file."""
    workload = workload_of(content.path)
    for number, raw in enumerate(content.lines()):
        text = raw.decode("utf-8", "replace")
        prefix = PREFIX.match(text)
        match = (
            LINE.match(text, prefix.end() if prefix else 0) if len(text) <= LONGEST_LINE else None
        )
        if match is None:
            tally.rejected["not_an_access_log_line"] += 1
            continue
        said = {key: None if value == "-" else value for key, value in match.groupdict().items()}
        try:
            start_ns = time_ns(said["start"] or "")
        except ValueError:
            tally.rejected["missing_time"] += 1
            continue
        if said["request_id"] is None:
            tally.mended["no_request_id"] += 1
        yield row_of(
            Line(
                start_ns=start_ns,
                duration_ns=int(said["duration"] or 0) * NS_PER_MS,
                method=said["method"],
                path=said["path"],
                status=said["status"],
                flags=said["flags"],
                request_id=said["request_id"],
                key=said["request_id"] or alone(raw, number),
                cluster=said["cluster"],
                authority=said["authority"],
                upstream_host=said["upstream_host"],
                local_address=said["local_address"],
                remote_address=said["remote_address"],
                forwarded_for=said["forwarded_for"],
                user_agent=said["user_agent"],
            ),
            without_pod(prefix["pod"]) if prefix and prefix["pod"] else workload,
        )


def is_line(text: str) -> bool:
    """Whether a text is a line of such a log."""
    prefix = PREFIX.match(text)
    return LINE.match(text, prefix.end() if prefix else 0) is not None


def alone(line: bytes, number: int) -> str:
    """A key for a line without a request id: it is a chain of its own."""
    return blake2b(line, digest_size=12, salt=str(number).encode()[:16]).hexdigest()
