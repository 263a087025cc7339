"""Learning again while watching goes on: a pattern at a time, in a process of its own."""

import asyncio
import logging
import time

from informer.pipeline.memory import recall_pool
from informer.pipeline.refresh import Refresh, ask_of_drift, due_patterns, fit_one, take_up
from informer.pipeline.workspace import Workspace
from informer.service.loop import Loop, asked

LOOK_S = 60.0  # between two looks for patterns that are due
AGAIN_S = 3_600.0  # after one that failed
log = logging.getLogger(__name__)


async def learn_again(loop: Loop, hours: int) -> None:
    """Pattern by pattern, for ever; one that fails keeps its model, and is tried again later."""
    not_before_s: dict[str, float] = {}
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            due = await asked(loop, lambda home: _due(home, hours))
        except Exception as error:  # noqa: BLE001 (it is looked up again)
            log.error("which patterns are to learn again cannot be looked up: %s", error)
            continue
        for one in due:
            if time.monotonic() < not_before_s.get(one.pattern_id, 0.0):
                continue
            try:
                await _one_again(loop, one)
            except Exception as error:  # noqa: BLE001 (a full disk ends no learning for good)
                not_before_s[one.pattern_id] = time.monotonic() + AGAIN_S
                log.error(
                    "%s could not learn again, its old model stays in force: %s",
                    one.pattern_id,
                    error,
                )


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
