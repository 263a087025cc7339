"""Spans that came and whose traces are not closed yet: in memory, each with where it came from."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from informer.core.ports import Source
from informer.core.tables import SPANS
from informer.core.types import NS_PER_S
from informer.engines.duckdb import DuckDBEngine

NEWEST = 0.999  # a few spans from the future must not close what is open
FUTURE_S = 600  # a span that says it starts so long after now has no time to go by

STARTS = """
select count(*) as spans, min(start_ns) as first_ns,
    quantile_disc(start_ns, $newest) filter (start_ns <= $most) as newest_ns,
    count(*) filter (start_ns > $most) as ahead
from {table}
"""
# A trace belongs to the step in which it began, with all of it that came so far.
BEGUN = """
create or replace temp table begun_traces as
select trace_id, min(start_ns) as start_ns from open_spans where start_ns < $until_ns
group by trace_id
"""
TAKEN = """
select {columns} from {table} as s
inner join begun_traces as b on b.trace_id = s.trace_id
where b.start_ns >= $from_ns
"""
# By batch: how many leave with their traces, how many of these are of the steps that are closed,
# and which came too late.
GONE = """
select
    s.batch,
    count(*) as spans,
    count(b.trace_id) as gone,
    count(*) filter (b.start_ns >= $from_ns) as taken,
    count(*) filter (
        b.start_ns < $from_ns and b.start_ns >= $began_ns and s.batch > $replayed
    ) as late,
    count(*) filter (b.start_ns < $began_ns and s.batch > $replayed) as before
