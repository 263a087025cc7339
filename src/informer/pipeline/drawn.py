"""What was seen of a pattern and what was expected of it, step by step, to be drawn."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from informer.core.types import EVER, Floats, Ints, Json
from informer.pipeline.catalogue import one_pattern
from informer.pipeline.rpcs import rpcs_named
from informer.pipeline.workspace import Workspace

# What is seen of each signal: a column of `traffic`.
SIGNALS = {
    "calls": "calls",
    "failures": "failures",
    "refusals": "refusals",
    "latency": "latency_mean_ms",
}
DETECTED = ("score", "threshold")  # of cells over it
MOST_CELLS = 50_000  # of one answer: rpcs times steps
USUAL_STEPS = 1_440
SEEN = """
select step_start_ns, seen from steps
where step_start_ns >= $from_ns and step_start_ns < $until_ns order by step_start_ns limit $most
"""
RANGE = """
select {columns} from {table}
where pattern_id = $pattern_id and step_start_ns >= $from_ns and step_start_ns <= $last_ns {more}
"""


def pattern_series(
    home: Workspace,
    pattern_id: str,
    signal: str,
    *,
    from_ns: int | None = None,
    until_ns: int | None = None,
    most_steps: int = USUAL_STEPS,
) -> Json:
    """A series for each rpc of a pattern, over the steps that were looked at in a range.

    Without `from_ns`, the last `most_steps` before `until_ns`. An answer has at most MOST_CELLS
    cells; `next_from_ns` says where the next one begins. Errors: UnknownError.
    """
    rpc_ids = one_pattern(home, pattern_id).rpc_ids
    step_s = int(home.get("trained")["step_s"])
    most = max(min(most_steps, MOST_CELLS // len(rpc_ids)), 1)
    until_ns = EVER if until_ns is None else until_ns
    if from_ns is None:
        from_ns = _first_of_last(home, until_ns, most)
    steps = home.engine.query(SEEN, from_ns=from_ns, until_ns=until_ns, most=most + 1)
    starts = steps["step_start_ns"].to_numpy()
    more = starts[most:]
    starts, seen = starts[:most], steps["seen"].to_numpy(zero_copy_only=False)[:most]
    cells = _Cells(home, pattern_id, rpc_ids, starts)
    observed = cells.read("traffic", SIGNALS[signal])
    if signal != "latency":
        observed = np.where(np.isnan(observed), 0.0, observed)
    observed = np.where(seen[:, None], observed, np.nan)
    of_signal = f"and signal = '{signal}'"
    columns = {"observed": observed}
    expecting = "forecasts" if signal == "calls" else "detections"
    columns["expected"] = cells.read(expecting, "expected", of_signal)
    for table, names in (("forecasts", ("spread",)), ("detections", DETECTED)):
        columns |= {name: cells.read(table, name, of_signal) for name in names}
    named = rpcs_named(home, rpc_ids)
    return {
        "pattern": pattern_id,
        "signal": signal,
        "step_s": step_s,
        "next_from_ns": int(more[0]) if len(more) else None,
        "step_start_ns": starts.tolist(),
        "seen": seen.tolist(),
        "rpcs": [
            {k: named[rpc_id][k] for k in ("caller", "callee", "method")}
            | {name: _values(values[:, i]) for name, values in columns.items()}
            for i, rpc_id in enumerate(rpc_ids)
        ],
    }


def _first_of_last(home: Workspace, until_ns: int, most: int) -> int:
    found = home.engine.query(
        "select min(step_start_ns) as first from (select step_start_ns from steps "
        "where step_start_ns < $until_ns order by step_start_ns desc limit $most)",
        until_ns=until_ns,
        most=most,
    )
    return int(found["first"][0].as_py() or 0)


class _Cells:
    """Reads columns of one pattern into matrices, [t, n]; NaN where no row is."""

    def __init__(
        self,
        home: Workspace,
        pattern_id: str,
        rpc_ids: Sequence[str],
        starts: Ints,
    ) -> None:
        self._home, self._pattern_id = home, pattern_id
        self._place = {rpc_id: i for i, rpc_id in enumerate(rpc_ids)}
        self._starts = starts

    def read(self, table: str, column: str, more: str = "") -> Floats:
        found = np.full((len(self._starts), len(self._place)), np.nan)
        if len(self._starts) == 0:
            return found
        rows: pa.Table = self._home.engine.query(
            RANGE.format(columns=f"rpc_id, step_start_ns, {column}", table=table, more=more),
            pattern_id=self._pattern_id,
            from_ns=int(self._starts[0]),
            last_ns=int(self._starts[-1]),
        )
        step = np.searchsorted(self._starts, rows["step_start_ns"].to_numpy())
        values = rows[column].to_numpy()
        for t, rpc_id, value in zip(step, rows["rpc_id"].to_pylist(), values, strict=True):
            if rpc_id in self._place:
                found[t, self._place[rpc_id]] = value
        return found


def _values(column: Floats) -> list[float | None]:
    return [None if np.isnan(x) else float(x) for x in column]
