"""A workspace as one month of a large system leaves it, made by SQL instead of watched.

Every pattern is a chain of ten rpcs of its own. Traffic follows a day with noise; expectations are
the day without it. The first day is drawn by hashes, the same numbers each time; the others repeat
it, for making each would take longer than measuring them. Rows lie as a service leaves them.
"""

from itertools import pairwise
from pathlib import Path

import numpy as np
import orjson

from informer.core.tables import TABLES
from informer.core.types import NS_PER_S, Json, PatternGraph, Series
from informer.forecasts.seasonal import Seasonal
from informer.forecasts.store import save_model
from informer.pipeline.hours import NOTE, roll_up
from informer.pipeline.laid import lay
from informer.pipeline.workspace import Workspace

RPCS, STEP_S, DAY_STEPS = 10, 60, 1_440
START_NS = 1_780_272_000 * NS_PER_S  # a Monday, 00:00 UTC
SERVICES, INCIDENTS, CELLS_EACH = 400, 400, 60
RUN = "000001-20260601T000000Z"
STEP_NS = STEP_S * NS_PER_S
WAVE = "(1.2 + sin(6.283185307 * (s % 1440) / 1440.0 + p % 7))"
CELL = """
select 'p' || lpad(p::varchar, 4, '0') as pattern_id, 'r' || lpad((p * 10 + n)::varchar, 6, '0') as
    rpc_id, $start + s::bigint * $step_ns as step_start_ns, s, p, n,
    1 + (p % 20) as rate, {wave} as wave
from range($first, $last) as steps(s), range($patterns) as patterns(p), range(10) as rpcs(n)
order by s
"""
TRAFFIC = """
insert into traffic by name
select pattern_id, rpc_id, step_start_ns,
    floor(rate * wave * (0.5 + (hash(s, p, n) % 1000) / 1000.0)) as calls,
    floor((hash(p, s, n, 1) % 100) / 99.0) as failures, 0.0 as refusals,
    10.0 as latency_p50_ms, 20.0 as latency_p95_ms, 11.0 + hash(s, n) % 7 as latency_mean_ms,
    true as seen
from ({cells})
"""
FORECASTS = """
insert into forecasts by name
select $run as run_id, pattern_id, rpc_id, 'calls' as signal, step_start_ns,
    step_start_ns - 1 as made_at_ns, round(rate * wave, 2) as expected, 0.05 as spread
from ({cells})
"""
# A day as the first one was.
REPEATED = """
insert into {table} by name
select t.* replace ({times}) from {table} as t where t.{time} < $first_until
"""
REPEATS = {
    "traffic": ("step_start_ns",),
    "forecasts": ("step_start_ns", "made_at_ns"),
    "steps": ("step_start_ns",),
    "hours": ("hour_start_ns",),
}  # table, and its columns of time


def make(folder: Path, patterns: int, days: int) -> Workspace:
    """Fill an empty folder."""
    home = Workspace.create(folder)
    home.put("trained", {"start_ns": START_NS, "end_ns": START_NS, "step_s": STEP_S})
    home.put("reasons", {})
    for name, rows in _learned(patterns, days).items():
        home.save(name, TABLES[name].of(rows))
    _save_models(home, patterns)
    cells = CELL.format(wave=WAVE)
    given = {"start": START_NS, "step_ns": STEP_NS, "patterns": patterns}
    bounds = {"first": 0, "last": DAY_STEPS}
    home.engine.run(TRAFFIC.format(cells=cells), **given, **bounds)
    home.engine.run(FORECASTS.format(cells=cells), run=RUN, **given, **bounds)
    home.engine.run(
        "insert into steps select $start + s::bigint * $step_ns, true from range($n) as t(s)",
        start=START_NS,
        step_ns=STEP_NS,
        n=DAY_STEPS,
    )
    while roll_up(home) or lay(home):
        pass
    # In the order of the first day: rows lie by pattern, as a service that runs lays them.
    home.engine.run("set preserve_insertion_order = true")
    for day in range(1, days):
        _repeat(home, day)
        print(f"\rday {day + 1} of {days}", end="", flush=True)
    print()
    end_ns = START_NS + days * DAY_STEPS * STEP_NS
    home.put(NOTE, {"until_ns": end_ns, "laid": {"traffic": end_ns, "forecasts": end_ns}})
    while lay(home):  # `hours`, of which a block is days
        pass
    return home


