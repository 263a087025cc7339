"""Learning again while watching goes on: a pattern at a time, in a process of its own."""

import asyncio
import logging

from informer.core.errors import InformerError
from informer.pipeline.memory import recall_pool
from informer.pipeline.refresh import Refresh, ask_of_drift, due_patterns, fit_one, take_up
from informer.pipeline.workspace import Workspace
from informer.service.loop import Loop, asked

LOOK_S = 60.0  # between two looks for patterns that are due
log = logging.getLogger(__name__)


async def learn_again(loop: Loop, hours: int) -> None:
    """Pattern by pattern, for ever; one that fails keeps its model, and is tried again later."""
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            due = await asked(loop, lambda home: _due(home, hours))
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
    pools = await asked(loop, recall_pool)
    seed = await asked(loop, lambda home: home.settings.machine.seed)
    fitted = await asyncio.to_thread(fit_one, one, pools, seed)
    version = await asked(loop, lambda home: take_up(home, one, fitted))
    if version:
        loop.learned_anew()
        log.info("%s learned again: version %s", one.pattern_id, version)
