"""Keeps the workspace from growing for ever: what is too old goes, once an hour."""

import asyncio
import logging
import time

from informer.pipeline.prune import prune
from informer.pipeline.workspace import Workspace
from informer.service.loop import asked
from informer.service.parts import Parts

EVERY_S = 3_600.0
FIRST_S = 60.0  # the start has enough to do
log = logging.getLogger(__name__)


async def keep_small(parts: Parts) -> None:
    """Prune for ever."""
    await asyncio.sleep(FIRST_S)
    while True:
        try:
            gone = await asked(parts.loop, lambda home: _pruned(home, parts))
            if gone:
                log.info("too old, and gone: %s", ", ".join(f"{n} {t}" for t, n in gone.items()))
        except Exception as error:  # noqa: BLE001 (it is tried again)
            log.error("what is too old could not be pruned: %s", error)
        await asyncio.sleep(EVERY_S)


def _pruned(home: Workspace, parts: Parts) -> dict[str, int]:
    sinks = [sink.name for sink in parts.outbox.sinks]
    return prune(home, home.settings.retention, sinks=sinks, now_ns=time.time_ns())
