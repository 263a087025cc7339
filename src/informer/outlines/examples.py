"""Traces that are kept whole: the first few of every outline, and a sample of all."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from informer.core.batches import apart
from informer.core.ports import Engine
from informer.core.sql import read_sql
from informer.core.types import Bools, Ints
from informer.outlines.firsts import Firsts
from informer.outlines.pairs import Linked
from informer.outlines.slices import Slice
from informer.outlines.state import SAMPLE, salt_of

KEPT_LINES = pa.schema(
    [
        ("outline_id", pa.int64()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("link_id", pa.int64()),
        ("start_ns", pa.int64()),
    ]
)
KEPT_TRACES = "select trace, outline_id, place, sampled from kept_traces"
KEEP = """
insert into kept_traces
select trace, trace_id, outline_id, place, sampled, start_ns from example_traces
"""
KEEP_SPANS = """
insert into kept_spans
select t.trace, s.* from ({whole}) as s join example_traces as t on t.trace_id = s.trace_id
"""
LET_GO = """
delete from kept_traces where trace in (select trace from dropped_traces);
delete from kept_spans where trace in (select trace from dropped_traces);
drop table dropped_traces
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Traces of a slice that are kept from now on; [e]."""

    traces: Ints  # their places in the slice
    outline: Ints
    place: Ints  # 1 = it stands for its outline, 0 = it is of the sample alone
    sampled: Bools


class Examples:
    """The traces that are kept, and the table `kept_traces` with them.

    `whole` is a SELECT that makes spans of the table `example_lines`.
    """

    def __init__(self, engine: Engine, key: bytes, whole: str) -> None:
        self._engine, self._salt, self._whole = engine, salt_of(key), whole
        told = engine.query(KEPT_TRACES)
        self._kept = set(told["trace"].to_pylist())
        sampled, place = told["sampled"].to_numpy(), told["place"].to_numpy()
        self._sample = told["trace"].to_numpy()[sampled]
        self._lonely = set(told["trace"].to_numpy()[sampled & (place == 0)].tolist())
        self._firsts = Firsts(engine)

    def keep(self, lines: Slice, outline: Ints, starts: Ints, link: Linked) -> Ints:
        """Keep what is new in a slice, and let go what is neither a first nor of the sample now.

        `outline` and `starts` are those of the traces, `link` that of the lines. Gives the links
        of traces that stand for their outlines.
        """
        chosen = self._chosen(lines, outline, starts)
        if not len(chosen.traces):
            return np.empty(0, np.int64)
        places = lines.lines_of(chosen.traces)
        rows = lines.rows(places)
        counts = np.diff(lines.begins)[chosen.traces]
        begins = np.cumsum(counts) - counts
        traces = {
            "trace": lines.traces[chosen.traces],
            "trace_id": rows["trace_id"].take(pa.array(begins)),
            "outline_id": chosen.outline,
            "place": chosen.place.astype(np.int32),
            "sampled": chosen.sampled,
            "start_ns": starts[chosen.traces],
        }
        self._engine.append("example_traces", pa.table(traces), passing=True)
        for piece in apart(rows, "all_attributes"):
            self._engine.append("example_lines", piece, passing=True)
            self._engine.run(KEEP_SPANS.format(whole=self._whole))
            self._engine.run("drop table example_lines")
        self._engine.run(KEEP)
        stands = np.repeat(chosen.place == 1, counts)
        of = pa.array(np.flatnonzero(stands))
        links: Ints = link.at(places[stands])
        kept = [np.repeat(chosen.outline, counts)[stands], rows["trace_id"].take(of)]
        kept += [rows["span_id"].take(of), links, rows["start_ns"].take(of)]
        self._engine.append("named_lines", pa.table(kept, schema=KEPT_LINES), passing=True)
        self._engine.run(read_sql("informer.outlines", "lines_home"), salt=self._salt)
        for table in ("example_traces", "named_lines"):
            self._engine.run(f"drop table {table}")
        return links

    def _chosen(self, lines: Slice, outline: Ints, starts: Ints) -> Chosen:
        taken = self._firsts.take(lines, outline, starts, self._kept)
        here = np.isin(taken.passed, self._sample)
        self._lonely.update(taken.passed[here].tolist())
        self._let_go(taken.passed[~here].tolist())
        drawn = self._drawn(lines, outline)
        traces = np.union1d(taken.traces, drawn)
        place = np.zeros(len(traces), np.int64)
        place[np.searchsorted(traces, taken.traces)] = taken.place
        sampled = np.isin(traces, drawn)
        new = np.array([t not in self._kept for t in lines.traces[traces].tolist()], bool)
        chosen = Chosen(traces[new], outline[traces[new]], place[new], sampled[new])
        numbers = lines.traces[chosen.traces]
        self._kept.update(numbers.tolist())
        self._lonely.update(numbers[chosen.sampled & (chosen.place == 0)].tolist())
        return chosen

    def _drawn(self, lines: Slice, outline: Ints) -> Ints:
        """Traces with the smallest numbers so far; others fall out of the sample."""
        last = np.iinfo(np.int64).max if len(self._sample) < SAMPLE else self._sample.max()
        near = np.flatnonzero((outline > 0) & (lines.traces < last))
        if len(near) > SAMPLE:
            most = np.partition(lines.traces[near], SAMPLE)[SAMPLE]
            near = near[lines.traces[near] <= most]
        both = np.unique(np.append(self._sample, lines.traces[near]))[:SAMPLE]
        dropped = np.setdiff1d(self._sample, both)
        self._sample = both
        gone = [t for t in dropped.tolist() if t in self._lonely]
        self._lonely.difference_update(gone)
        self._let_go(gone)
        return near[np.isin(lines.traces[near], both)]

    def _let_go(self, traces: list[int]) -> None:
        if traces:
            self._kept.difference_update(traces)
            self._engine.append("dropped_traces", pa.table({"trace": traces}), passing=True)
            self._engine.run(LET_GO)
