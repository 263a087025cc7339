"""Curves to look at: what was seen of some rpcs and what was expected, thin enough to draw.

A short range is read step by step. A long one is read from `hours`, where every hour of a cell is
one row, so that no page reads the cells of a month; the hour that goes on is read from its steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from informer.core.types import NS_PER_S, Floats, Ints
from informer.pipeline.band import band
from informer.pipeline.drawn import SIGNALS
from informer.pipeline.hours import HOUR_NS, rolled_until_ns
from informer.pipeline.steps import step_ns_of
from informer.pipeline.usual import usual
from informer.pipeline.workspace import Workspace

MOST_STEPS = 1_500  # more of them are read as hours
MOST_HOURS_BY_STEP = 2  # at the end of a range of hours, where they wait to be rolled up
CELLS = "select unnest($patterns) as pattern_id, unnest($rpcs) as rpc_id, unnest($places) as place"
OF_CELLS = """
with cells as ({cells})
select c.place, t.{time} as at_ns, {columns}
from {table} as t inner join cells as c on c.pattern_id = t.pattern_id and c.rpc_id = t.rpc_id
where t.{time} >= $from_ns and t.{time} < $until_ns {only} {more}
"""
# What people see as one: the calls of an rpc, and its share of those of its callers.
SIGNALS_OF = {"calls": ("calls", "share")}
Cell = tuple[str, str]  # pattern, rpc


@dataclass(frozen=True, slots=True)
class Curve:
    """One signal of one rpc of one pattern, [t] each; NaN where nothing is known.

    Scores and thresholds are of steps over their threshold.
    """

    pattern_id: str
    rpc_id: str
    signal: str
    starts_ns: Ints
    every_s: int  # of what length its points are
    observed: Floats
    expected: Floats
    low: Floats
    high: Floats
    score: Floats
    threshold: Floats


def curves(
    home: Workspace,
    cells: Sequence[Cell],
    from_ns: int,
    until_ns: int,
    signal: str = "calls",
    *,
    exact: bool = False,
    by_hour: bool = False,
    bare: bool = False,
) -> list[Curve]:
    """A curve for each cell over a range, in their order; calls and alike are of one step.

    A point is a step, or an hour where steps are too many; `exact` and `by_hour` insist on either.
    With `bare`, steps have what was observed and nothing else.
    """
    step_ns = step_ns_of(home)
    if not cells or until_ns <= from_ns:
        return []
    is_short = (until_ns - from_ns) // step_ns <= MOST_STEPS or step_ns >= HOUR_NS
    if exact or (is_short and not by_hour):
        return _by_step(home, cells, from_ns, until_ns, signal, step_ns, bare)
    return _by_hour(home, cells, from_ns, until_ns, signal)


def _by_step(
    home: Workspace,
    cells: Sequence[Cell],
    from_ns: int,
    until_ns: int,
    signal: str,
    step_ns: int,
    bare: bool,
) -> list[Curve]:
    steps = home.engine.query(
        "select step_start_ns, seen from steps where step_start_ns >= $from_ns "
        "and step_start_ns < $until_ns order by 1",
        from_ns=from_ns,
        until_ns=until_ns,
    )
    starts = steps["step_start_ns"].to_numpy()
    seen = steps["seen"].to_numpy(zero_copy_only=False)
    places = _Places(home, cells, starts)
    observed, calls = places.read("traffic", (SIGNALS[signal], "calls"))
    if signal != "latency":
        observed = np.nan_to_num(observed)
    observed = np.where(seen, observed, np.nan)
    unknown = np.full_like(observed, np.nan)
    if bare:
        expected = low = high = unknown
    elif signal == "calls":
        expected, spread = places.read("forecasts", ("expected", "spread"))
        low, high = band(expected, expected + spread * expected**2)
    else:
        calls = np.where(seen, np.nan_to_num(calls), np.nan)
        expected, low, high = usual(home, cells, signal, calls)
    score, threshold = (unknown, unknown) if bare else places.read_detections(signal)
    return [
        Curve(
            *cell,
            signal,
            starts,
            step_ns // NS_PER_S,
            *(values[i] for values in (observed, expected, low, high, score, threshold)),
        )
        for i, cell in enumerate(cells)
    ]


def _by_hour(
    home: Workspace,
    cells: Sequence[Cell],
    from_ns: int,
    until_ns: int,
    signal: str,
) -> list[Curve]:
    """A step of every hour, on average."""
    first, last = from_ns - from_ns % HOUR_NS, min(until_ns, rolled_until_ns(home))
    starts = np.arange(first, max(last, first), HOUR_NS, dtype=np.int64)
    places = _Places(home, cells, starts, time="hour_start_ns", length_ns=HOUR_NS)
    column = {"latency": "latency_mean_ms"}.get(signal, f"{signal} / steps")
    columns = (column, "calls / steps", "expected / steps", "variance / steps")
    waiting, means = _waiting(home, cells, max(first, last), until_ns, signal)
    starts = np.concatenate([starts, waiting])
    observed, calls, expected, variance = np.concatenate(
        [places.read("hours", columns), means], axis=2
    )
    low, high = band(expected, variance)
    if signal != "calls":
        expected, low, high = usual(home, cells, signal, calls)
    detected = _Places(home, cells, starts, length_ns=HOUR_NS)
    score, threshold = detected.read_detections(signal)
    return [
        Curve(
            *cell,
            signal,
            starts,
            HOUR_NS // NS_PER_S,
            *(values[i] for values in (observed, expected, low, high, score, threshold)),
        )
        for i, cell in enumerate(cells)
    ]


def _waiting(
    home: Workspace, cells: Sequence[Cell], from_ns: int, until_ns: int, signal: str
) -> tuple[Ints, Floats]:
    """The last hours, which are not rolled up yet, as `hours` will have them.

    Their starts, [t], and per step on average what was observed, calls, what was expected, and its
    variance, [4, cell, t]. Nothing of them where more wait than are quickly read.
    """
    steps = home.engine.query(
        "select step_start_ns from steps where seen and step_start_ns >= $from_ns "
        "and step_start_ns < $until_ns order by 1",
        from_ns=from_ns,
        until_ns=until_ns,
    )["step_start_ns"].to_numpy()
    hours, firsts = np.unique(steps - steps % HOUR_NS, return_index=True)
    if not 0 < len(hours) <= MOST_HOURS_BY_STEP:
        return np.zeros(0, dtype=np.int64), np.zeros((4, len(cells), 0))
    places = _Places(home, cells, steps)
    observed, calls = places.read("traffic", (SIGNALS[signal], "calls"))
    expected, spread = places.read("forecasts", ("expected", "spread"), "and signal = 'calls'")
    values = np.stack([observed, calls, expected, expected + spread * expected**2])
    known = ~np.isnan(values)
    sums = np.add.reduceat(np.where(known, values, 0.0), firsts, axis=2)
    count = np.add.reduceat(known, firsts, axis=2, dtype=np.float64)
    # No row is no call, but of latency and of what was expected it is nothing.
    whole = np.diff([*firsts, len(steps)]).astype(np.float64)
    count[2:] = np.where(count[2:] > 0, whole, 0.0)
    count[1 if signal == "latency" else slice(2)] = whole
    return hours, np.divide(sums, count, out=np.full_like(sums, np.nan), where=count > 0)


class _Places:
    """Reads columns of cells into matrices, [cell, t]; NaN where no row is."""

    def __init__(
        self,
        home: Workspace,
        cells: Sequence[Cell],
        starts: Ints,
        *,
        time: str = "step_start_ns",
        length_ns: int = 0,
    ) -> None:
        """Rows belong to the last of `starts` before them; `length_ns` is that of the last one."""
        self._home, self._starts, self._time, self._cells = home, starts, time, len(cells)
        self._given: dict[str, object] = {
            "patterns": [pattern_id for pattern_id, _ in cells],
            "rpcs": [rpc_id for _, rpc_id in cells],
            "places": list(range(len(cells))),
        }
        # Said twice, once so that it is sifted while it is read, before anything is joined.
        column, found = "pattern_id", sorted({pattern_id for pattern_id, _ in cells})
        if len(found) > 1:
            column, found = "rpc_id", sorted({rpc_id for _, rpc_id in cells})
        only = {f"one_{i}": value for i, value in enumerate(found)}
        self._given |= only
        self._only = f"and t.{column} in ({', '.join(f'${name}' for name in only)})"
        if len(starts):
            self._given |= {
                "from_ns": int(starts[0]),
                "until_ns": int(starts[-1]) + max(length_ns, 1),
            }

    def read(self, table: str, columns: Sequence[str], more: str = "") -> Floats:
        """[column, cell, t]; where rows share a place, the highest of each."""
        found = np.full((len(columns), self._cells, len(self._starts)), -np.inf)
        if len(self._starts):
            named = ", ".join(f"{column} as c{i}" for i, column in enumerate(columns))
            rows: pa.Table = self._home.engine.query(
                OF_CELLS.format(
                    cells=CELLS,
                    table=table,
                    columns=named,
                    more=more,
                    only=self._only,
                    time=self._time,
                ),
                **self._given,
            )
            cell = rows["place"].to_numpy()
            step = np.searchsorted(self._starts, rows["at_ns"].to_numpy(), side="right") - 1
            for i in range(len(columns)):
                np.maximum.at(found[i], (cell, step), rows[f"c{i}"].to_numpy().astype(np.float64))
        return np.where(np.isfinite(found), found, np.nan)

    def read_detections(self, signal: str) -> Floats:
        wanted = ", ".join(f"'{s}'" for s in SIGNALS_OF.get(signal, (signal,)))
        return self.read("detections", ("score", "threshold"), f"and signal in ({wanted})")
