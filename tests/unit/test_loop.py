"""The loop goes on after whatever error, and answers who asks."""

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from informer.core.errors import InformerError
from informer.pipeline.online import Online
from informer.pipeline.workspace import Workspace
from informer.service.gaps import Gaps
from informer.service.loop import Loop
from informer.service.spool import Spool


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Workspace]:
    with Workspace.create(tmp_path / "w") as made:
        made.put("trained", {"step_s": 60})
        yield made


def test_a_beginning_that_fails_after_an_error_is_tried_again(home: Workspace) -> None:
    spool = Spool(home.path / "spool", most_bytes=1 << 20, segment_s=0.0)
    began = 0

    def opened() -> Online:
        nonlocal began
        began += 1
        if began == 2:
            spool.forget(segment.number)
            raise InformerError("the disk is full")
        return Online(home, watermark_s=0, beside=lambda incidents, note: None)

    loop = Loop(home, opened, spool, Gaps(0))
    spool.add(b"whatever")
    (segment,) = spool.sealed()
    segment.path.unlink()  # the next turn fails
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        while loop.figures.failures < 2:
            thread.join(0.01)
            assert thread.is_alive()
        asked = [loop.ask(lambda home: home.get("trained")["step_s"]) for _ in range(2)]
        assert [answer.result(60) for answer in asked] == [60, 60]
        assert loop.figures.failures == 2
    finally:
        loop.stop()
        thread.join()
    assert began == 3


def test_messages_that_wait_unread_count_as_waiting(home: Workspace) -> None:
    now = 0.0
    spool = Spool(home.path / "spool", most_bytes=1 << 20, segment_s=0.0, clock=lambda: now)
    loop = Loop(
        home, partial(Online, home, watermark_s=0, beside=lambda i, n: None), spool, Gaps(0)
    )
    assert spool.waited_s() == 0.0
    spool.add(b"whatever")
    spool.sealed()
    now = 90.0
    assert spool.waited_s() == 90.0
    loop.turn()  # it is no message, and was taken in as far as it could be
    assert spool.waited_s() == 0.0
