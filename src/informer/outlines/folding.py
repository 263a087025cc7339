"""Folds slices of lines into outlines, by loops over all that is done for every line.

What a pair of sayings means is told by SQL. tests/property/reference_fold.py does all of it by SQL,
and the two are held together.
"""

import numpy as np
import pyarrow as pa

from informer.core.ports import Engine
from informer.core.sql import read_sql
from informer.core.types import NS_PER_S, Bools, Ints
from informer.outlines.cells import Cells, Groups
from informer.outlines.examples import Examples
from informer.outlines.forms import Forms
from informer.outlines.keys import Keys
from informer.outlines.pairs import Kind, Linked, Pairs, said_in
from informer.outlines.shares import in_shares
from informer.outlines.slices import Slice
from informer.outlines.state import begin
from informer.outlines.sums import add_up_groups, sums_of

KINDS = "select link_id, version, failed, refused, weight_e6 from line_kinds order by line_kind"


class Folding:
    """A reading of slices, one after the other; what was folded before is in the engine.

    `key`, at most 64 bytes, makes codes and hashes secret to a workspace. `whole` is a SELECT that
    puts the spans of the table `example_lines` together.
    """

    def __init__(self, engine: Engine, *, key: bytes, step_s: int, whole: str) -> None:
        begin(engine)
        self._engine = engine
        self._step_ns = step_s * NS_PER_S
        self.pairs = Pairs(engine, key)
        self._forms = Forms(engine)
        self._examples = Examples(engine, key, whole)
        self._cells = Cells(engine)
        told = engine.query(KINDS).to_pylist()
        self.pairs.know([Kind(**row) for row in told])
        self._kinds = len(told)

    def fold(self, lines: Slice, present: Bools) -> None:
        """Add the closed traces of a slice to what is kept.

        Reads `sayings`, and `methods` (service, operation, method) of those sayings that are
        `present` in closed traces; [s].
        """
        engine, pairs = self._engine, self.pairs
        engine.run(read_sql("informer.outlines", "slice_sayings_apart"))
        numbers = pairs.number(lines, said_in(engine, present))
        engine.run("drop table slice_sayings")

        def add_up(share: tuple[int, int]) -> tuple[Ints, Ints, Bools, Ints]:
            low, high = share
            return sums_of(
                lines.begins[low : high + 1],
                lines.closed[low:high],
                numbers,
                lines.start_ns,
                pairs.code,
                pairs.top,
                pairs.failed,
                pairs.weight_e6,
            )

        shared = in_shares(add_up, lines.shares, len(lines))
        sums, starts, failed, weights = map(np.concatenate, zip(*shared, strict=True))
        outline = self._forms.number(lines, sums, Linked(pairs.link, numbers))
        group = self._count_steps(lines, outline, starts, failed, weights)
        self._cells.count(lines, group, numbers, self.pairs.kind)
        self._keep_kinds()
        self._forms.keep_links(
            self._examples.keep(lines, outline, starts, Linked(pairs.link, numbers))
        )

    def _count_steps(
        self, lines: Slice, outline: Ints, starts: Ints, failed: Bools, weights: Ints
    ) -> Groups:
        """The group (outline and step) of each trace; [t], -1 = none, and what groups are; [g]."""
        steps = starts // self._step_ns
        begin = int(steps[lines.closed].min())
        bits = int(steps[lines.closed].max() - begin).bit_length()
        keys = np.where(lines.closed, (outline << bits) | (steps - begin), -1)
        group, found = Keys().number(keys)
        of, step_start_ns = found >> bits, ((found & ((1 << bits) - 1)) + begin) * self._step_ns
        whole = [np.zeros(len(found), np.int64) for _ in range(5)]
        chains, chains_e6, failed_e6, first_ns, last_ns = whole
        squares = np.zeros(len(found))
        sums = chains, chains_e6, squares, failed_e6, first_ns, last_ns
        add_up_groups(group, lines.closed, starts, failed, weights, sums)
        table = {
            "outline_id": of,
            "step_start_ns": step_start_ns,
            "chains": chains,
            "chains_e6": chains_e6,
            "squares": squares,
            "failed_e6": failed_e6,
            "first_ns": first_ns,
            "last_ns": last_ns,
        }
        self._engine.append("outline_steps", pa.table(table))
        return np.where(lines.closed & (outline > 0), group, -1), of, step_start_ns

    def _keep_kinds(self) -> None:
        new = self.pairs.kinds[self._kinds :]
        rows = [
            {"line_kind": n, "link_id": k.link_id, "version": k.version, "failed": k.failed}
            | {"refused": k.refused, "weight_e6": k.weight_e6}
            for n, k in enumerate(new, self._kinds)
        ]
        if rows:
            self._engine.append("line_kinds", pa.Table.from_pylist(rows))
            self._kinds += len(rows)
