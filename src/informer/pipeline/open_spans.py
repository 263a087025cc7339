"""Spans that came and whose traces are not closed yet: in memory, each with where it came from."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from informer.core.ports import Source
from informer.core.tables import SPANS
from informer.core.types import NS_PER_S
from informer.engines.duckdb import DuckDBEngine

NEWEST = 0.999  # a few spans from the future must not close what is open
FUTURE_S = 600  # a span that says it starts so long after now has no time to go by

NEWEST_START = """
select quantile_disc(start_ns, $newest) as ns from staged_spans where start_ns <= $most
"""
# A trace belongs to the step in which it began, with all of it that came so far.
TAKE = """
create or replace temp table begun_traces as
select trace_id, min(start_ns) as start_ns from open_spans where start_ns < $until_ns
group by trace_id;
create or replace table spans as
select s.* exclude (batch) from open_spans as s
inner join begun_traces as b on b.trace_id = s.trace_id
where b.start_ns >= $from_ns;
create or replace temp table left_spans as
select s.* from open_spans as s
anti join begun_traces as b on b.trace_id = s.trace_id;
"""
TOO_LATE = """
select
    count(*) filter (b.start_ns >= $began_ns and s.batch > $replayed) as late,
    count(*) filter (b.start_ns < $began_ns) as before
from open_spans as s
inner join begun_traces as b on b.trace_id = s.trace_id
where b.start_ns < $from_ns
"""


@dataclass(frozen=True, slots=True)
class Came:
    """Spans of a batch that were taken in, and when the first of them started."""

    spans: int
    first_ns: int


@dataclass(frozen=True, slots=True)
class Taken:
    """Spans that left: those of closed steps, and those that came too late for theirs."""

    spans: int
    late: int


class OpenSpans:
    """Spans by batch, in the scratch engine; stream time is how far the newest of them are."""

    def __init__(self, scratch: DuckDBEngine, replayed: int = 0) -> None:
        """Batches up to `replayed` were taken in before: what is late of them was counted."""
        self._scratch = scratch
        self._replayed = replayed
        self.stream_ns = 0
        self.first_ns = 0  # the first span of all
        self.rejected: Counter[str] = Counter()
        self._begin()

    def _begin(self) -> None:
        columns = ", ".join(SPANS.names)
        self._scratch.append("staged_spans", SPANS.empty(), passing=True)
        self._scratch.run(
            f"create temp table open_spans as select {columns}, 0::bigint as batch "
            "from staged_spans limit 0"
        )

    def add(self, sources: Sequence[Source], batch: int, *, now_ns: int) -> Came:
        """Take in the spans of a batch; batches are told apart by number.

        Spans that start long after `now_ns` are rejected.
        """
        scratch, most = self._scratch, now_ns + FUTURE_S * NS_PER_S
        scratch.run("delete from staged_spans")
        came = sum(spans for source in sources for spans in source.stage(scratch, "staged_spans"))
        self.rejected += sum((source.rejected for source in sources), Counter())
        kept = _number(
            scratch, "select count(*) from staged_spans where start_ns <= $most", most=most
        )
        if came > kept:
            self.rejected["from_the_future"] += came - kept
        if kept == 0:
            return Came(0, 0)
        scratch.run(
            "insert into open_spans by name select *, cast($batch as bigint) as batch "
            "from staged_spans where start_ns <= $most",
            batch=batch,
            most=most,
        )
        newest_ns = _number(scratch, NEWEST_START, newest=NEWEST, most=most)
        self.stream_ns = max(self.stream_ns, min(newest_ns, now_ns))
        first_ns = _number(scratch, "select min(start_ns) from staged_spans")
        self.first_ns = self.first_ns or first_ns
        return Came(kept, first_ns)

    def take(self, from_ns: int, until_ns: int, *, began_ns: int) -> Taken:
        """Make `spans` of the traces that began in [from_ns, until_ns).

        Earlier ones are late; those from before the watching began are rejected.
        """
        self._scratch.run(TAKE, from_ns=from_ns, until_ns=until_ns)
        taken = _number(self._scratch, "select count(*) from spans")
        (gone,) = self._scratch.query(
            TOO_LATE, began_ns=began_ns, from_ns=from_ns, replayed=self._replayed
        ).to_pylist()
        if gone["before"]:
            self.rejected["before_watching"] += gone["before"]
        self._scratch.run(
            "create or replace temp table open_spans as select * from left_spans;"
            "drop table left_spans; drop table begun_traces"
        )
        return Taken(taken, gone["late"])

    def count(self) -> int:
        """How many are open."""
        return _number(self._scratch, "select count(*) from open_spans")

    def batches(self) -> set[int]:
        """The batches of which spans are open still."""
        found = self._scratch.query("select distinct batch from open_spans")
        return set(found["batch"].to_pylist())


def _number(engine: DuckDBEngine, sql: str, **values: float) -> int:
    return int(engine.query(sql, **values).column(0)[0].as_py() or 0)
