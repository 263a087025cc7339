"""Fills the report's values from what the pipeline found."""

import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.types import Floats, Grid
from informer.pipeline.detect import DetectResult
from informer.pipeline.documents import incident_document
from informer.pipeline.look import list_patterns, list_reasons
from informer.web import views
from informer.web.report import render_report

BAND = 2.58  # standard deviations: 99 in 100 regular steps lie inside


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
    series = _series(result)
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
            _pattern(p, series.get(p["id"], {}), reasons.get(p["id"], ""), result)
            for p in list_patterns(workspace)
        ),
        incidents=tuple(
            _incident(incident_document(row, evidence=True)) for row in result.incidents.to_pylist()
        ),
        labels=tuple(labels),
    )
    path.write_text(render_report(report), encoding="utf-8")


def _pattern(
    document: dict[str, Any],
    series: dict[str, views.RpcSeries],
    reason: str,
    result: DetectResult,
) -> views.Pattern:
    ids = {(r["caller"], r["callee"], r["method"]): r["rpc_id"] for r in result.rpcs.to_pylist()}
    rpcs = tuple(
        views.Rpc(ids[r["caller"], r["callee"], r["method"]], r["caller"], r["callee"], r["method"])
        for r in document["rpcs"]
    )
    return views.Pattern(
        pattern_id=document["id"],
        label=document["label"],
        entry=document["entry"],
        chains=document["chains"],
        share=document["share"],
        critical=document["critical"],
        state=document["state"],
        forecaster=document["forecaster"],
        reason=reason,
        rpcs=rpcs,
        edges=tuple((a, b, w) for a, b, w in document["edges"]),
        series=tuple(series[r.rpc_id] for r in rpcs if r.rpc_id in series),
    )


def _incident(document: dict[str, Any]) -> views.Incident:
    return views.Incident(
        incident_id=document["id"],
        kind=document["kind"],
        severity=document["severity"],
        title=document["title"],
        opened_ns=document["opened_ns"],
        resolved_ns=document["resolved_ns"],
        score=document["score"],
        patterns=tuple(views.PatternRef(p["id"], p["label"]) for p in document["patterns"]),
        rpcs=tuple(views.GuiltyRpc(**rpc) for rpc in document["rpcs"]),
        examples=tuple(document["examples"]),
        attributes=tuple(views.Attribute(**a) for a in document["attributes"]),
        changes=tuple(document["changes"]),
        similar=tuple(document["similar"]),
        detections=tuple(
            views.Detection(**{k: d[k] for k in views.Detection.__slots__})
            for d in document["detections"]
        ),
        explanation=tuple(document["explanation"]),
    )


def _series(result: DetectResult) -> dict[str, dict[str, views.RpcSeries]]:
    """Observed against expected of every rpc of every pattern, by pattern and rpc id."""
    grid = result.grid
    observed = _by_cell(result.traffic, "calls", grid)
    expected = _by_cell(result.forecasts, "expected", grid)
    spread = _by_cell(result.forecasts, "spread", grid)
    volume = result.scores.filter(pc.is_in(result.scores["signal"], pa.array(["calls", "share"])))
    score, threshold = _by_cell(volume, "score", grid), _by_cell(volume, "threshold", grid)
    found: dict[str, dict[str, views.RpcSeries]] = defaultdict(dict)
    for cell, mean in expected.items():
        if cell not in score:
            continue
        deviation = BAND * np.sqrt(mean + spread[cell] * mean**2)
        calls = observed.get(cell, np.zeros(len(grid.seen)))
        pattern_id, rpc_id = cell
        found[pattern_id][rpc_id] = views.RpcSeries(
            rpc_id=rpc_id,
            step_start_ns=grid.starts_ns(),
            observed=np.where(grid.seen, calls, np.nan),
            expected=mean,
            low=np.maximum(mean - deviation, 0),
            high=mean + deviation,
            score=score[cell],
            threshold=threshold[cell],
        )
    return found


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