def _repeat(home: Workspace, day: int) -> None:
    """The first day once more, so many days later."""
    for table, columns in REPEATS.items():
        home.engine.run(
            REPEATED.format(
                table=table,
                time=columns[0],
                times=", ".join(f"t.{column} + $later as {column}" for column in columns),
            ),
            first_until=START_NS + DAY_STEPS * STEP_NS,
            later=day * DAY_STEPS * STEP_NS,
        )


def _learned(patterns: int, days: int) -> dict[str, list[Json]]:
    tables: dict[str, list[Json]] = {
        name: []
        for name in ("rpcs", "patterns", "shapes", "members", "pattern_edges", "model_facts")
    }
    for p in range(patterns):
        pattern_id, ids = f"p{p:04}", [f"r{p * RPCS + n:06}" for n in range(RPCS)]
        for n, rpc_id in enumerate(ids):
            tables["rpcs"].append(_rpc(p, n, rpc_id))
        tables["patterns"].append(
            {
                "run_id": RUN,
                "pattern_id": pattern_id,
                "label": f"gateway>service-{p % SERVICES} GET /things/{p}",
                "entry_rpc_id": ids[0],
                "medoid_shape_id": f"s{p:04}",
                "chains": 1e6 / (p + 1),
                "share": 1 / (p + 8),
                "critical": p < 100,
                "state": "stale" if p % 50 == 7 else "ready",
            }
        )
        edges = list(pairwise(ids))
        tables["shapes"].append(
            {
                "shape_id": f"s{p:04}",
                "entry_rpc_id": ids[0],
                "rpc_ids": ids,
                "multiplicities": [1.0] * RPCS,
                "depths": [float(n) for n in range(RPCS)],
                "edges": sorted(f"{a}>{b}" for a, b in edges),
                "chains": 1e6 / (p + 1),
                "failed_chains": 0.0,
                "partial": False,
                "first_seen_ns": START_NS,
                "last_seen_ns": START_NS,
                "example_trace_ids": [f"{p:032x}"],
            }
        )
        tables["members"].append(
            {"run_id": RUN, "shape_id": f"s{p:04}", "pattern_id": pattern_id, "distance": 0.0}
        )
        tables["pattern_edges"] += [
            {
                "run_id": RUN,
                "pattern_id": pattern_id,
                "from_rpc_id": a,
                "to_rpc_id": b,
                "weight": 1.0,
            }
            for a, b in edges
        ]
        rates: Json = {
            "calls": {f"{pattern_id}|{r}": 1e4 for r in ids},
            "hits": {f"failures|{pattern_id}|{r}": 100.0 for r in ids},
            "latency": {},
            "headless": {},
        }
        tables["model_facts"].append(
            {
                "pattern_id": pattern_id,
                "version": "0001",
                "rates": orjson.dumps(rates).decode(),
                "inflation": "{}",
            }
        )
    tables["runs"] = [_run(patterns, days)]
    tables["incidents"] = [_incident(i, patterns, days) for i in range(INCIDENTS)]
    tables["detections"] = [
        cell for row in tables["incidents"] for cell in orjson.loads(row["evidence"])["detections"]
    ]
    return tables


def _rpc(p: int, n: int, rpc_id: str) -> Json:
    caller = "outside" if n == 0 else f"service-{(p * 3 + n - 1) % SERVICES}"
    return {
        "rpc_id": rpc_id,
        "caller": caller,
        "callee": f"service-{(p * 3 + n) % SERVICES}",
        "method": f"GET /things/{p}/parts/{n}",
        "kind": "rpc",
        "first_seen_ns": START_NS + p * STEP_NS,
        "code": p * RPCS + n,
    }


