"""Servers: what listens for the service, each begun on its own and all ended together."""

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from starlette.types import ASGIApp

from informer.core.errors import InformerError
from informer.service.access import Certificates, Tokens, check_address
from informer.service.gated_socket import gated_sockets
from informer.service.guarded_http import guarded
from informer.service.limits import MOST_CONNECTIONS, connections
from informer.service.local_socket import LocalProtocol, LocalSocket
from informer.service.otlp_grpc import serve_grpc
from informer.service.reception import Reception
from informer.service.renewal import RenewedContext, grpc_credentials, renew

GRACE_S = 5.0  # for messages under way when the service ends


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the service listens; None = nowhere."""

    grpc: int | None
    http: int | None
    web: int | None


class Servers:
    """Begun one by one; ended, the last first, when the stack is left."""

    def __init__(
        self, stack: contextlib.AsyncExitStack, files: Certificates, refused: Counter[str]
    ) -> None:
        """`refused` counts what the web servers send away before anybody else hears of it."""
        self._stack, self._files, self._refused = stack, files, refused
        self._context: RenewedContext | None = None
        if files.given:
            self._context = RenewedContext(files)
            stack.callback(asyncio.create_task(renew(self._context, files)).cancel)

    async def begin_grpc(self, reception: Reception, tokens: Tokens, address: str) -> int | None:
        """Take OTLP over gRPC; the port. Errors: InformerError when it cannot listen there."""
        if not address:
            return None
        credentials = grpc_credentials(self._files) if self._files.given else None
        server, port = await serve_grpc(reception, tokens, address, credentials)
        self._stack.push_async_callback(server.stop, GRACE_S)
        return port

    async def begin_web(self, name: str, app: ASGIApp, address: str) -> int | None:
        """Serve an app by HTTP; the port. `name` is that of the setting.

        Errors: InformerError when it cannot listen there.
        """
        if not address:
            return None
        host, port = check_address(name, address, safe=True)
        failed = f"{name} cannot listen on {address}: is it in use?"
        try:
            sockets = gated_sockets(host, port, connections(self._refused))
        except OSError as error:
            raise InformerError(failed) from error
        server = _Server(_config(app, http=guarded(self._refused)))
        server.config.load()
        server.config.ssl = self._context
        bound: int = sockets[0].getsockname()[1]
        await self._begin(server, failed, sockets)
        return bound

    async def begin_socket(self, app: ASGIApp, workspace: Path) -> None:
        """Serve an app to the user of this process alone. Errors: InformerError."""
        place = LocalSocket(workspace)
        self._stack.callback(place.close)
        server = _Server(_config(app, http=LocalProtocol, limit_concurrency=MOST_CONNECTIONS))
        await self._begin(server, f"{place.path} cannot be listened on", [place.socket])

    async def _begin(self, server: "_Server", failed: str, sockets: list[socket.socket]) -> None:
        task = asyncio.create_task(_run(server, sockets))
        while not server.started:
            if task.done():
                raise InformerError(failed)
            await asyncio.sleep(0.01)

        async def end() -> None:
            server.should_exit = True
            await task

        self._stack.push_async_callback(end)


class _Server(uvicorn.Server):
    """A web server that leaves signals to the service."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def _config(app: ASGIApp, **other: object) -> uvicorn.Config:
    given: dict[str, object] = {
        "log_level": "error",  # strangers who send no HTTP are counted, and fill no log
        "access_log": False,
        "lifespan": "off",
        "server_header": False,
        "proxy_headers": False,  # whoever sends them is not believed
        "ws": "none",
        "timeout_keep_alive": 30,
        "timeout_graceful_shutdown": int(GRACE_S),
    }
    return uvicorn.Config(app, **(given | other))  # type: ignore[arg-type]  # settings of many types


async def _run(server: _Server, sockets: list[socket.socket]) -> None:
    with contextlib.suppress(SystemExit):  # what uvicorn says when it cannot listen
        await server.serve(sockets)
