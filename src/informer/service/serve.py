"""The service as a whole: receivers, the loop, learning again; begun, run and ended in order."""

import asyncio
import contextlib
import logging
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from informer.config.rules import bytes_of
from informer.config.serve import ServeSettings
from informer.config.settings import Settings
from informer.core.types import NS_PER_S, Json
from informer.pipeline.folder import SPOOL
from informer.pipeline.online import Online
from informer.pipeline.runs import is_learned
from informer.pipeline.workspace import TABLES_FILE, Workspace
from informer.service.access import Certificates, Tokens, check_address, is_loopback
from informer.service.api.app import api_app
from informer.service.api.desk import Desk
from informer.service.api.gate import Admission, by_socket, by_token, closed, on_loopback
from informer.service.api.roles import ApiTokens
from informer.service.api.status import status_of
from informer.service.blindness import tell_blindness
from informer.service.console.app import beside, console_app
from informer.service.gaps import Gaps
from informer.service.gathering import Gathering, forget_gathered, gather, prepared
from informer.service.keeping import keep_small, roll_up_hours
from informer.service.loop import Loop
from informer.service.notices import keep_notices
from informer.service.open_files import allow_files
from informer.service.outbox import Outbox
from informer.service.parts import Parts
from informer.service.reception import Reception
from informer.service.relearning import learn_again
from informer.service.servers import Ports, Servers
from informer.service.spool import Spool
from informer.service.streams import Streams, streams_of
from informer.service.tellers import sinks_of
from informer.service.web import gathering_app, health_routes, traces_app

log = logging.getLogger(__name__)


def serve(
    workspace: Path,
    *,
    insecure: bool = False,
    ready: Callable[[Ports], None] = lambda ports: None,
) -> None:
    """Run until SIGINT or SIGTERM. `ready` hears the ports.

    Errors: InformerError for what the user can mend before it starts.
    """
    allow_files()
    if not _has_learned(workspace):
        settings = prepared(workspace)
        learned = asyncio.run(_gather(workspace, settings, insecure, ready))
        if not learned:
            return
    with Workspace.open(workspace) as home:
        forget_gathered(workspace)
        asyncio.run(_serve(home, insecure, ready))


async def _serve(home: Workspace, insecure: bool, ready: Callable[[Ports], None]) -> None:
    settings = home.settings.serve
    tokens, holders = Tokens.read(settings.tokens_file), ApiTokens.read(settings.api_tokens_file)
    files, stop = _certificates(settings, insecure), _stopped_by_signals()
    async with _working(home, stop) as parts, contextlib.AsyncExitStack() as stack:
        servers = Servers(stack, files, parts.reception.received.refused)
        status, health = status_of(parts), health_routes(parts)
        await servers.begin_socket(api_app(parts.desk, by_socket, status), home.path)
        admission = _admission(settings, holders)
        api = api_app(parts.desk, admission, status, health)
        web = beside(api, console_app(parts, holders, admission, home.settings.console))
        ports = Ports(
            await servers.begin_grpc(parts.reception, tokens, settings.grpc),
            await servers.begin_web(
                "serve.http", traces_app(parts.reception, tokens), settings.http
            ),
            await servers.begin_web("serve.web", web, settings.web),
        )
        for work in _work_beside(parts, settings):
            stack.callback(asyncio.create_task(_heard(work)).cancel)
        ready(ports)
        await stop.wait()


async def _gather(
    workspace: Path, settings: Settings, insecure: bool, ready: Callable[[Ports], None]
) -> bool:
    """Listen, gather and learn; whether something was learned. Nothing is watched yet."""
    serve = settings.serve
    tokens = Tokens.read(serve.tokens_file)
    ApiTokens.read(serve.api_tokens_file), sinks_of(settings)  # what is wrong is told at the start
    files, stop = _certificates(serve, insecure), _stopped_by_signals()
    gathering = Gathering(workspace, serve)
    reception = gathering.reception
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(gathering.spool.close)
        servers = Servers(stack, files, reception.received.refused)
        ports = Ports(
            await servers.begin_grpc(reception, tokens, serve.grpc),
            await servers.begin_web("serve.http", traces_app(reception, tokens), serve.http),
            await servers.begin_web("serve.web", gathering_app(gathering), serve.web),
        )
        ready(ports)
        return await gather(gathering, stop)