def _run(patterns: int, days: int) -> Json:
    scores = {"seasonal": {"crps": 1.1}, "diffusion_gru": {"crps": 1.0}}
    reason = "diffusion_gru: better than seasonal by 2 standard errors"
    backtest = {"chosen": "seasonal", "reason": reason, "scores": scores, "first": 0}
    return {
        "run_id": RUN,
        "trained_from_ns": START_NS,
        "trained_to_ns": START_NS + days * DAY_STEPS * STEP_NS,
        "config": "{}",
        "backtest": orjson.dumps({f"p{p:04}": backtest for p in range(patterns)}).decode(),
        "models": orjson.dumps({f"p{p:04}": "0001" for p in range(patterns)}).decode(),
    }


def _incident(i: int, patterns: int, days: int) -> Json:
    p = i * 13 % patterns
    pattern_id, rpc_id, rpc = f"p{p:04}", f"r{p * RPCS + 3:06}", _rpc(p, 3, "")
    opened = START_NS + (days * DAY_STEPS * (i + 1) // (INCIDENTS + 1) - CELLS_EACH) * STEP_NS
    label = f"gateway>service-{p % SERVICES} GET /things/{p}"
    cells = [
        {
            "detection_id": f"{i:08x}{c:08x}",
            "pattern_id": pattern_id,
            "rpc_id": rpc_id,
            "signal": "calls",
            "step_start_ns": opened + c * STEP_NS,
            "window_steps": 3,
            "observed": 90.0,
            "expected": 30.0,
            "score": 9.0,
            "threshold": 4.0,
            "kind": "volume",
        }
        for c in range(CELLS_EACH)
    ]
    evidence: Json = {
        "rpcs": [
            {k: rpc[k] for k in ("caller", "callee", "method")}
            | {
                "rpc_id": rpc_id,
                "signal": "calls",
                "share": 1.0,
                "window_steps": 3,
                "observed": 90.0,
                "window_s": 900.0,
                "expected": 30.0,
            }
        ],
        "patterns": [{"id": pattern_id, "label": label}],
        "threshold": 4.0,
        "explanation": ["90 calls were observed where 30 were expected, in 15 min."],
        "changes": [],
        "novel": [],
        "detections": cells,
        "attributes": [],
        "examples": [f"{i:032x}"],
        "similar": [],
    }
    return {
        "incident_id": f"{i:010x}",
        "title": f"3.0 times the expected calls: {rpc['caller']} > {rpc['callee']} {rpc['method']}",
        "kind": "volume",
        "severity": ("critical", "high", "medium", "low")[i % 4],
        "opened_ns": opened,
        "resolved_ns": None if i >= INCIDENTS - 5 else opened + CELLS_EACH * STEP_NS,
        "score": 9.0,
        "patterns": [pattern_id],
        "evidence": orjson.dumps(evidence).decode(),
        "verdict": "open",
    }


def _save_models(home: Workspace, patterns: int) -> None:
    """One model that was fitted, with the names of each pattern."""
    steps = np.arange(3 * DAY_STEPS)
    calls = np.round(10 * (1.2 + np.sin(2 * np.pi * steps / DAY_STEPS)))[:, None]
    graph = PatternGraph("p", tuple(map(str, range(RPCS))), np.zeros((2, 0), np.int64), np.zeros(0))
    seen = np.ones(len(steps), dtype=bool)
    series = Series(graph, START_NS, STEP_S, np.repeat(calls, RPCS, axis=1), seen)
    model = Seasonal(None).fit(series, seed=0)
    for p in range(patterns):
        model.settings["rpcs"] = [f"r{p * RPCS + n:06}" for n in range(RPCS)]
        for _ in range(2):
            save_model(model, home.models / f"p{p:04}")
