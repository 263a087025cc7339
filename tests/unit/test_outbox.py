"""The outbox: everything arrives at least once and in order, whatever sinks do."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from informer.core.errors import Undelivered
from informer.core.tables import NOTICES
from informer.core.types import Json, Notice
from informer.engines.duckdb import DuckDBEngine
from informer.service.outbox import (
    AT_ONCE,
    LISTED,
    LOOK_LASTS_S,
    MOST_AGAIN_S,
    PAUSE_S,
    REST_S,
    Outbox,
)

S = 10**9


@dataclass
class Ear:
    """A sink that hears, or fails, as it is told to."""

    name: str = "ear"
    refresh_s: int = 0
    fails: Exception | None = None
    hangs: bool = False
    heard: list[str] = field(default_factory=list)
    tried: int = 0
    closed: bool = False

    async def deliver(self, notice: Notice, now_ns: int) -> None:
        self.tried += 1
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails is not None:
            raise self.fails
        self.heard.append(notice.notice_id)

    async def aclose(self) -> None:
        self.closed = True


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DuckDBEngine]:
    with DuckDBEngine(tmp_path / "d.duckdb") as made:
        yield made


def outbox(engine: DuckDBEngine, *ears: Ear, give_up_s: float = 3600) -> Outbox:
    return Outbox(engine, ears, timeout_s=0.05, give_up_s=give_up_s, clock_ns=lambda: 0, seed=1)


def write(engine: DuckDBEngine, *ids: str, state: str = "firing") -> None:
    """Notices such as `a-1`: of incident a, the first."""
    rows: list[Json] = []
    for name in ids:
        incident, _, sequence = name.partition("-")
        row: Json = {"notice_id": name, "incident_id": incident, "sequence": int(sequence)}
        row |= {"state": state, "severity": "high", "former": None, "made_ns": 0, "document": "{}"}
        rows.append(row)
    engine.append("notices", NOTICES.of(rows))


def turns(box: Outbox, *at_s: float) -> None:
    async def all_of_them() -> None:
        for second in at_s:
            for sink in box.sinks:
                await box.turn(sink, round(second * S))

    asyncio.run(all_of_them())


def state(engine: DuckDBEngine, notice_id: str) -> Json:
    found = engine.query("select * from deliveries where notice_id = $id", id=notice_id)
    (row,) = found.to_pylist()
    return dict(row)


def test_every_sink_hears_every_notice_once_and_in_order(engine: DuckDBEngine) -> None:
    one, other = Ear("one"), Ear("other")
    box = outbox(engine, one, other)
    write(engine, "a-2", "a-1", "b-1")
    turns(box, 0, 1, 2, 3)
    for ear in (one, other):
        assert sorted(ear.heard) == ["a-1", "a-2", "b-1"]
        assert ear.heard.index("a-1") < ear.heard.index("a-2")


def test_a_notice_waits_for_the_one_before_of_its_incident(engine: DuckDBEngine) -> None:
    ear = Ear(fails=Undelivered("no"))
    box = outbox(engine, ear)
    write(engine, "a-1", "a-2")
    turns(box, 0, 0)
    assert ear.tried == 1
    assert box.waiting(ear) == 2
    ear.fails = None
    turns(box, 10, 10)
    assert ear.heard == ["a-1", "a-2"]
    assert box.waiting(ear) == 0


def test_a_failing_sink_holds_up_no_other(engine: DuckDBEngine) -> None:
    bad, hanging, good = Ear("bad", fails=OSError("secret")), Ear("hangs", hangs=True), Ear("good")
    box = outbox(engine, bad, hanging, good)
    write(engine, "a-1")
    turns(box, 0)
    assert good.heard == ["a-1"]
    rows = engine.query("select sink, last_error from deliveries where notice_id = 'a-1'")
    said = {row["sink"]: row["last_error"] for row in rows.to_pylist()}
    assert said == {"bad": "OSError", "hangs": "no answer in 0.05 s", "good": ""}


def test_pauses_grow_to_a_cap_and_differ(engine: DuckDBEngine) -> None:
    ear = Ear(fails=Undelivered("no"))
    box = outbox(engine, ear, give_up_s=10**6)
    write(engine, "a-1")
    now_ns, pauses = 0, []
    for _ in range(14):
        turns(box, now_ns / S)
        next_ns = state(engine, "a-1")["next_ns"]
        pauses.append((next_ns - now_ns) / S)
        now_ns = next_ns + S
    assert pauses[0] <= 1 < pauses[3] < pauses[6]
    assert MOST_AGAIN_S / 2 <= min(pauses[-3:]) < max(pauses[-3:]) <= MOST_AGAIN_S


def test_a_clock_that_goes_back_holds_nobody_up(engine: DuckDBEngine) -> None:
    ear, hour = Ear(fails=Undelivered("no")), 3600.0
    box = outbox(engine, ear)
    write(engine, "a-1")
    turns(box, 10 * hour, 10 * hour)
    assert ear.tried == 1  # it is put off
    ear.fails = None
    turns(box, 1 * hour)
    assert ear.heard == ["a-1"]


def test_a_sink_may_ask_for_a_longer_pause(engine: DuckDBEngine) -> None:
    ear = Ear(fails=Undelivered("no", again_s=100))
    write_to = outbox(engine, ear)
    write(engine, "a-1")
    turns(write_to, 0, 99)
    assert ear.tried == 1
    turns(write_to, 101)
    assert ear.tried == 2


def test_a_notice_is_given_up_in_the_end_and_the_next_goes_on(engine: DuckDBEngine) -> None:
    ear = Ear(fails=Undelivered("no"))
    box = outbox(engine, ear, give_up_s=60)
    write(engine, "a-1", "a-2")
    turns(box, 0, 59)
    assert state(engine, "a-1")["state"] == "waiting"
    turns(box, 500)
    assert state(engine, "a-1")["state"] == "dead"
    ear.fails = None
    turns(box, 501)
    assert ear.heard == ["a-2"]


def test_what_is_refused_for_good_is_not_tried_again(engine: DuckDBEngine) -> None:
    ear = Ear(fails=Undelivered("status 400", lasting=True))
    box = outbox(engine, ear)
    write(engine, "a-1")
    turns(box, 0, 10_000)
    assert ear.tried == 1
    assert state(engine, "a-1")["state"] == "dead"


def test_a_restart_goes_on_where_it_was(engine: DuckDBEngine) -> None:
    ear = Ear()
    box = outbox(engine, ear)
    write(engine, "a-1")
    turns(box, 0)
    write(engine, "a-2")
    again = outbox(engine, ear)
    turns(again, 1, 2)
    assert ear.heard == ["a-1", "a-2"]


def test_a_new_sink_is_told_nothing_of_before(engine: DuckDBEngine) -> None:
    old, new = Ear("old"), Ear("new")
    outbox(engine, old)
    write(engine, "a-1")
    box = outbox(engine, old, new)
    write(engine, "a-2")
    turns(box, 0, 1)
    assert (old.heard, new.heard) == (["a-1", "a-2"], ["a-2"])


def test_open_incidents_are_refreshed_until_they_are_over(engine: DuckDBEngine) -> None:
    ear = Ear(refresh_s=60)
    box = outbox(engine, ear)
    write(engine, "a-1")
    turns(box, 0, 59, 60, 61)
    assert ear.heard == ["a-1", "a-1"]
    write(engine, "a-2", state="resolved")
    turns(box, 62, 1000, 2000)
    assert ear.heard == ["a-1", "a-1", "a-2"]


def test_a_refresh_that_fails_is_no_dead_letter(engine: DuckDBEngine) -> None:
    ear = Ear(refresh_s=60)
    box = outbox(engine, ear, give_up_s=1)
    write(engine, "a-1")
    turns(box, 0)
    ear.fails = Undelivered("no")
    turns(box, 60)
    ear.fails = None
    turns(box, 600)
    assert ear.heard == ["a-1", "a-1"]


def test_a_flood_is_told_once_each_and_few_at_a_time(engine: DuckDBEngine) -> None:
    under_way: list[int] = []

    class Slow(Ear):
        async def deliver(self, notice: Notice, now_ns: int) -> None:
            under_way.append(self.tried - len(self.heard))
            self.tried += 1
            await asyncio.sleep(0)
            self.heard.append(notice.notice_id)

    ear = Slow()
    box = outbox(engine, ear)
    names = [f"i{n}-1" for n in range(LISTED + 100)]
    write(engine, *names)
    turns(box, 0)
    assert len(ear.heard) == LISTED
    turns(box, 1, 2)
    assert sorted(ear.heard) == sorted(names)
    assert max(under_way) < AT_ONCE


def test_a_sink_that_is_down_in_a_flood_rests_and_then_misses_nothing(engine: DuckDBEngine) -> None:
    ear = Ear(fails=Undelivered("no"))
    box = outbox(engine, ear)
    names = [f"i{n}-1" for n in range(100)]
    write(engine, *names)
    turns(box, 0, 1, 5)
    assert ear.tried == AT_ONCE
    ear.fails = None
    turns(box, REST_S, REST_S + 1)
    assert sorted(ear.heard) == sorted(names)


def test_notices_refused_for_good_are_no_sign_that_a_sink_is_down(engine: DuckDBEngine) -> None:
    ear = Ear(fails=Undelivered("status 400", lasting=True))
    box = outbox(engine, ear)
    write(engine, *(f"i{n}-1" for n in range(3 * AT_ONCE)))
    turns(box, 0)
    assert ear.tried == 3 * AT_ONCE


def test_a_long_list_is_left_for_a_look_with_the_time_of_then(engine: DuckDBEngine) -> None:
    ear, seconds = Ear(), iter(range(0, 1000, round(LOOK_LASTS_S) + 1))
    box = Outbox(engine, [ear], clock_ns=lambda: next(seconds) * S)
    write(engine, *(f"i{n}-1" for n in range(3 * AT_ONCE)))
    turns(box, 0)
    assert len(ear.heard) == AT_ONCE


def test_a_notice_after_quiet_looks_is_told_at_once(engine: DuckDBEngine) -> None:
    ear = Ear()
    box = outbox(engine, ear)
    turns(box, 0, 1)
    write(engine, "a-1")
    turns(box, 1)
    assert ear.heard == ["a-1"]


def test_it_runs_until_it_is_stopped_and_lets_the_sinks_go(engine: DuckDBEngine) -> None:
    stop, ear = asyncio.Event(), Ear()

    class Last(Ear):
        async def deliver(self, notice: Notice, now_ns: int) -> None:
            await super().deliver(notice, now_ns)
            stop.set()

    last = Last("last")
    box = outbox(engine, ear, last)
    write(engine, "a-1")
    asyncio.run(box.run(stop))
    assert last.heard == ["a-1"]
    assert ear.closed
    assert last.closed


def test_a_table_that_cannot_be_read_is_told_now_and_then(
    engine: DuckDBEngine, caplog: pytest.LogCaptureFixture
) -> None:
    box = outbox(engine, Ear())
    engine.run("drop table notices")

    async def for_a_while() -> None:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(3 * PAUSE_S, stop.set)
        await box.run(stop)

    asyncio.run(for_a_while())
    assert [record.getMessage()[:7] for record in caplog.records] == ["notices"]


def test_it_works_beside_a_transaction_of_the_loop(engine: DuckDBEngine) -> None:
    ear = Ear()
    beside = engine.beside()
    box = outbox(beside, ear)
    write(engine, "a-1")
    with engine.transaction():
        write(engine, "a-2")
        turns(box, 0, 1)
        assert ear.heard == ["a-1"]
    turns(box, 2)
    assert ear.heard == ["a-1", "a-2"]
    beside.close()
