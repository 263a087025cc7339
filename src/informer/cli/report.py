"""Fills the report's values from what the pipeline found."""

import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.config.load import settings_in
from informer.core.types import Floats, Grid
from informer.pipeline.band import BAND, band
from informer.pipeline.detect import DetectResult
from informer.pipeline.documents import incident_document
from informer.pipeline.look import list_patterns, list_reasons
from informer.web import views
from informer.web.documents import incident_of, pattern_of
from informer.web.report import render_report

Cell: TypeAlias = tuple[str, str, str]  # pattern, rpc, signal
BESIDE_CALLS = ("failures", "refusals", "latency")  # signals that are drawn where irregular


def write_report(
    path: Path,
    result: DetectResult,
    workspace: Path,
    source: str,
    *,
    checks: Sequence[str] = (),
    verdict: str = "",
    labels: Sequence[views.Label] = (),
) -> None:
    """Write the report of a detection to one HTML file."""
    incidents = tuple(
        incident_of(incident_document(row, evidence=True)) for row in result.incidents.to_pylist()
    )
    series = _series(result)
    budget_per_day = settings_in(workspace).alerts.budget_per_day
    for detection in (d for i in incidents for d in i.detections if d.signal in BESIDE_CALLS):
        cell = (detection.pattern_id, detection.rpc_id, detection.signal)
        if cell not in series:
            series[cell] = _series_of(result, cell)
    reasons = list_reasons(workspace)
    report = views.Report(
        title="Irregular traffic",
        made_at_ns=time.time_ns(),
        from_ns=result.grid.start_ns,
        until_ns=result.grid.end_ns,
        step_s=result.grid.step_s,
        source=source,
        checks=tuple(checks),
        verdict=verdict,
        patterns=tuple(
            _pattern(p, series, reasons.get(p["id"], ""), result) for p in list_patterns(workspace)
        ),
        incidents=incidents,
        labels=tuple(labels),
        budget_per_day=budget_per_day,
    )
    path.write_text(render_report(report), encoding="utf-8")


def _pattern(
    document: dict[str, Any],
    series: dict[Cell, views.RpcSeries],
    reason: str,
    result: DetectResult,
) -> views.Pattern:
    ids = {(r["caller"], r["callee"], r["method"]): r["rpc_id"] for r in result.rpcs.to_pylist()}
    rpc_ids = [ids[r["caller"], r["callee"], r["method"]] for r in document["rpcs"]]
    found = [
        series[cell]
        for signal in ("calls", *BESIDE_CALLS)
        for rpc_id in rpc_ids
        if (cell := (document["id"], rpc_id, signal)) in series
    ]
    return pattern_of(document, rpc_ids, reason, found)


def _series(result: DetectResult) -> dict[Cell, views.RpcSeries]:
    """Calls of every rpc of every pattern, observed against expected."""
    grid = result.grid
    observed = _by_cell(result.traffic, "calls", grid)
    expected = _by_cell(result.forecasts, "expected", grid)
    spread = _by_cell(result.forecasts, "spread", grid)
    volume = result.scores.filter(pc.is_in(result.scores["signal"], pa.array(["calls", "share"])))
    score, threshold = _by_cell(volume, "score", grid), _by_cell(volume, "threshold", grid)
    none = np.zeros(len(grid.seen))
    return {
        (*cell, "calls"): _drawn(
            grid,
            (*cell, "calls"),
            observed.get(cell, none),
            mean,
            mean + spread[cell] * mean**2,
            score[cell],
            threshold[cell],
        )
        for cell, mean in expected.items()
        if cell in score
    }


def _series_of(result: DetectResult, cell: Cell) -> views.RpcSeries:
    """Failures, refusals or latency of one rpc of one pattern, observed against expected."""
    grid, signal = result.grid, cell[2]
    rows = result.scores.filter(
        pc.and_(
            pc.equal(result.scores["signal"], signal),
            pc.and_(
                pc.equal(result.scores["pattern_id"], cell[0]),
                pc.equal(result.scores["rpc_id"], cell[1]),
            ),
        )
    )
    columns = [
        _by_cell(rows, name, grid)[cell[:2]]
        for name in ("observed", "expected", "score", "threshold", "spread")
    ]
    observed, expected, score, threshold, spread = columns
    drawn = _drawn(grid, cell, observed, expected, expected, score, threshold)
    if signal != "latency":
        return drawn
    times = np.exp(BAND * np.sqrt(spread))  # latency scatters by its logarithm
    return replace(drawn, low=expected / times, high=expected * times)


def _drawn(
    grid: Grid,
    cell: Cell,
    observed: Floats,
    expected: Floats,
    variance: Floats,
    score: Floats,
    threshold: Floats,
) -> views.RpcSeries:
    low, high = band(expected, variance)
    return views.RpcSeries(
        rpc_id=cell[1],
        signal=cell[2],
        step_start_ns=grid.starts_ns(),
        observed=np.where(grid.seen, observed, np.nan),
        expected=expected,
        low=low,
        high=high,
        score=score,
        threshold=threshold,
    )


def _by_cell(rows: pa.Table, column: str, grid: Grid) -> dict[tuple[str, str], Floats]:
    """One column of a long table as a series for each (pattern, rpc), [t]; NaN where no row is."""
    step = (rows["step_start_ns"].to_numpy() - grid.start_ns) // grid.step_ns
    values = rows[column].to_numpy()
    cells = pc.binary_join_element_wise(rows["pattern_id"], rows["rpc_id"], "\x1f")
    coded = cells.combine_chunks().dictionary_encode()
    names, place = coded.dictionary.to_pylist(), coded.indices.to_numpy()
    matrix = np.full((len(names), len(grid.seen)), np.nan)
    matrix[place, step] = values
    found = {}
    for name, row in zip(names, matrix, strict=True):
        pattern_id, _, rpc_id = name.partition("\x1f")
        found[pattern_id, rpc_id] = row
    return found