from open_spans as s
left join begun_traces as b on b.trace_id = s.trace_id
group by s.batch
"""
STAY = """
select s.* from {table} as s
anti join begun_traces as b on b.trace_id = s.trace_id
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
    """Spans by batch, in the scratch engine; stream time is how far the newest of them are.

    Most batches are taken as a whole: the view `spans` shows them where they are, and they go with
    the next ones.
    """

    def __init__(self, scratch: DuckDBEngine, replayed: int = 0) -> None:
        """Batches up to `replayed` were taken in before: what is late of them was counted, and what
        is from before the watching.
        """
        self._scratch = scratch
        self._replayed = replayed
        self.stream_ns = 0
        self.first_ns = 0  # the first span of all
        self.rejected: Counter[str] = Counter()
        self._apart: list[int] = []  # batches that came since steps were closed
        self._shown: list[int] = []  # batches that are in `spans` as a whole
        self._left: dict[int, int] = {}  # by batch: how many of its spans are open
        self._begin()

    def _begin(self) -> None:
        columns = ", ".join(SPANS.names)
        self._scratch.append("no_spans", SPANS.empty(), passing=True)
        self._scratch.run(
            f"create temp table left_spans as select {columns}, 0::bigint as batch from no_spans;"
            "drop table no_spans"
        )
        self._see()

    def _see(self) -> None:
        columns = ", ".join(SPANS.names)
        parts = [f"select {columns}, batch from left_spans"]
        parts += [f"select {columns}, {n}::bigint as batch from batch_{n}" for n in self._apart]
        self._scratch.run(f"create or replace temp view open_spans as {' union all '.join(parts)}")

    def add(self, sources: Sequence[Source], batch: int, *, now_ns: int) -> Came:
        """Take in the spans of a batch; batches are told apart by number.

        Spans that start long after `now_ns` are rejected.
        """
        scratch, most, table = self._scratch, now_ns + FUTURE_S * NS_PER_S, f"batch_{batch}"
        came = sum(spans for source in sources for spans in source.stage(scratch, table))
        self.rejected += sum((source.rejected for source in sources), Counter())
        if came == 0:
            scratch.run(f"drop table if exists {table}")
            return Came(0, 0)
        starts = scratch.query(STARTS.format(table=table), newest=NEWEST, most=most).to_pylist()[0]
        if starts["ahead"]:
            self.rejected["from_the_future"] += starts["ahead"]
            scratch.run(f"delete from {table} where start_ns > $most", most=most)
        kept = starts["spans"] - starts["ahead"]
        if kept == 0:
            scratch.run(f"drop table {table}")
            return Came(0, 0)
        self._apart.append(batch)
        self._left[batch] = kept
        self._see()
        self.stream_ns = max(self.stream_ns, min(starts["newest_ns"], now_ns))
        self.first_ns = self.first_ns or starts["first_ns"]
        return Came(kept, starts["first_ns"])

    def take(self, from_ns: int, until_ns: int, *, began_ns: int) -> Taken:
        """Make `spans` of the traces that began in [from_ns, until_ns).

        Earlier ones are late; those from before the watching began are rejected.
        """
        self._hide()
        self._scratch.run(BEGUN, until_ns=until_ns)
        gone = self._scratch.query(
            GONE, began_ns=began_ns, from_ns=from_ns, replayed=self._replayed
        ).to_pylist()
        taken = sum(row["taken"] for row in gone)
        self._shown = [
            row["batch"]
            for row in gone
            if row["batch"] in self._apart and row["taken"] == row["spans"]
        ]
        self._show({row["batch"] for row in gone if row["taken"]}, from_ns)
        before = sum(row["before"] for row in gone)
        if before:
            self.rejected["before_watching"] += before
        self._leave({row["batch"]: (row["gone"], row["spans"]) for row in gone})
        self._left = {row["batch"]: n for row in gone if (n := row["spans"] - row["gone"])}
        return Taken(taken, sum(row["late"] for row in gone))

    def _show(self, batches: Collection[int], from_ns: int) -> None:
        """Let `spans` be what is taken of some batches."""
        columns = ", ".join(SPANS.names)
        own = ", ".join(f"s.{name}" for name in SPANS.names)
        parts = ["left_spans"]
        parts += [f"batch_{n}" for n in self._apart if n in batches and n not in self._shown]
        taken = " union all ".join(TAKEN.format(columns=own, table=table) for table in parts)
        self._scratch.run(f"create temp table taken_spans as {taken}", from_ns=from_ns)
        shown = [f"select {columns} from {table}" for table in ("taken_spans", *self._tables())]
        self._scratch.run(f"create temp view spans as {' union all '.join(shown)}")

    def _hide(self) -> None:
        """Let go what was taken the last time."""
        kind = "view" if is_view(self._scratch) else "table"
        self._scratch.run(f"drop {kind} if exists spans; drop table if exists taken_spans")
        for table in self._tables():
            self._scratch.run(f"drop table {table}")
        self._shown = []

    def _tables(self) -> list[str]:
        return [f"batch_{n}" for n in self._shown]

    def _leave(self, gone: Mapping[int, tuple[int, int]]) -> None:
        """Let the spans of begun traces go. Most batches go as a whole or stay as they are."""
        scratch, stay = self._scratch, []
        scratch.run(
            f"create or replace temp table still_open as {STAY.format(table='left_spans')};"
            "drop table left_spans; alter table still_open rename to left_spans"
        )
        for batch in self._apart:
            leaving, spans = gone[batch]
            if batch in self._shown:
                continue
            if not leaving:
                stay.append(batch)
                continue
            table = f"batch_{batch}"
            if leaving < spans:
                scratch.run(
                    "insert into left_spans by name select *, cast($batch as bigint) as batch "
                    f"from ({STAY.format(table=table)})",
                    batch=batch,
                )
            scratch.run(f"drop table {table}")
        self._apart = stay
        scratch.run("drop table begun_traces")
        self._see()

    def count(self) -> int:
        """How many are open."""
        return sum(self._left.values())

    def batches(self) -> set[int]:
        """The batches of which spans are open still."""
        return set(self._left)


def is_view(scratch: DuckDBEngine) -> bool:
    """Whether `spans` shows what lies elsewhere."""
    views = scratch.query("select count(*) from duckdb_views() where view_name = 'spans'")
    return bool(views.column(0)[0].as_py())


def own(scratch: DuckDBEngine) -> None:
    """Let `spans` be a table, for who changes its rows."""
    if is_view(scratch):
        scratch.run(
            "create table own_spans as select * from spans; drop view spans;"
            "alter table own_spans rename to spans"
        )
