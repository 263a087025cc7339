"""Rows of the detections table, one for a cell however many streams speak for it."""

import hashlib

import pyarrow as pa

from informer.core.tables import DETECTIONS
from informer.core.types import Grid


class Rows:
    """Collects rows of the detections table."""

    def __init__(self, grid: Grid) -> None:
        self._grid = grid
        self._starts_ns = grid.starts_ns()
        self._rows: dict[str, dict[str, object]] = {}

    def add(
        self,
        cell: tuple[str, str, str],
        step: int,
        window: int,
        values: tuple[float, float, float, float],
        kind: str,
    ) -> None:
        """One cell (pattern, rpc, signal); `window` steps end with `step`.

        Values are observed and expected over the window, score and threshold.
        """
        start_ns = int(self._starts_ns[step])
        name = "\x1f".join([*cell, str(start_ns)])
        row = {
            "detection_id": hashlib.sha256(name.encode()).hexdigest()[:16],
            "pattern_id": cell[0],
            "rpc_id": cell[1],
            "signal": cell[2],
            "step_start_ns": start_ns,
            "window_steps": window,
            "observed": values[0],
            "expected": values[1],
            "score": values[2],
            "threshold": values[3],
            "kind": kind,
        }
        known = self._rows.get(str(row["detection_id"]))
        # Two streams may speak for one cell, a pattern and its family: the louder one counts.
        if known is None or float(str(known["score"])) < values[2]:
            self._rows[str(row["detection_id"])] = row

    def table(self) -> pa.Table:
        """The rows in order of time, then score."""
        rows = sorted(
            self._rows.values(),
            key=lambda r: (r["step_start_ns"], -float(str(r["score"])), str(r["detection_id"])),
        )
        return DETECTIONS.of(rows)