def _has_learned(workspace: Path) -> bool:
    if not (workspace / TABLES_FILE).exists():
        return False
    with Workspace.open(workspace) as home:
        return is_learned(home)


def _certificates(settings: ServeSettings, insecure: bool) -> Certificates:
    """Errors: InformerError for files of no use, or where something would listen unsafely."""
    files = Certificates(settings.tls_certificate, settings.tls_key, settings.tls_clients)
    files.check()
    for name in ("grpc", "http", "web"):
        if getattr(settings, name):
            safe = insecure or files.given
            check_address(f"serve.{name}", getattr(settings, name), safe=safe)
    return files


def _stopped_by_signals() -> asyncio.Event:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        with contextlib.suppress(NotImplementedError, ValueError):  # not the main thread
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


@contextlib.asynccontextmanager
async def _working(home: Workspace, stop: asyncio.Event) -> AsyncIterator[Parts]:
    """The parts at work; in the end what they have under way is finished."""
    settings = home.settings.serve
    spool = Spool(
        home.path / SPOOL,
        most_bytes=bytes_of(settings.spool),
        most_wait_s=settings.backlog_steps * int(home.get("trained")["step_s"]),
    )
    gaps = Gaps(settings.watermark_s * NS_PER_S)
    reception = Reception(spool, most_message_bytes=bytes_of(settings.message), gaps=gaps)
    sinks = sinks_of(home.settings)
    streams = Streams(streams_of(home.settings, spool))
    engine = home.engine.beside()
    outbox = Outbox(engine, sinks, give_up_s=settings.give_up_hours * 3_600)

    def keep(incidents: pa.Table, note: Json) -> None:
        keep_notices(home, incidents, note, now_ns=time.time_ns())

    def watching() -> Online:
        return Online(home, watermark_s=settings.watermark_s, beside=keep)

    loop = Loop(home, watching, spool, gaps)
    thread = threading.Thread(target=loop.run, name="informer-loop")
    desk = Desk(home, loop, thread.is_alive)
    thread.start()
    delivering = asyncio.create_task(outbox.run(stop))
    streams.start()
    try:
        yield Parts(reception, spool, loop, thread, outbox, desk, streams)
    finally:
        desk.close()
        await asyncio.to_thread(streams.stop)
        spool.close()
        loop.stop()
        await asyncio.to_thread(thread.join)
        stop.set()
        await delivering
        engine.close()


async def _heard(work: Coroutine[Any, Any, None]) -> None:
    """None of it ends by itself: where it does, somebody is to know."""
    try:
        await work
    except Exception:
        log.exception("work beside the watch has ended, which goes on without it")
        raise


def _work_beside(parts: Parts, settings: ServeSettings) -> Iterator[Coroutine[Any, Any, None]]:
    """What goes on while the service watches."""
    if settings.relearn_hours:
        yield learn_again(parts.loop, settings.relearn_hours)
    yield keep_small(parts)
    yield roll_up_hours(parts)
    yield tell_blindness(parts, silent_s=settings.blind_after_s, watermark_s=settings.watermark_s)


def _admission(settings: ServeSettings, holders: ApiTokens) -> Admission:
    """Who gets in by the address of the API."""
    if holders.holders:
        return by_token(holders)
    host, _ = check_address("serve.web", settings.web or "localhost:0", safe=True)
    if is_loopback(host):
        return on_loopback
    log.warning("the API is closed: beyond this machine it needs serve.api_tokens_file")
    return closed
