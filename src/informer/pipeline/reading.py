"""One pass over sources of any size: slice by slice into outlines, and on from where it stopped."""

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson
import pyarrow as pa

from informer.config.settings import Settings
from informer.core.errors import InformerError
from informer.core.ports import PIECE_ROWS, Source
from informer.core.types import NS_PER_S, Json
from informer.engines.duckdb import DuckDBEngine
from informer.outlines.fold import begin, fold
from informer.pipeline.on_spark import bring_home, fold_on_spark
from informer.pipeline.progress import Progress
from informer.pipeline.stored import spark_at
from informer.spans.sayings import NO_LINES, NO_SAYINGS, whole_spans
from informer.spans.stored import StoredSource
from informer.spans.templates import Templates

WATERMARK_S = 120  # a trace is closed when no line of it began for so long
MOST_LATE = 0.01  # of a slice; with more, the sources are not in order of time
MOST_SAYINGS = 200_000  # that are remembered from slice to slice
NEWEST = 0.999  # lines from the future must not close what is open

OPERATIONS = """
select s.service, s.operation, cast(sum(l.lines) as bigint) as calls
from (select saying, count(*) as lines from slice_lines group by saying) as l
join sayings as s on s.saying = l.saying
group by all
"""
NEW_LINES = f"create temp table if not exists new_lines as {NO_LINES}"
SLICE = """
insert into new_lines by name select * from open_lines;
create or replace temp table open_traces as
select distinct trace_id from new_lines where start_ns >= $close_ns;
create or replace temp view slice_lines as
select n.* from new_lines as n anti join open_traces as o on o.trace_id = n.trace_id
"""
WHOLE = whole_spans("example_lines")
STILL_OPEN = """
create or replace table open_lines as
select n.* from new_lines as n semi join open_traces as o on o.trace_id = n.trace_id;
delete from sayings
where (select count(*) from sayings) > $most
    and saying not in (select saying from open_lines)
"""


class OutOfOrderError(Exception):
    """Sources are not in order of time: closing traces early would break them."""


@dataclass(slots=True)
class Mark:
    """How far a reading came."""

    of: str  # what is read, and how
    source: int = 0  # the first that is not read to its end
    pieces: int = 0  # of it that are
    lines: int = 0
    late: int = 0  # lines that came when their trace may have been closed
    closed_ns: int = 0  # traces without a line since then are closed
    done: bool = False
    rejected: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Reading:
    """Sources on their way into outlines; `engine` keeps what was done before."""

    engine: DuckDBEngine
    key: bytes
    settings: Settings
    templates: Templates
    progress: Progress
    mark: Mark

    def read(self, sources: Sequence[Source], slice_lines: int | None) -> None:
        """Fold all that was not folded yet; without `slice_lines`, at once.

        Errors: OutOfOrderError when closing traces on the way would break many.
        """
        if self.mark.done:
            return
        before = Counter(self.mark.rejected)
        waiting = 0
        self.engine.run(NEW_LINES)
        for number, source in enumerate(sources):
            if number < self.mark.source:
                continue
            pieces = self.mark.pieces if number == self.mark.source else 0
            staged = source.stage(
                self.engine,
                "new_lines",
                skip=pieces,
                most=min(PIECE_ROWS, slice_lines or PIECE_ROWS),
                apart=True,
            )
            for spans in staged:
                pieces, waiting = pieces + 1, waiting + spans
                self.progress("reading spans", self.mark.lines + waiting, None)
                if slice_lines is not None and waiting >= slice_lines:
                    self._reach(number, pieces, sources, before)
                    self._fold(waiting, last=False)
                    waiting = 0
        self._reach(len(sources), 0, sources, before)
        self._fold(waiting, last=True)

    def _reach(
        self, source: int, pieces: int, sources: Sequence[Source], before: Counter[str]
    ) -> None:
        self.mark.source, self.mark.pieces = source, pieces
        self.mark.rejected = dict(sum((s.rejected for s in sources), before))

    def _fold(self, lines: int, *, last: bool) -> None:
        engine, mark = self.engine, self.mark
        with engine.transaction():
            late = _number(
                engine, "select count(*) from new_lines where start_ns < $ns", ns=mark.closed_ns
            )
            if late > MOST_LATE * lines:
                raise OutOfOrderError
            close_ns = 2**62 if last else self._close_ns()
            engine.run(SLICE, close_ns=close_ns)
            operations = engine.query(OPERATIONS)
            self.templates.learn(operations)
            engine.write("methods", self.templates.mapping(operations))
            if operations.num_rows:
                fold(engine, key=self.key, step_s=self.settings.traffic.step_s, whole=WHOLE)
            engine.run(STILL_OPEN, most=MOST_SAYINGS)
            engine.append("operations", operations)
            mark.lines, mark.late = mark.lines + lines, mark.late + late
            mark.closed_ns, mark.done = max(mark.closed_ns, close_ns), last
            _keep_mark(engine, mark, self.templates)
        engine.run("drop view slice_lines; drop table new_lines")
        engine.run(NEW_LINES)

    def _close_ns(self) -> int:
        newest = _number(
            self.engine,
            "select quantile_disc(start_ns, $newest) from new_lines where hash(trace_id) % 16 = 0",
            newest=NEWEST,
        )
        return newest - WATERMARK_S * NS_PER_S


