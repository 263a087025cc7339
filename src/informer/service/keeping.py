"""Keeps the workspace in order: what is old goes, what is over is rolled up and laid by pattern."""

import asyncio
import logging
import time

from informer.pipeline.hours import HOUR_NS, roll_up
from informer.pipeline.laid import lay
from informer.pipeline.prune import prune
from informer.pipeline.prune_models import prune_models
from informer.pipeline.workspace import Workspace
from informer.service.loop import asked
from informer.service.parts import Parts

EVERY_S = 3_600.0
FIRST_S = 60.0  # the start has enough to do
ROLL_S, BETWEEN_S = 20.0, 0.05
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


async def roll_up_hours(parts: Parts) -> None:
    """Roll up hours that are over, and lay their rows, some at a time: steps come between."""
    rolled = -1  # hours, up to which nothing is left to do
    while True:
        hour, more = parts.loop.figures.closed_ns // HOUR_NS, False
        if hour != rolled:
            try:
                more = await asked(parts.loop, _rolled_up, is_news=False)
                rolled = rolled if more else hour
            except Exception as error:  # noqa: BLE001 (it is tried again)
                log.error("hours could not be rolled up: %s", error)
        await asyncio.sleep(BETWEEN_S if more else ROLL_S)


def _rolled_up(home: Workspace) -> bool:
    """Whether there is more to do."""
    return roll_up(home) or lay(home)


def _pruned(home: Workspace, parts: Parts) -> dict[str, int]:
    sinks = [sink.name for sink in parts.outbox.sinks]
    settings = home.settings.retention
    gone = prune(home, settings, sinks=sinks, now_ns=time.time_ns())
    return gone | prune_models(home, settings.model_versions)
