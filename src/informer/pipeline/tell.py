"""Telling: what was judged of a range becomes incidents with evidence, and is kept."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from informer.core.tables import FORECASTS
from informer.core.types import Grid
from informer.detections.detect import Learned
from informer.engines.duckdb import DuckDBEngine
from informer.incidents.attributes import add_evidence
from informer.incidents.similar import add_similar
from informer.pipeline.examples import forget_examples, keep_examples
from informer.pipeline.going_on import ever_met, open_at, settle, with_beginnings
from informer.pipeline.history import keep_range
from informer.pipeline.judge import Gathered, Judged, incidents_of, names_of
from informer.pipeline.sampled import as_told
from informer.pipeline.teaching import keep_irregular
from informer.pipeline.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Told:
    """What a look at a range came to."""

    incidents: pa.Table  # INCIDENTS
    detections: pa.Table  # DETECTIONS
    forecasts: pa.Table  # FORECASTS


@dataclass(frozen=True, slots=True)
class Look:
    """A range, judged by the models of a run; `gathered` may reach back before it."""

    grid: Grid
    gathered: Gathered
    judged: Judged
    learned: Learned
    run_id: str

    @property
    def detections(self) -> pa.Table:
        """Those in the range itself."""
        found = self.judged.found.detections
        return found.filter(pc.greater_equal(found["step_start_ns"], self.grid.start_ns))


def tell(
    home: Workspace,
    scratch: DuckDBEngine,
    look: Look,
    beside: Callable[[pa.Table], None] = lambda incidents: None,
) -> Told:
    """Make incidents of a look, and keep what was seen and found.

    `scratch` holds the spans, calls, chains, rpcs and traffic of its range. `beside` is called with
    the incidents, what it writes is kept together with them or not at all.
    """
    grid = look.grid
    rpcs = scratch.query("select * from rpcs")
    names = names_of(ever_met(home, rpcs), home.table("patterns"), look.learned)
    earlier = open_at(home, grid)
    incidents = incidents_of(look.gathered, look.judged.found, names, earlier, grid.start_ns)
    incidents = add_evidence(scratch, incidents, home.table("attribute_values"), grid.step_ns)
    began = pc.is_in(
        incidents["incident_id"], pa.array([i["incident_id"] for i in earlier], pa.string())
    )
    keep_examples(scratch, incidents.filter(pc.invert(began)), home.path)
    incidents = add_similar(incidents, home.incidents_between(0, grid.start_ns))
    incidents = with_beginnings(incidents, earlier)
    forecasts = _forecast_rows(look)
    with home.engine.transaction():
        _keep_seen(home, scratch, look, forecasts)
        incidents = home.keep_incidents(grid.start_ns, grid.end_ns, incidents)
        settle(home, grid, earlier, set(incidents["incident_id"].to_pylist()))
        beside(incidents)
    forget_examples(home.path, set(home.table("incidents")["incident_id"].to_pylist()))
    return Told(incidents, look.detections, forecasts)


def _keep_seen(home: Workspace, scratch: DuckDBEngine, look: Look, forecasts: pa.Table) -> None:
    grid = look.grid
    traffic, workloads = (scratch.query(f"select * from {t}") for t in ("traffic", "workloads"))
    keep_range(home, grid, traffic, workloads)
    keep_irregular(home, look.gathered.grid, look.judged.found.irregular)
    for name, rows in (("detections", look.detections), ("forecasts", forecasts)):
        home.replace_between(name, "step_start_ns", grid.start_ns, grid.end_ns, rows)
    for name, key in (("rpcs", "rpc_id"), ("shapes", "shape_id")):
        home.meet(name, key, scratch.query(f"select * from {name}"))


def _forecast_rows(look: Look) -> pa.Table:
    """What was expected of the range itself."""
    parts = []
    before = len(look.gathered.grid.seen) - len(look.grid.seen)
    starts = look.grid.starts_ns()
    for pattern_id, made in look.judged.forecasts.items():
        series = look.gathered.traffic[pattern_id].series
        nodes, forecast = series.graph.rpc_ids, as_told(made.slice(before), series.stands_for)
        steps, rpcs = forecast.expected.shape
        start = np.repeat(starts, rpcs)
        columns = {
            "run_id": [look.run_id] * (steps * rpcs),
            "pattern_id": [pattern_id] * (steps * rpcs),
            "rpc_id": list(nodes) * steps,
            "signal": ["calls"] * (steps * rpcs),
            "step_start_ns": start,
            "made_at_ns": start - 1,  # when the step before was complete
            "expected": forecast.expected.ravel(),
            "spread": forecast.spread.ravel(),
        }
        parts.append(pa.table(columns, schema=FORECASTS.schema))
    return pa.concat_tables(parts) if parts else FORECASTS.empty()
