"""What is sent away under a load is missed, and is no silence; what was taken is judged."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from informer.pipeline.look import list_incidents
from informer.pipeline.online import Online
from informer.pipeline.workspace import Workspace
from informer.service.gaps import Gaps
from informer.service.loop import Loop
from informer.service.reception import Reception, RefusedError
from informer.service.spool import Spool
from kept_steps import rows
from shop import Shop
from span_feed import Feed, Message
from traffic_maker import STEP_NS

FIRST, LAST = 70, 92  # steps that are sent, between the events of the day
BUSY, FREE = 80, 86  # between them more comes than is read
WATERMARK_S = 60


@dataclass
class Load:
    """A service without its threads, whose reader stops for some steps."""

    home: Workspace
    day_ns: int
    gaps: Gaps
    heard: Gaps  # by the loop
    now: float = 0.0
    now_ns: int = 0

    def __post_init__(self) -> None:
        self.spool = Spool(
            self.home.path / "spool",
            most_bytes=1 << 26,
            segment_s=0.0,
            most_wait_s=600.0,
            clock=lambda: self.now,
        )
        self.reception = Reception(
            self.spool,
            most_message_bytes=1 << 24,
            gaps=self.gaps,
            clock_ns=lambda: self.now_ns,
        )
        self.loop = self.opened()

    def opened(self) -> Loop:
        def watching() -> Online:
            return Online(self.home, watermark_s=WATERMARK_S, beside=lambda incidents, note: None)

        return Loop(self.home, watching, self.spool, self.heard, clock_ns=lambda: 4 * 10**18)

    def send(self, some: list[Message]) -> list[Message]:
        """Send them, read as soon as they come or, under the load, too late for every second one.

        Gives those that were sent away.
        """
        away = []
        for number, message in enumerate(some):
            self.now_ns = self.day_ns + message.step * STEP_NS + STEP_NS // 2
            if BUSY <= message.step < FREE and number % 2:
                self.spool.sealed()
                self.now += 700.0
            else:
                self.loop.turn()
            try:
                self.reception.take(message.body)
            except RefusedError:
                away.append(message)
        self.loop.turn()
        return away


@pytest.fixture(scope="module")
def some(shop: Shop) -> list[Message]:
    return list(Feed(shop, FIRST, LAST).messages(traces=5))


def loaded(
    workspace: Path, shop: Shop, some: list[Message], *, is_told: bool
) -> tuple[dict[int, bool], set[int]]:
    """Steps by whether they are covered, and those of which something was sent away.

    `is_told`: the loop hears of it.
    """
    gaps = Gaps(WATERMARK_S * 10**9)
    with Workspace.open(workspace) as home:
        load = Load(home, shop.day_ns, gaps, gaps if is_told else Gaps(0))
        away = load.send(some)
        figures, received = load.loop.figures, load.reception.received
        spans = sum(message.spans for message in away)
        assert spans == received.sent_away["behind"] > 0
        assert received.spans == sum(message.spans for message in some) - spans
        before = figures.rejected["before_watching"]
        assert received.spans == figures.judged + figures.late + figures.open_spans + before
        assert figures.late == 0
    steps = rows(workspace, "select step_start_ns, seen from steps")
    seen = {
        (row["step_start_ns"] - shop.day_ns) // STEP_NS: row["seen"]
        for row in steps
        if row["step_start_ns"] >= shop.day_ns
    }
    return seen, {message.step for message in away}


def test_steps_of_which_spans_were_sent_away_are_not_covered_and_tell_nothing(
    shop: Shop, some: list[Message], own_workspace: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(own_workspace, tmp_path / "not told"))
    seen, missed = loaded(own_workspace, shop, some, is_told=True)
    assert {step for step, is_seen in seen.items() if not is_seen} == missed
    assert len(missed) > 1
    assert list_incidents(own_workspace) == []
    # Where the loop does not hear of it, what is missing is told.
    seen, _ = loaded(other, shop, some, is_told=False)
    assert all(seen.values())
    assert list_incidents(other)


def test_a_gap_is_known_after_a_restart(
    shop: Shop, some: list[Message], own_workspace: Path
) -> None:
    gaps = Gaps(0)
    with Workspace.open(own_workspace) as home:
        load = Load(home, shop.day_ns, gaps, gaps)
        load.send([m for m in some if m.step < BUSY])
        gaps.add(shop.day_ns + BUSY * STEP_NS + 1)
        load.send([m for m in some if m.step == FREE])  # steps before the gap are closed
        load.loop.turn()
        load.loop._online.shut()  # what a kill does
        load.spool.close()
        load.__post_init__()
        load.send([m for m in some if m.step > FREE])
    start_ns = shop.day_ns + BUSY * STEP_NS
    seen = rows(own_workspace, f"select seen from steps where step_start_ns = {start_ns}")
    assert [row["seen"] for row in seen] == [False]