def read_in_slices(
    engine: DuckDBEngine,
    opened: Callable[[], Sequence[Source]],
    settings: Settings,
    progress: Progress,
    *,
    key: bytes,
    asked: Json,
) -> tuple[Mark, Templates, Sequence[Source]]:
    """Fold all spans of the sources into outlines in `engine`.

    What it holds of the same reading (files, settings and `asked` are the same) is taken up where
    it stopped. Gives how far it came, the methods learned, and the sources as they were read.
    Errors: InformerError when there is no span.
    """
    sources = opened()
    of = _fingerprint(sources, settings, asked)
    if settings.source.engine.startswith("spark"):
        return *_read_on_spark(engine, of, sources, settings, progress, key), sources
    mark, templates = _begun(engine, of, settings)
    reading = Reading(engine, key, settings, templates, progress, mark)
    try:
        reading.read(sources, settings.machine.slice_lines)
    except OutOfOrderError:
        sources = opened()
        reading.mark, reading.templates = _anew(engine, of, settings)
        reading.read(sources, None)
    if reading.mark.lines == 0:
        raise InformerError(nothing_read(sources))
    return reading.mark, reading.templates, sources


def _read_on_spark(
    engine: DuckDBEngine,
    of: str,
    sources: Sequence[Source],
    settings: Settings,
    progress: Progress,
    key: bytes,
) -> tuple[Mark, Templates]:
    """All at once, and from the beginning each time: Spark mends itself where a worker is lost."""
    progress("reading spans", 0, None)
    mark, templates = _anew(engine, of, settings)
    stored = [source for source in sources if isinstance(source, StoredSource)]
    spark = spark_at(settings.source.engine)
    step_s = settings.traffic.step_s
    operations = fold_on_spark(spark, engine, stored, templates, key=key, step_s=step_s)
    with engine.transaction():
        mark.lines = bring_home(spark, engine, operations, key=key)
        mark.rejected = dict(sum((s.rejected for s in sources), Counter()))
        mark.done = True
        _keep_mark(engine, mark, templates)
    if mark.lines == 0:
        raise InformerError(nothing_read(sources))
    return mark, templates


def _begun(engine: DuckDBEngine, of: str, settings: Settings) -> tuple[Mark, Templates]:
    if engine.has("marks"):
        row = engine.query("select mark, templates from marks").to_pylist()[0]
        mark = Mark(**orjson.loads(row["mark"]))
        if mark.of == of:
            return mark, Templates.from_json(orjson.loads(row["templates"]))
    return _anew(engine, of, settings)


def _anew(engine: DuckDBEngine, of: str, settings: Settings) -> tuple[Mark, Templates]:
    mark, templates = Mark(of), Templates(settings.methods.rules)
    with engine.transaction():
        tables = engine.query(
            "select table_name as name, table_type = 'VIEW' as view from information_schema.tables"
        )
        for table in tables.to_pylist():
            engine.run(f'drop {"view" if table["view"] else "table"} "{table["name"]}"')
        begin(engine)
        engine.run(NO_SAYINGS)
        engine.run("create table open_lines as " + NO_LINES)
        _keep_mark(engine, mark, templates)
    return mark, templates


def _keep_mark(engine: DuckDBEngine, mark: Mark, templates: Templates) -> None:
    told = {"mark": orjson.dumps(asdict(mark)), "templates": orjson.dumps(templates.to_json())}
    engine.write("marks", pa.table({name: [text.decode()] for name, text in told.items()}))


def _fingerprint(sources: Sequence[Source], settings: Settings, asked: Json) -> str:
    """What would make another reading of it."""
    files = []
    for name in (name for source in sources for name in source.names):
        files.append((name, *_state(Path(name))))
    how = [asdict(settings.source), asdict(settings.methods), settings.traffic.step_s, asked]
    return hashlib.sha256(orjson.dumps([files, how])).hexdigest()


def _state(path: Path) -> tuple[int, int]:
    try:
        said = path.stat()
    except OSError:  # it lies elsewhere, and what it is is in its name
        return 0, 0
    return said.st_size, said.st_mtime_ns


def nothing_read(sources: Sequence[Source]) -> str:
    """Why there is no span, for the user."""
    rejected = sum((s.rejected for s in sources), Counter())
    why = ", ".join(f"{n:,} {reason}" for reason, n in rejected.most_common()) or "all are empty"
    names = ", ".join(name for s in sources for name in s.names[:3])
    return f"no span could be read from {names}: {why}"


def _number(engine: DuckDBEngine, sql: str, **values: float) -> int:
    return int(engine.query(sql, **values).column(0)[0].as_py() or 0)
