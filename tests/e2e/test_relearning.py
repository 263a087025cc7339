"""Patterns learn again beside the watch; one that cannot keeps its model and holds up no other."""

import asyncio
import contextlib
import errno
import tempfile
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from command import done
from informer.forecasts import store
from informer.pipeline.memory import versions_in_force
from informer.pipeline.online import Online
from informer.pipeline.refresh import due_patterns
from informer.pipeline.workspace import Workspace
from informer.service import relearning
from informer.service.gaps import Gaps
from informer.service.loop import Loop, asked
from informer.service.relearning import learn_again
from informer.service.spool import Spool
from shop import Shop
from traffic_maker import DAY_STEPS, STEP_NS

WITHIN_S = 120


def full_disk_below(folder: Path) -> Callable[..., str]:
    """As the system answers when a folder is to be made on a disk that is full."""
    made = tempfile.mkdtemp

    def mkdtemp(prefix: str, dir: Path) -> str:
        if dir == folder:
            raise OSError(errno.ENOSPC, "No space left on device")
        return made(prefix=prefix, dir=dir)

    return mkdtemp


async def until_another_learned(loop: Loop, before: dict[str, str]) -> dict[str, str]:
    """Let patterns learn again; the versions in force as soon as one has changed."""
    learning = asyncio.create_task(learn_again(loop, 1))
    ends = time.monotonic() + WITHIN_S
    try:
        while True:
            now = await asked(loop, lambda home: versions_in_force(home)[1])
            if now != before or learning.done() or time.monotonic() > ends:
                return now
            await asyncio.sleep(0.1)
    finally:
        learning.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await learning


def test_a_pattern_that_cannot_learn_again_holds_up_no_other(
    shop: Shop, own_workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done("detect", shop.clean, "-w", own_workspace)
    monkeypatch.setattr(relearning, "LOOK_S", 0.05)
    with Workspace.open(own_workspace) as home:
        end_ns = shop.day_ns + DAY_STEPS * STEP_NS
        home.put("watching", {"closed_ns": end_ns})
        before = versions_in_force(home)[1]
        first, *others = due_patterns(home, every_s=3_600, until_ns=end_ns)
        assert others
        monkeypatch.setattr(
            store.tempfile, "mkdtemp", full_disk_below(home.models / first.pattern_id)
        )
        spool = Spool(home.path / "spool", most_bytes=1 << 20)
        opened = partial(Online, home, watermark_s=0, beside=lambda incidents, note: None)
        loop = Loop(home, opened, spool, Gaps(0))
        thread = threading.Thread(target=loop.run)
        thread.start()
        try:
            now = asyncio.run(until_another_learned(loop, before))
        finally:
            loop.stop()
            thread.join()
    assert {p for p in now if now[p] != before[p]} == {others[0].pattern_id}
    assert now[first.pattern_id] == before[first.pattern_id]
