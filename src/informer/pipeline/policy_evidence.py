"""What a workspace knows of every rpc that may become policy."""

import numpy as np
import pyarrow as pa

from informer.core.errors import InformerError
from informer.core.types import NS_PER_S, Grid, Json
from informer.detections.calibrate import SECONDS_A_DAY
from informer.pipeline.accepts import accepts_in
from informer.pipeline.memory import models_in_force
from informer.pipeline.news import news_of
from informer.pipeline.runs import is_learned
from informer.pipeline.sampled import counted_by
from informer.pipeline.teaching import barred_steps
from informer.pipeline.workspace import Workspace
from informer.policies.evidence import Counts, Evidence
from informer.policies.learned import Range

# An rpc that was accepted later has its calls in ranges that were looked at, not learned.
CALLED = """
select
    t.rpc_id,
    t.step_start_ns,
    cast(sum(case when b.pattern_id is null then t.calls else 0 end) as double) as calls,
    bool_and(t.seen) and count(b.pattern_id) = 0 as seen
from traffic as t
left join barred as b on b.pattern_id = t.pattern_id and b.step_start_ns = t.step_start_ns
where
    (t.step_start_ns >= $from_ns and t.step_start_ns < $until_ns)
    or t.rpc_id in (select rpc_id from accepted)
group by t.rpc_id, t.step_start_ns
"""
SUMS = f"""
with called as ({CALLED})
select
    r.rpc_id, r.caller, r.callee, r.method, r.kind, r.first_seen_ns,
    coalesce(s.calls, 0) as calls,
    coalesce(s.days, 0) as days,
    coalesce(s.last_ns, r.first_seen_ns) as last_ns,
    s.rpc_id is null as uncounted,
    e.example
from rpcs as r
left join (
    select
        rpc_id,
        sum(calls) as calls,
        count(distinct case when calls > 0 then step_start_ns // $day_ns end) as days,
        max(case when calls > 0 then step_start_ns end) + $step_ns as last_ns
    from called group by rpc_id
) as s on s.rpc_id = r.rpc_id
left join (
    select rpc_id, arg_max(example, chains) as example
    from (
        select unnest(rpc_ids) as rpc_id, example_trace_ids[1] as example, chains
        from shapes where not partial
    ) as x group by rpc_id
) as e on e.rpc_id = r.rpc_id
order by r.caller, r.callee, r.method, r.kind
"""
SERIES = f"select rpc_id, step_start_ns, calls, seen from ({CALLED}) as c order by 1, 2"
WHOLE = 1.0  # what a call stands for that is not sampled


def evidence_of(home: Workspace) -> tuple[list[Evidence], Range, list[str]]:
    """Evidence of every rpc, the range it is of, and what was left out.

    Steps that may not teach are no evidence: what was seen in irregular ones alone is no policy
    until somebody accepts it. Errors: InformerError when nothing was learned.
    """
    if not is_learned(home):
        raise InformerError(f"nothing was learned into {home.path} yet: run `informer learn`")
    trained = home.get("trained")
    step_ns = trained["step_s"] * NS_PER_S
    bounds = {"from_ns": trained["start_ns"], "until_ns": trained["end_ns"]}
    accepts = accepts_in(home)
    _write_barred(home, step_ns)
    accepted = pa.array(sorted(news_of(accepts)[0]), pa.string())
    home.engine.write("accepted", pa.table({"rpc_id": accepted}))
    try:
        rows = home.engine.query(
            SUMS, **bounds, step_ns=step_ns, day_ns=SECONDS_A_DAY * NS_PER_S
        ).to_pylist()
        stands_for = max(counted_by(models_in_force(home)[1]).values(), default=WHOLE)
        counts = _counts(home, bounds, trained["step_s"], stands_for)
        steps = home.engine.query(
            "select count(*) as n from steps where seen and step_start_ns >= $from_ns "
            "and step_start_ns < $until_ns",
            **bounds,
        )["n"][0].as_py()
    finally:
        home.engine.run("drop table barred; drop table accepted")
    left_out = [r for r in rows if r["calls"] <= 0 and not r["uncounted"]]
    notes = [
        f"{r['caller']} > {r['callee']} {r['method']} was met in irregular steps alone: accept "
        "the incident if it is legitimate"
        for r in left_out[:10]
    ]
    days = steps * trained["step_s"] / SECONDS_A_DAY
    learned = Range(trained["start_ns"], trained["end_ns"], days)
    kept = [r for r in rows if r["calls"] > 0 or r["uncounted"]]
    return [_evidence(r, counts.get(r["rpc_id"]), stands_for) for r in kept], learned, notes


def _evidence(row: Json, counts: Counts | None, stands_for: float) -> Evidence:
    return Evidence(
        row["caller"],
        row["callee"],
        row["method"],
        row["kind"],
        row["calls"],
        row["days"],
        row["first_seen_ns"],
        row["last_ns"],
        row["example"] or "",
        counts,
        stands_for,
    )


def _write_barred(home: Workspace, step_ns: int) -> None:
    """The table `barred`: patterns and steps that may not teach, in all that was kept."""
    kept = home.engine.query("select min(step_start_ns) as a, max(step_start_ns) as b from steps")
    first_ns, last_ns = kept["a"][0].as_py(), kept["b"][0].as_py()
    seen = np.zeros((last_ns - first_ns) // step_ns + 1, dtype=bool)
    grid = Grid(first_ns, step_ns // NS_PER_S, seen)
    starts = grid.starts_ns()
    rows = [
        (pattern_id, int(t))
        for pattern_id, steps in barred_steps(home, grid, accepts_in(home)).items()
        for t in starts[steps]
    ]
    patterns = pa.array([p for p, _ in rows], pa.string())
    at = pa.array([t for _, t in rows], pa.int64())
    home.engine.write("barred", pa.table({"pattern_id": patterns, "step_start_ns": at}))


def _counts(home: Workspace, bounds: Json, step_s: int, stands_for: float) -> dict[str, Counts]:
    """Calls of every rpc by step, over the range that was learned."""
    rows = home.engine.query(SERIES, **bounds)
    step_ns = step_s * NS_PER_S
    steps = (bounds["until_ns"] - bounds["from_ns"]) // step_ns
    rpc_id = rows["rpc_id"].to_numpy()
    at = (rows["step_start_ns"].to_numpy() - bounds["from_ns"]) // step_ns
    calls, seen = rows["calls"].to_numpy(), rows["seen"].to_numpy()
    ends = np.flatnonzero(rpc_id[1:] != rpc_id[:-1]) + 1
    found = {}
    for part in np.split(np.arange(len(rpc_id)), ends):
        inside = part[(at[part] >= 0) & (at[part] < steps)]
        if len(inside):
            series, covered = np.zeros(steps), np.zeros(steps, dtype=bool)
            series[at[inside]], covered[at[inside]] = calls[inside], seen[inside]
            found[rpc_id[part[0]]] = Counts(bounds["from_ns"], step_s, series, covered, stands_for)
    return found
