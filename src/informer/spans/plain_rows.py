"""Rows that nothing is odd about, as nearly all are: they need no second look."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from informer.core.compiled import compiled
from informer.core.types import Ints
from informer.spans.ids import NO_SPAN, NO_TRACE, ROOTS
from informer.spans.numbers import number_texts
from informer.spans.received import Selection

MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Plain:
    """Where times have to be, and the numbers of ids that are none."""

    least_ns: int
    most_ns: int
    no_trace: Ints
    no_span: Ints
    roots: Ints

    @classmethod
    def of(cls, selection: Selection, key: bytes) -> Self:
        """What no row is looked at twice for."""
        low, high = selection.from_ns, selection.until_ns
        ids = (np.array(number_texts(ids, key), np.int64) for ids in (NO_TRACE, NO_SPAN, ROOTS))
        return cls(1 if low is None else max(1, low), MOST if high is None else high - 1, *ids)

    def fits(self, trace: Ints, span: Ints, up: Ints, start_ns: Ints, duration_ns: Ints) -> bool:
        """Whether all rows are spans that are wanted. Axes: n row; ids are numbers."""
        return _all_plain(
            trace,
            span,
            up,
            start_ns,
            duration_ns,
            self.no_trace,
            self.no_span,
            self.roots,
            self.least_ns,
            self.most_ns,
        )


@compiled
def _all_plain(
    trace: Ints,
    span: Ints,
    up: Ints,
    start_ns: Ints,
    duration_ns: Ints,
    no_trace: Ints,
    no_span: Ints,
    no_up: Ints,
    least_ns: int,
    most_ns: int,
) -> bool:
    plain = True
    for n in range(len(trace)):
        plain &= trace[n] >= 0 and span[n] >= 0 and duration_ns[n] >= 0
        plain &= start_ns[n] >= least_ns and start_ns[n] <= most_ns
        for k in range(len(no_trace)):
            plain &= trace[n] != no_trace[k]
        for k in range(len(no_span)):
            plain &= span[n] != no_span[k]
        for k in range(len(no_up)):
            plain &= up[n] != no_up[k]
    return bool(plain)
