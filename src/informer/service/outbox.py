"""The outbox: brings notices to every sink, at least once, in order per incident.

What became of each is kept in `deliveries`, so that a restart goes on where it was. Sinks know
nothing of each other: one that fails, hangs or was given up holds up nobody else.
"""

import asyncio
import logging
import math
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from informer.core.errors import Undelivered
from informer.core.ports import Sink
from informer.core.tables import DELIVERIES, NOTICES
from informer.core.types import NS_PER_S, Json
from informer.engines.duckdb import DuckDBEngine
from informer.service.notices import notice_of
from informer.sinks.text import plain

WAITING, DELIVERED, DEAD, SKIPPED = "waiting", "delivered", "dead", "skipped"
HOW = ("delivered", "failed", "dead")  # a try may go, or end with
KNOWN = ""  # notice_id of the row that says since when a sink is known
AT_ONCE = 8  # notices of different incidents on their way to one sink
LISTED = 512  # notices that one look brings into memory
LOOK_LASTS_S = 5.0  # then what is due is looked up again: signatures and alerts carry the time
REST_S = 10.0  # for a sink that took none of AT_ONCE notices, as it is down; after an error of ours
FIRST_AGAIN_S, MOST_AGAIN_S = 1.0, 300.0
PAUSE_S = 0.5  # between two looks at what is due
FURTHEST_NS = 7_200 * NS_PER_S  # what is due later than that was put off before the clock went back
T = TypeVar("T")
log = logging.getLogger(__name__)

# The first notice of each incident that has not come to its end, and open incidents to refresh.
# Documents are long: they are fetched for the few that were chosen.
FIRST = """
with known as (
    select n.notice_id, n.incident_id, n.sequence, n.state, n.made_ns,
        d.state as went, d.tries, d.first_ns, coalesce(d.next_ns, 0) as next_ns,
        coalesce(d.state, 'waiting') = 'waiting' as pending
    from notices as n
    left join deliveries as d on d.notice_id = n.notice_id and d.sink = $sink
),
first as (
    select * from known
    qualify row_number() over (
        partition by incident_id
        order by case when pending then 0 else 1 end,
                 case when pending then sequence else -sequence end
    ) = 1
),
going as (
    select * from first where pending or ($refreshes and went = 'delivered' and state = 'firing')
)
"""
DUE = (
    FIRST
    + """,
chosen as (
    select notice_id, went, tries, first_ns from going
    where next_ns <= $now_ns or next_ns > $now_ns + $furthest_ns
    order by made_ns, incident_id limit $most
)
select n.*, c.went, c.tries, c.first_ns
from chosen as c join notices as n on n.notice_id = c.notice_id
order by n.made_ns, n.incident_id
"""
)
SOONEST = FIRST + "select min(next_ns) as soonest_ns from going"
# Which notices there are, in a word: new ones come and old ones go.
THERE = "select concat_ws(' ', count(*), max(made_ns)) as there from notices"
SKIP = """
insert into deliveries by name
select notice_id, $sink as sink, 'skipped' as state, 0 as tries, $now_ns as first_ns,
    0 as next_ns, '' as last_error
from notices
"""


