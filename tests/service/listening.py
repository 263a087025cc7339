"""Our receivers on free ports, in a thread of their own, before a spool that tests look into."""

import asyncio
import contextlib
import math
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from informer.service.access import Certificates, Tokens
from informer.service.reception import Reception
from informer.service.servers import Servers
from informer.service.spool import Spool
from informer.service.web import traces_app
from informer.spans.unpack import Content

PROTOBUF = "application/x-protobuf"
ANYWHERE = "127.0.0.1:0"


@dataclass
class Listening:
    """Receivers at work."""

    reception: Reception
    spool: Spool
    grpc: int = 0
    http: int = 0

    @property
    def names(self) -> list[str]:
        """The names of all spans in the spool."""
        requests = [
            ExportTraceServiceRequest.FromString(frame)
            for segment in self.spool.sealed()
            for frame in Content(segment.path).frames()
        ]
        groups = [group for request in requests for group in request.resource_spans]
        return [s.name for group in groups for p in group.scope_spans for s in p.spans]


@contextmanager
def listening(
    folder: Path,
    *,
    certificates: Certificates | None = None,
    tokens: Tokens | None = None,
    most_bytes: int = 1 << 24,
    most_wait_s: float = math.inf,
    most_message_bytes: int = 1 << 20,
) -> Iterator[Listening]:
    """Receivers for the while."""
    spool = Spool(folder / "spool", most_bytes=most_bytes, segment_s=0.0, most_wait_s=most_wait_s)
    receivers = Listening(Reception(spool, most_message_bytes=most_message_bytes), spool)
    admitted = tokens or Tokens()
    is_ready, ends, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()

    async def serve() -> None:
        async with contextlib.AsyncExitStack() as stack:
            reception = receivers.reception
            servers = Servers(stack, certificates or Certificates(), reception.received.refused)
            receivers.grpc = await servers.begin_grpc(reception, admitted, ANYWHERE) or 0
            app = traces_app(reception, admitted)
            receivers.http = await servers.begin_web("serve.http", app, ANYWHERE) or 0
            is_ready.set()
            await ends.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert is_ready.wait(30)
        yield receivers
    finally:
        loop.call_soon_threadsafe(ends.set)
        thread.join()
        loop.close()
        spool.close()


def post(
    heard: Listening,
    body: bytes,
    *,
    kind: str = PROTOBUF,
    packing: str = "identity",
    scheme: str = "http",
    context: ssl.SSLContext | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of what is answered."""
    url = f"{scheme}://localhost:{heard.http}/v1/traces"
    request = urllib.request.Request(url, body, {"Content-Type": kind, "Content-Encoding": packing})
    try:
        with urllib.request.urlopen(request, context=context, timeout=20) as got:
            return got.status, {k.lower(): v for k, v in got.headers.items()}, got.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()
