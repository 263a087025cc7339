"""The first few traces of every outline, in time: the first of all stands for its outline.

So it is no matter in which slices, parts or order traces come, nor what key a workspace has.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from informer.core.ports import Engine
from informer.core.sql import read_sql
from informer.core.types import Ints
from informer.outlines.slices import Slice
from informer.outlines.state import EXAMPLES

LAST = "select outline_id, start_ns from kept_traces where place = $examples"
TAKEN = """
select here, place from first_traces where here is not null and place <= $examples order by here
"""
FULL = "select outline_id, start_ns from first_traces where place = $examples"
PASSED = """
select f.trace from first_traces as f where f.here is null and f.place > $examples order by f.trace
"""
LATE, NEVER = np.iinfo(np.int64).max, np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Taken:
    """What a slice changed among the first traces."""

    traces: Ints  # [f] their places in the slice, in order
    place: Ints  # [f] 1 = it stands for its outline
    passed: Ints  # numbers of traces that are among them no longer


class Firsts:
    """The first EXAMPLES traces of every outline, which `kept_traces` has with their places."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._last = np.array([NEVER])  # start of the last of them, where there are so many; [o]
        self._hold(engine.query(LAST, examples=EXAMPLES))

    def take(self, lines: Slice, outline: Ints, starts: Ints, kept: set[int]) -> Taken:
        """Take in those of a slice. They are not in `kept_traces` yet, the others move up there.

        `outline` and `starts` are those of the traces; [t], 0 = it has none.
        """
        offered = self._offered(outline, starts)
        # One that is kept has come before, and this is what came late of it.
        new = np.array([t not in kept for t in lines.traces[offered].tolist()], bool)
        offered = offered[new]
        if not len(offered):
            return Taken(offered, offered, offered)
        table = {
            "trace": lines.traces[offered],
            "trace_id": lines.rows(lines.begins[offered])["trace_id"],
            "outline_id": outline[offered],
            "start_ns": starts[offered],
            "here": offered,
        }
        self._engine.append("offered_traces", pa.table(table), passing=True)
        self._engine.run(read_sql("informer.outlines", "first_traces"), examples=EXAMPLES)
        taken = self._engine.query(TAKEN, examples=EXAMPLES)
        passed = self._engine.query(PASSED, examples=EXAMPLES)["trace"].to_numpy()
        self._hold(self._engine.query(FULL, examples=EXAMPLES))
        self._engine.run("drop table offered_traces; drop table first_traces")
        return Taken(taken["here"].to_numpy(), taken["place"].to_numpy(), passed)

    def _offered(self, outline: Ints, starts: Ints) -> Ints:
        """Traces that may be among the first; of those that began at the same time all."""
        more = int(outline.max(initial=0)) + 1 - len(self._last)
        self._last = np.append(self._last, np.full(max(0, more), LATE))
        near = np.flatnonzero((outline > 0) & (starts <= self._last[outline]))
        near = near[np.lexsort((starts[near], outline[near]))]
        of, start = outline[near], starts[near]
        begins = np.flatnonzero(np.append(True, of[1:] != of[:-1])) if len(of) else of
        ends = np.append(begins[1:], len(of))
        last = start[np.minimum(begins + EXAMPLES, ends) - 1]
        offered: Ints = near[start <= np.repeat(last, ends - begins)]
        return offered

    def _hold(self, last: pa.Table) -> None:
        outline = last["outline_id"].to_numpy()
        more = int(outline.max(initial=0)) + 1 - len(self._last)
        self._last = np.append(self._last, np.full(max(0, more), LATE))
        self._last[outline] = last["start_ns"].to_numpy()
