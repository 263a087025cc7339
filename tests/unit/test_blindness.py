"""When the service sees nothing it says so, once, and says when that is over."""

import asyncio
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from informer.pipeline.blind import open_reasons
from informer.pipeline.online import Online
from informer.pipeline.workspace import Workspace
from informer.service.api.desk import Desk
from informer.service.blindness import (
    CLEAR_S,
    LOOK_S,
    WINDOW_S,
    Blindness,
    Reading,
    tell_blindness,
)
from informer.service.gaps import Gaps
from informer.service.loop import Loop, asked
from informer.service.outbox import Outbox
from informer.service.parts import Parts
from informer.service.reception import Reception
from informer.service.spool import Spool
from informer.service.streams import Streams

SILENT_S, STUCK_S, STEPS_S = 900.0, 1_200.0, 1_260.0


class Watched:
    """A service whose readings a test decides on, looked at all the time."""

    def __init__(self, silent_s: float = SILENT_S, told: tuple[str, ...] = ()) -> None:
        self.now_s = 5_000.0
        self.reading = Reading()
        self.blindness = Blindness(
            silent_s=silent_s, stuck_s=STUCK_S, steps_s=STEPS_S, now_s=self.now_s, told=told
        )
        self.found: dict[str, tuple[float, str]] = {}

    def go(self, seconds: float, **each: int) -> set[str]:
        """Let time go by; `each` is what comes between two looks. Gives the reasons at the end."""
        ends = self.now_s + seconds
        while self.now_s < ends:
            self.now_s += LOOK_S
            more = {name: getattr(self.reading, name) + n for name, n in each.items()}
            self.reading = replace(self.reading, **more)
            self.found = self.blindness.look(self.reading, self.now_s)
        return set(self.found)

    def is_(self, **state: object) -> None:
        self.reading = replace(self.reading, **state)  # type: ignore[arg-type]


def test_a_service_that_gets_spans_and_closes_steps_is_not_blind() -> None:
    watched = Watched()
    assert watched.go(5_000, heard=10, spans=10, messages=1, closed_ns=1) == set()


def test_a_start_at_which_nothing_comes_is_told_after_a_while_and_says_that_nobody_sends() -> None:
    watched = Watched()
    assert watched.go(SILENT_S - 10) == set()
    assert watched.go(20) == {"no_spans"}
    since_s, words = watched.found["no_spans"]
    assert (since_s, "since the service was started" in words) == (5_000.0, True)


def test_a_silence_is_told_since_the_last_span_and_over_with_the_next() -> None:
    watched = Watched()
    watched.go(100, heard=1, closed_ns=1)
    last_s = watched.now_s
    assert watched.go(SILENT_S + 10) == {"no_spans"}
    assert watched.found["no_spans"][0] == last_s
    assert watched.go(LOOK_S, heard=1) == set()


def test_a_silence_that_was_told_goes_on_over_a_restart_until_a_span_comes() -> None:
    watched = Watched(told=("no_spans",))
    assert watched.go(10) == {"no_spans"}
    assert watched.go(LOOK_S, heard=1) == set()


def test_who_does_not_want_silence_told_is_not_told() -> None:
    assert Watched(silent_s=0.0, told=("no_spans",)).go(10_000) == set()


def test_a_full_spool_is_told_at_once_and_until_it_has_had_room_for_a_while() -> None:
    watched = Watched()
    watched.is_(spool_full=True)
    assert watched.go(LOOK_S, heard=1) == {"spool_full"}
    since_s = watched.found["spool_full"][0]
    watched.is_(spool_full=False)
    assert watched.go(CLEAR_S - 2 * LOOK_S, heard=1) == {"spool_full"}
    watched.is_(spool_full=True)
    watched.go(100, heard=1)
    assert watched.found["spool_full"][0] == since_s
    watched.is_(spool_full=False)
    assert watched.go(CLEAR_S + LOOK_S, heard=1) == set()


def test_spans_that_are_sent_away_are_told_until_none_was_for_a_while() -> None:
    watched = Watched()
    watched.go(100, heard=1, spans=1, closed_ns=1)
    assert watched.go(LOOK_S, heard=7, sent_away=7, closed_ns=1) == {"behind"}
    assert "7 spans" in watched.found["behind"][1]
    assert watched.go(WINDOW_S, heard=1, spans=1, closed_ns=1) == {"behind"}
    assert watched.go(CLEAR_S + LOOK_S, heard=1, spans=1, closed_ns=1) == set()


