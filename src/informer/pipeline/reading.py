"""One pass over sources of any size: slice by slice into outlines, and on from where it stopped."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pyarrow as pa

from informer.config.settings import Settings
from informer.core.lines import Lines
from informer.core.ports import PIECE_ROWS, Source
from informer.core.types import EVER, NS_PER_S, Ints
from informer.engines.duckdb import DuckDBEngine
from informer.pipeline.mark import Mark, keep_mark
from informer.pipeline.progress import Progress
from informer.pipeline.rejected import rejected_of
from informer.pipeline.trace_files import FILES, TraceFiles
from informer.spans.methods import Methods
from informer.spans.sayings import forget_sayings, whole_spans
from informer.spans.templates import Templates

if TYPE_CHECKING:
    from informer.outlines.folding import Folding
    from informer.outlines.slices import Slice

Place: TypeAlias = tuple[int, int]  # the number of a source, and of a piece of it

WATERMARK_S = 120  # a trace is closed when no line of it began for so long
MOST_LATE = 0.01  # of a slice; with more, the sources are not in order of time
SLICE_BYTES = 512 << 20  # of rows; where attributes are long, a slice has fewer lines
MOST_SAYINGS = 200_000  # that are remembered from slice to slice
NEWEST = 0.999  # lines from the future must not close what is open

OPERATIONS = """
select s.service, s.operation, cast(sum(l.lines) as bigint) as calls
from slice_sayings as l
join sayings as s on s.saying = l.saying
group by all
"""
KNOWN = "select distinct service, operation from operations"
WHOLE = whole_spans("example_lines")


class OutOfOrderError(Exception):
    """Sources are not in order of time: closing traces early would break them."""


@dataclass(slots=True)
class Reading:
    """Sources on their way into outlines; `engine` keeps what was done before."""

    engine: DuckDBEngine
    key: bytes
    settings: Settings
    templates: Templates
    progress: Progress
    mark: Mark
    spill: Path  # a folder for what does not fit memory
    methods: Methods = field(init=False)
    folding: "Folding | None" = None
    parts: list[Lines] = field(default_factory=list)  # not folded yet
    places: list[Place] = field(default_factory=list)  # where each of them comes from

    def read(self, sources: Sequence[Source], slice_lines: int | None) -> None:
        """Fold all that was not folded yet; without `slice_lines`, in whatever order it comes.

        Errors: OutOfOrderError when closing traces on the way would break many.
        """
        if self.mark.done:
            return
        self._begin()
        if slice_lines is None:
            self._read_by_trace(sources)
            return
        before = Counter(self.mark.rejected)
        reached = (self.mark.source, self.mark.pieces)
        since = self._open_since()
        start = min(since.values(), default=reached)
        new = size = 0
        room = slice_lines
        most = min(PIECE_ROWS, slice_lines)
        for number, source in enumerate(sources):
            if number < start[0]:
                continue
            skip = start[1] if number == start[0] else 0
            for piece, lines in enumerate(
                source.lines(self.engine, self.key, skip=skip, most=most), skip
            ):
                if (number, piece) < reached:
                    self._take_up(lines, (number, piece), since)
                    # What was rejected of it was counted when it came first.
                    before = Counter(self.mark.rejected)
                    before.subtract(rejected_of(sources))
                    continue
                if not new:
                    room = self._room(slice_lines)
                self.parts.append(lines)
                self.places.append((number, piece))
                new += len(lines)
                size += lines.rows.nbytes
                self.progress("reading spans", self.mark.lines + new, None)
                if new >= room or size >= SLICE_BYTES:
                    self._reach((number, piece + 1), before + rejected_of(sources))
                    self._fold(new, last=False)
                    new = size = 0
        self._reach((len(sources), 0), before + rejected_of(sources))
        self._fold(new, last=True)

    def _room(self, slice_lines: int) -> int:
        """How many new lines a slice takes: those that wait, more in the busy hours, are of it too.

        It is half of them at least: where more wait than that, a slice is larger.
        """
        return max(slice_lines - sum(map(len, self.parts)), slice_lines // 2)

    def _read_by_trace(self, sources: Sequence[Source]) -> None:
        """All lines are set apart on disk by their traces, and no slice leaves one open.

        It is one transaction: what is stopped begins anew.
        """
        with self.engine.transaction(), TraceFiles(self.spill) as apart:
            for source in sources:
                for lines in source.lines(self.engine, self.key):
                    apart.add(lines)
                    self.progress("reading spans", apart.lines, None)
            for number, part in enumerate(apart.parts()):
                self.parts, self.places = [part], [(0, 0)]
                self._fold_slice(len(part), EVER, late=0, last=number == FILES - 1)
            self._reach((len(sources), 0), rejected_of(sources))
            keep_mark(self.engine, self.mark, self.templates)

    def _begin(self) -> None:
        self.parts, self.places = [], []
        # Compiled loops take a while to load: who does not learn goes without them.
        from informer.outlines.folding import Folding

        known = self.engine.query(KNOWN) if self.engine.has("operations") else None
        self.methods = Methods(self.templates, known)
        step_s = self.settings.traffic.step_s
        self.folding = Folding(self.engine, key=self.key, step_s=step_s, whole=WHOLE)

    def _open_since(self) -> dict[int, Place]:
        rows = self.engine.query("select trace, source, piece from open_traces").to_pylist()
        return {row["trace"]: (row["source"], row["piece"]) for row in rows}

    def _take_up(self, lines: Lines, place: Place, since: Mapping[int, Place]) -> None:
        """Lines of a piece that was read before: of traces that were open, and are so still."""
        traces, number = np.unique(lines.trace, return_inverse=True)
        never = (place[0] + 1, 0)
        waits = np.array([since.get(t, never) <= place for t in traces.tolist()], bool)
        places = np.flatnonzero(waits[number])
        if len(places):
            self.parts.append(lines.take(places))
            self.places.append(place)

    def _reach(self, place: Place, rejected: Counter[str]) -> None:
        self.mark.source, self.mark.pieces = place
        self.mark.rejected = dict(+rejected)

    def _fold(self, lines: int, *, last: bool) -> None:
        new, waited = 0, len(self.parts)
        while new < lines:
            waited -= 1
            new += len(self.parts[waited])
        late = sum(
            int((part.column("start_ns") < self.mark.closed_ns).sum())
            for part in self.parts[waited:]
        )
        if late > MOST_LATE * lines:
            raise OutOfOrderError
        with self.engine.transaction(later=True):  # the disk takes a while, lines come meanwhile
            close_ns = EVER if last else self._close_ns()
            self._fold_slice(lines, close_ns, late=late, last=last)
            if _number(self.engine, "select count(*) from sayings") > MOST_SAYINGS:
                self._forget_sayings()
            keep_mark(self.engine, self.mark, self.templates)

    def _fold_slice(self, lines: int, close_ns: int, *, late: int, last: bool) -> None:
        from informer.outlines.slices import sliced

        engine, mark, folding = self.engine, self.mark, self.folding
        here = sliced(self.parts, close_ns)
        present = here.sayings()
        operations = self._operations(present)
        engine.write("methods", self.methods.of(operations))
        if operations.num_rows and folding is not None:
            folding.fold(here, present > 0)
        self._keep_open(here)
        engine.append("operations", operations)
        mark.lines, mark.late = mark.lines + lines, mark.late + late
        mark.closed_ns, mark.done = max(mark.closed_ns, close_ns), last

    def _operations(self, present: Ints) -> pa.Table:
        sayings = np.flatnonzero(present)
        told = pa.table({"saying": sayings, "lines": present[sayings]})
        self.engine.append("slice_sayings", told, passing=True)
        operations = self.engine.query(OPERATIONS)
        self.engine.run("drop table slice_sayings")
        return operations

    def _keep_open(self, here: "Slice") -> None:
        """Lines of open traces wait."""
        parts, first = here.still_open()
        places = np.array([*self.places, (0, 0)], np.int64)
        kept = [(part, place) for part, place in zip(parts, self.places, strict=True) if len(part)]
        self.parts, self.places = [part for part, _ in kept], [place for _, place in kept]
        is_open = ~here.closed
        since = places[first[is_open]]
        table = {"trace": here.traces[is_open], "source": since[:, 0], "piece": since[:, 1]}
        self.engine.write("open_traces", pa.table(table))

    def _forget_sayings(self) -> None:
        """Only those of lines that wait are kept."""
        sayings = [np.unique(part.column("saying")) for part in self.parts]
        forget_sayings(self.engine, np.concatenate([*sayings, np.empty(0, np.int64)]))
        if self.folding is not None:
            self.folding.pairs.forget()

    def _close_ns(self) -> int:
        starts = [p.column("start_ns")[p.trace & 15 == 0] for p in self.parts]
        sample = np.concatenate(starts)
        if not len(sample):  # few traces
            sample = np.concatenate([p.column("start_ns") for p in self.parts])
        newest = np.quantile(sample, NEWEST, method="inverted_cdf")
        return int(newest) - WATERMARK_S * NS_PER_S


def _number(engine: DuckDBEngine, sql: str, **values: float) -> int:
    return int(engine.query(sql, **values).column(0)[0].as_py() or 0)