class Outbox:
    """Works on an engine of its own beside that of the loop; one asyncio task per sink."""

    def __init__(
        self,
        engine: DuckDBEngine,
        sinks: Sequence[Sink],
        *,
        timeout_s: float = 30.0,
        give_up_s: float = 86_400.0,
        clock_ns: Callable[[], int] = time.time_ns,
        seed: int | None = None,
    ) -> None:
        """A try is cut off after `timeout_s`; a notice is given up `give_up_s` after its first.

        A sink that is met for the first time is told nothing of before.
        """
        self._engine, self.sinks = engine, tuple(sinks)
        self._timeout_s, self._give_up_ns = timeout_s, round(give_up_s * NS_PER_S)
        self._clock_ns, self._random = clock_ns, random.Random(seed)
        # Its own thread: what is asked of the database holds up nobody who receives.
        self._desk = ThreadPoolExecutor(1, thread_name_prefix="informer-outbox")
        self._quiet: dict[str, tuple[str, float]] = {}  # of sinks: which notices, until when
        self._rests_until_ns: dict[str, int] = {}
        self.tries: Counter[tuple[str, str]] = Counter()  # of a sink and how it went, for metrics
        engine.append(NOTICES.name, NOTICES.empty())
        engine.append(DELIVERIES.name, DELIVERIES.empty())
        if len({sink.name for sink in sinks}) != len(sinks):
            raise ValueError("sinks need names of their own")
        for sink in sinks:
            self._meet(sink)

    async def run(self, stop: asyncio.Event) -> None:
        """Deliver until told to stop; then let the sinks go."""
        try:
            await asyncio.gather(*(self._serve(sink, stop) for sink in self.sinks))
        finally:
            for sink in self.sinks:
                await sink.aclose()
            await asyncio.to_thread(self._desk.shutdown)

    async def turn(self, sink: Sink, now_ns: int, stop: asyncio.Event | None = None) -> int:
        """Try what is due at one sink, once; how many were tried."""
        if 0 < self._rests_until_ns.get(sink.name, 0) - now_ns <= FURTHEST_NS:
            return 0
        until_ns = self._clock_ns() + round(LOOK_LASTS_S * NS_PER_S)
        due = await self._asked(partial(self._due, sink, now_ns))
        for start in range(0, len(due), AT_ONCE):
            if start and (self._clock_ns() > until_ns or (stop is not None and stop.is_set())):
                return start
            some = due[start : start + AT_ONCE]
            kept = await asyncio.gather(*(self._try(sink, row, now_ns) for row in some))
            await self._asked(partial(self._keep, kept))
            failed = sum(bool(row["last_error"]) and row["state"] != DEAD for row in kept)
            if failed == AT_ONCE:
                self._rests_until_ns[sink.name] = now_ns + round(REST_S * NS_PER_S)
                return start + AT_ONCE
        return len(due)

    def waiting(self, sink: Sink) -> int:
        """Notices that did not come to their end there."""
        return waiting_at(self._engine, sink.name)

    async def _serve(self, sink: Sink, stop: asyncio.Event) -> None:
        while not stop.is_set():
            pause_s = PAUSE_S
            try:
                tried = await self.turn(sink, self._clock_ns(), stop)
            except Exception as error:  # noqa: BLE001 (an outbox that dies of one error is mute)
                log.error("notices could not be looked through: %s", type(error).__name__)
                tried, pause_s = 0, REST_S  # a disk may be full for hours, and the log beside it
            if not tried:
                try:
                    await asyncio.wait_for(stop.wait(), pause_s)
                except TimeoutError:
                    continue

    async def _asked(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._desk, work)

    def _due(self, sink: Sink, now_ns: int) -> list[Json]:
        """Rows of NOTICES with what became of them; nothing is looked through in vain."""
        there = self._engine.query(THERE)["there"][0].as_py()
        before, until_ns = self._quiet.get(sink.name, ("", 0.0))
        if there == before and (until_ns == math.inf or 0 < until_ns - now_ns <= FURTHEST_NS):
            return []
        asked = {"sink": sink.name, "refreshes": sink.refresh_s > 0}
        times = {"now_ns": now_ns, "furthest_ns": FURTHEST_NS}
        due: list[Json] = self._engine.query(DUE, most=LISTED, **times, **asked).to_pylist()
        if not due:
            soonest = self._engine.query(SOONEST, **asked)["soonest_ns"][0].as_py()
            self._quiet[sink.name] = there, math.inf if soonest is None else soonest
        return due

    async def _try(self, sink: Sink, row: Json, now_ns: int) -> Json:
        """Tell it; the row of DELIVERIES that says how it went."""
        tries, first_ns = int(row["tries"] or 0) + 1, int(row["first_ns"] or now_ns)
        refresh_ns = sink.refresh_s * NS_PER_S
        why, lasting, again_s = "", False, 0.0
        try:
            await asyncio.wait_for(sink.deliver(notice_of(row), now_ns), self._timeout_s)
        except TimeoutError:
            why = f"no answer in {self._timeout_s:g} s"
        except Undelivered as error:
            why, lasting, again_s = plain(error), error.lasting, error.again_s
        except Exception as error:  # noqa: BLE001 (a defect of one sink is not one of the rest)
            # Its text may hold anything, a secret as well.
            why = type(error).__name__
        state, next_ns = DELIVERED, now_ns + refresh_ns
        if why:
            pause_s = max(self._pause_s(tries), again_s)
            next_ns = now_ns + round(pause_s * NS_PER_S)
            state = DELIVERED if row["went"] == DELIVERED else WAITING
            if state == WAITING and (lasting or now_ns - first_ns >= self._give_up_ns):
                state = DEAD
                log.error("%s: gave up notice %s: %s", sink.name, plain(row["notice_id"]), why)
        elif row["went"] == DELIVERED:
            tries = 0  # a refresh that came through: the next that fails pauses little
        self.tries[sink.name, "failed" if why else "delivered"] += 1
        if state == DEAD:
            self.tries[sink.name, "dead"] += 1
        return _delivery(row["notice_id"], sink.name, state, tries, first_ns, next_ns, why)

    def _pause_s(self, tries: int) -> float:
        """Twice as long each time, to a cap; spread, so that not all come back at once."""
        longest = min(FIRST_AGAIN_S * 2.0 ** min(tries - 1, 20), MOST_AGAIN_S)
        return longest * self._random.uniform(0.5, 1.0)

    def _meet(self, sink: Sink) -> None:
        known = self._engine.query(
            "select 1 from deliveries where notice_id = $id and sink = $sink",
            id=KNOWN,
            sink=sink.name,
        )
        if known.num_rows:
            return
        now_ns = self._clock_ns()
        # Marked last: after a kill in between, it is skipped again.
        self._engine.run("delete from deliveries where sink = $sink", sink=sink.name)
        self._engine.run(SKIP, sink=sink.name, now_ns=now_ns)
        self._keep([_delivery(KNOWN, sink.name, SKIPPED, 0, now_ns, 0, "")])

    def _keep(self, rows: list[Json]) -> None:
        """Write rows of DELIVERIES, all of one sink, in place of those before them."""
        with self._engine.transaction():
            self._engine.run(
                "delete from deliveries where sink = $sink and notice_id in (select unnest($ids))",
                sink=rows[0]["sink"],
                ids=[row["notice_id"] for row in rows],
            )
            self._engine.append(DELIVERIES.name, DELIVERIES.of(rows))


def waiting_at(engine: DuckDBEngine, sink: str) -> int:
    """Notices that did not come to their end at a sink, by its name."""
    found = engine.query(
        "select count(*) as n from notices as n left join deliveries as d "
        "on d.notice_id = n.notice_id and d.sink = $sink "
        "where coalesce(d.state, 'waiting') = 'waiting'",
        sink=sink,
    )
    return int(found["n"][0].as_py())


def _delivery(
    notice_id: str, sink: str, state: str, tries: int, first_ns: int, next_ns: int, last_error: str
) -> Json:
    """A row of DELIVERIES."""
    return {
        "notice_id": notice_id,
        "sink": sink,
        "state": state,
        "tries": tries,
        "first_ns": first_ns,
        "next_ns": next_ns,
        "last_error": last_error,
    }