def test_steps_that_cannot_be_closed_are_told_with_the_error() -> None:
    watched = Watched()
    watched.is_(failures=2, error="InformerError: the disk is full")
    assert watched.go(10, heard=1) == set()
    watched.is_(failures=3)
    assert watched.go(10, heard=1) == {"steps"}
    assert "the disk is full" in watched.found["steps"][1]


def test_spans_whose_time_stands_still_are_told() -> None:
    watched = Watched()
    watched.go(100, heard=1, closed_ns=1)
    assert watched.go(STUCK_S - 50, heard=1) == set()
    assert watched.go(100, heard=1) == {"steps"}


def test_the_first_spans_after_a_silence_are_given_time_to_close_a_step() -> None:
    watched = Watched(silent_s=0.0)
    watched.go(100, heard=1, closed_ns=1)
    watched.go(10 * STUCK_S)
    assert watched.go(STUCK_S - 50, heard=1) == set()


def test_a_flood_of_useless_spans_is_told_and_a_few_of_them_are_not() -> None:
    watched = Watched()
    assert watched.go(200, heard=100, spans=100, useless=40, closed_ns=1) == set()
    assert watched.go(100, heard=100, spans=100, useless=60, closed_ns=1) == {"rejected"}
    assert watched.go(300, heard=100, spans=100, useless=1, closed_ns=1) == set()
    assert watched.go(300, heard=1, spans=1, useless=1, closed_ns=1) == set()


def test_what_is_counted_once_a_step_is_held_against_all_that_came_in_steps() -> None:
    watched = Watched()
    for _ in range(5):
        assert watched.go(600, heard=100, spans=100, messages=1, closed_ns=1) == set()
        late = 6_000  # of 30,000 in ten minutes, all counted when the step is closed
        watched.is_(late=watched.reading.late + late)
        assert watched.go(LOOK_S, heard=100, spans=100, closed_ns=1) == set()
    watched.go(600, heard=100, spans=100, closed_ns=1)
    watched.is_(late=watched.reading.late + 60_000)
    assert watched.go(LOOK_S, heard=100, spans=100, closed_ns=1) == {"rejected"}


def test_messages_that_nobody_can_read_are_told() -> None:
    watched = Watched()
    found = watched.go(100, heard=1, spans=1, closed_ns=1, messages=2, unreadable=1)
    assert found == {"rejected"}


@contextmanager
def at_work(folder: Path) -> Iterator[Parts]:
    """The parts of a service that nobody sends anything to; its spool is in `spool`."""
    with Workspace.create(folder / "w") as home:
        home.put("trained", {"step_s": 60})
        spool = Spool(folder / "spool", most_bytes=1 << 20)
        opened = partial(Online, home, watermark_s=0, beside=lambda incidents, note: None)
        loop = Loop(home, opened, spool, Gaps(0))
        thread = threading.Thread(target=loop.run)
        desk = Desk(home, loop, thread.is_alive)
        reception = Reception(spool, most_message_bytes=1 << 20)
        thread.start()
        try:
            outbox = Outbox(home.engine, [])
            yield Parts(reception, spool, loop, thread, outbox, desk, Streams([]))
        finally:
            desk.close()
            loop.stop()
            thread.join()


def test_a_look_that_fails_is_told_once_and_not_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("informer.service.blindness.LOOK_S", 0.0)
    folder, hidden = tmp_path / "spool", tmp_path / "hidden"

    async def looked_after(parts: Parts) -> set[str]:
        telling = asyncio.create_task(tell_blindness(parts, silent_s=1e-9, watermark_s=0.0))
        while "cannot be seen" not in caplog.text:
            assert not telling.done()
            await asyncio.sleep(0)
        for _ in range(10):  # a look each
            await asyncio.sleep(0)
        hidden.rename(folder)
        while not (found := await asked(parts.loop, open_reasons)):
            assert not telling.done()
        telling.cancel()
        return set(found)

    with at_work(tmp_path) as parts:
        folder.rename(hidden)  # how much room is left on its disk cannot be told
        assert asyncio.run(looked_after(parts)) == {"no_spans"}
    assert caplog.text.count("cannot be seen: FileNotFoundError") == 1


def test_what_came_is_counted_while_another_thread_counts_on(tmp_path: Path) -> None:
    class Growing(Counter[str]):
        """Another thread adds a name while this one goes through those there are."""

        def items(self):  # type: ignore[no-untyped-def]  # there it is a view
            for item in super().items():
                self[f"new {len(self)}"] += 1
                yield item

    with at_work(tmp_path) as parts:
        parts.reception.received.refused = Growing(malformed=2)
        parts.reception.received.sent_away = Growing(behind=3)
        received = parts.received
    assert (received.refused, received.sent_away) == ({"malformed": 2}, {"behind": 3})
