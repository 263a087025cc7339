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
from otlp_messages import message


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


def test_what_was_rejected_is_counted_once_whatever_is_replayed_after_an_error(
    home: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("informer.service.loop.AGAIN_S", 0.0)
    now = 0.0
    spool = Spool(home.path / "spool", most_bytes=1 << 20, segment_s=1.0, clock=lambda: now)

    def opened() -> Online:
        for segment in spool.sealed():
            if not segment.path.exists():
                spool.forget(segment.number)
        return Online(home, watermark_s=3_600, beside=lambda incidents, note: None)

    def give(*given: bytes) -> None:
        nonlocal now
        for one in given:
            spool.add(one)
        now += 1.0

    loop = Loop(home, opened, spool, Gaps(0))
    give(message("of no use", service=""))  # nothing in it is open: it is not replayed
    give(message("open"), message("of no use", service=""))
    loop.turn()
    assert (loop.figures.spans, loop.figures.rejected) == (1, {"missing_service": 2})
    give(message("lost"))
    spool.sealed()[-1].path.unlink()  # the next turn fails
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        while loop.figures.failures < 1:
            thread.join(0.01)
            assert thread.is_alive()
        give(message("open"), message("of no use", service=""))
        while loop.figures.spans < 2:
            thread.join(0.01)
            assert thread.is_alive()
    finally:
        loop.stop()
        thread.join()
    assert loop.figures.rejected == {"missing_service": 3}


def test_a_gap_that_is_kept_is_one_however_often_it_begins_anew(
    home: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Hearing(Online):
        """Tells what it hears of."""

        def missed(self, from_ns: int, until_ns: int) -> None:
            heard[-1].append((from_ns, until_ns))

    def opened() -> Online:
        heard.append([])
        return Hearing(home, watermark_s=0, beside=lambda incidents, note: None)

    monkeypatch.setattr("informer.service.loop.AGAIN_S", 0.0)
    heard: list[list[tuple[int, int]]] = []
    home.put("watching", {"closed_ns": 60, "gaps": [[10, 90], [100, 200]]})
    spool = Spool(home.path / "spool", most_bytes=1 << 20, segment_s=0.0)
    loop = Loop(home, opened, spool, Gaps(0))
    spool.add(b"whatever")
    spool.sealed()[0].path.unlink()  # all turns fail
    thread = threading.Thread(target=loop.run)
    thread.start()
    try:
        while len(heard) < 4:
            thread.join(0.01)
            assert thread.is_alive()
    finally:
        loop.stop()
        thread.join()
    assert heard[:4] == [[(10, 90), (100, 200)]] * 4
