"""The service as a whole: receivers, the loop, learning again; begun, run and ended in order."""

import asyncio
import contextlib
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import grpc
import pyarrow as pa
import uvicorn
from starlette.applications import Starlette

from informer.config.settings import ServeSettings, bytes_of
from informer.core.errors import InformerError
from informer.core.types import Json
from informer.pipeline.memory import recall_pool
from informer.pipeline.online import Online
from informer.pipeline.refresh import Refresh, ask_of_drift, due_patterns, fit_one, take_up
from informer.pipeline.workspace import Workspace
from informer.service.access import Certificates, Tokens, check_address
from informer.service.loop import Loop
from informer.service.notices import keep_notices
from informer.service.otlp_grpc import serve_grpc
from informer.service.outbox import Outbox
from informer.service.reception import Reception
from informer.service.spool import Spool
from informer.service.tellers import sinks_of
from informer.service.web import health_app, traces_app

SPOOL = "spool"
GRACE_S = 5.0  # for messages under way when the service ends
RELEARN_LOOK_S = 60.0  # between two looks for patterns that are due
MOST_CONNECTIONS = 512
log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the service listens; None = nowhere."""

    grpc: int | None
    http: int | None
    web: int | None


class Server(uvicorn.Server):
    """A web server that leaves signals to the service."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


def serve(
    workspace: Path,
    *,
    insecure: bool = False,
    ready: Callable[[Ports], None] = lambda ports: None,
) -> None:
    """Run until SIGINT or SIGTERM. `ready` hears the ports.

    Errors: InformerError for what the user can mend before it starts.
    """
    with Workspace.open(workspace) as home:
        if home.table("runs").num_rows == 0:
            raise InformerError(f"nothing was learned into {workspace} yet: run `informer learn`")
        asyncio.run(_serve(home, insecure, ready))


async def _serve(
    home: Workspace,
    insecure: bool,
    ready: Callable[[Ports], None],
) -> None:
    settings = home.settings.serve
    tokens = Tokens.read(settings.tokens_file)
    files = Certificates(settings.tls_certificate, settings.tls_key, settings.tls_clients)
    files.check()
    safe = insecure or files.given
    for name in ("grpc", "http", "web"):
        if getattr(settings, name):
            check_address(f"serve.{name}", getattr(settings, name), safe=safe)
    spool = Spool(home.path / SPOOL, most_bytes=bytes_of(settings.spool))
    reception = Reception(spool, most_message_bytes=bytes_of(settings.message))
    sinks = sinks_of(home.settings)
    engine = home.engine.beside()
    outbox = Outbox(engine, sinks, give_up_s=settings.give_up_hours * 3_600)

    def keep(incidents: pa.Table, note: Json) -> None:
        keep_notices(home, incidents, note, now_ns=time.time_ns())

    def watching() -> Online:
        return Online(home, watermark_s=settings.watermark_s, beside=keep)

    loop = Loop(home, watching, spool)
    thread = threading.Thread(target=loop.run, name="informer-loop")
    thread.start()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, ValueError):  # not the main thread
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    tasks: list[asyncio.Task[None]] = []
    delivering = asyncio.create_task(outbox.run(stop))
    try:
        async with contextlib.AsyncExitStack() as listening:
            ports = await _listen(
                settings, files, tokens, reception, spool, loop, outbox, thread, listening
            )
            if settings.relearn_hours:
                tasks.append(asyncio.create_task(_learn_again(loop, settings.relearn_hours)))
            ready(ports)
            await stop.wait()
    finally:
        for task in tasks:
            task.cancel()
        spool.close()
        loop.stop()
        await asyncio.to_thread(thread.join)
        stop.set()
        await delivering
        engine.close()


async def _listen(
    settings: ServeSettings,
    files: Certificates,
    tokens: Tokens,
    reception: Reception,
    spool: Spool,
    loop: Loop,
    outbox: Outbox,
    thread: threading.Thread,
    listening: contextlib.AsyncExitStack,
) -> Ports:
    grpc_port = http_port = web_port = None
    if settings.grpc:
        server, grpc_port = await serve_grpc(
            reception, tokens, settings.grpc, _grpc_credentials(files)
        )
        listening.push_async_callback(server.stop, GRACE_S)
    if settings.http:
        app = traces_app(reception, tokens)
        http_port = await _start("serve.http", app, settings.http, files, listening)
    if settings.web:
        app = health_app(reception, spool, loop, outbox, thread.is_alive)
        web_port = await _start("serve.web", app, settings.web, files, listening)
    return Ports(grpc_port, http_port, web_port)


async def _start(
    name: str,
    app: Starlette,
    address: str,
    files: Certificates,
    listening: contextlib.AsyncExitStack,
) -> int:
    """Serve an app; gives its port."""
    host, port = check_address(name, address, safe=True)
    server = Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_level="warning",
            access_log=False,
            lifespan="off",
            server_header=False,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=int(GRACE_S),
            ssl_certfile=files.certificate or None,
            ssl_keyfile=files.key or None,
            ssl_ca_certs=files.clients or None,
            ssl_cert_reqs=2 if files.clients else 0,  # ssl.CERT_REQUIRED, ssl.CERT_NONE
        )
    )
    task = asyncio.create_task(_run(server))
    while not server.started:
        if task.done():
            raise InformerError(f"{name} cannot listen on {address}: is it in use?")
        await asyncio.sleep(0.01)

    async def end() -> None:
        server.should_exit = True
        await task

    listening.push_async_callback(end)
    bound: int = server.servers[0].sockets[0].getsockname()[1]
    return bound


async def _run(server: Server) -> None:
    with contextlib.suppress(SystemExit):  # what uvicorn says when it cannot listen
        await server.serve()


def _grpc_credentials(files: Certificates) -> grpc.ServerCredentials | None:
    if not files.given:
        return None
    clients = Path(files.clients).read_bytes() if files.clients else None
    return grpc.ssl_server_credentials(
        [(Path(files.key).read_bytes(), Path(files.certificate).read_bytes())],
        root_certificates=clients,
        require_client_auth=clients is not None,
    )


async def _learn_again(loop: Loop, hours: int) -> None:
    """Pattern by pattern; one that fails keeps its model, and is tried again later."""
    while True:
        await asyncio.sleep(RELEARN_LOOK_S)
        try:
            due = await _asked(loop, lambda home: _due(home, hours))
            for one in due:
                await _one_again(loop, one)
        except (InformerError, RuntimeError) as error:
            log.error("learning again failed, the old models stay in force: %s", error)


def _due(home: Workspace, hours: int) -> list[Refresh]:
    closed_ns = int(home.get("watching").get("closed_ns", 0))
    found = due_patterns(home, every_s=hours * 3_600, until_ns=closed_ns) if closed_ns else []
    ask_of_drift(home, found)
    return found


async def _one_again(loop: Loop, one: Refresh) -> None:
    pools = await _asked(loop, recall_pool)
    seed = await _asked(loop, lambda home: home.settings.machine.seed)
    fitted = await asyncio.to_thread(fit_one, one, pools, seed)
    version = await _asked(loop, lambda home: take_up(home, one, fitted))
    if version:
        loop.learned_anew()
        log.info("%s learned again: version %s", one.pattern_id, version)


async def _asked(loop: Loop, work: Callable[[Workspace], T]) -> T:
    return await asyncio.wrap_future(loop.ask(work))
