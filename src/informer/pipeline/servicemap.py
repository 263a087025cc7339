"""Who called whom in an hour, what is new since a time, and where a name or a trace is met."""

import re
from dataclasses import dataclass

from informer.core.types import NS_PER_S, Json
from informer.pipeline.workspace import Workspace

CALLS = """
with counted as (
    select rpc_id, sum(calls) as calls, sum(failures) as failures, sum(refusals) as refusals
    from traffic where step_start_ns >= $from_ns and step_start_ns < $until_ns group by rpc_id
)
select r.caller, r.callee, sum(c.calls) as calls, sum(c.failures) as failures,
    sum(c.refusals) as refusals, list(r.rpc_id) as rpc_ids
from counted as c inner join {rpcs} as r on r.rpc_id = c.rpc_id
where $service = '' or r.caller = $service or r.callee = $service
group by r.caller, r.callee having sum(c.calls) > 0
order by calls desc, r.caller, r.callee
"""
# A version is new that answers calls in the range and answered none in as much time before it.
VERSIONS = """
select service, version, min(step_start_ns) as first_ns, sum(calls) as calls
from workloads where step_start_ns >= $from_ns and step_start_ns < $until_ns
    and (service, version) not in (
        select (service, version) from workloads
        where step_start_ns >= $before_ns and step_start_ns < $from_ns
    )
group by 1, 2 order by first_ns desc, service, version limit $most
"""
NEW_RPCS = """
select rpc_id, caller, callee, method, first_seen_ns, {known} as known from {table}
where first_seen_ns >= $from_ns and first_seen_ns < $until_ns
"""
SERVICES = """
select service, count(*) as rpcs from (
    select caller as service from {rpcs} union all select callee from {rpcs}
) where contains(lower(service), $words) and service not in ('outside', 'unknown')
group by 1 order by length(service), service limit $most
"""
RPCS = """
select r.rpc_id, r.caller, r.callee, r.method,
    (select list(distinct e.pattern_id) from pattern_edges as e
        where e.from_rpc_id = r.rpc_id or e.to_rpc_id = r.rpc_id) as patterns
from {rpcs} as r
where contains(lower(r.caller || ' ' || r.callee || ' ' || r.method), $words)
order by length(r.method), r.rpc_id limit $most
"""
LABELS = "select pattern_id, label from patterns where pattern_id in (select unnest($ids))"
DAY_NS = 86_400 * NS_PER_S
TRACE = re.compile(r"[0-9A-Za-z_.:-]{8,128}")
WITH_TRACE = """
select incident_id from incidents where contains(evidence, $quoted)
order by opened_ns desc limit $most
"""
SHAPES_WITH_TRACE = """
select m.pattern_id from shapes as s inner join members as m on m.shape_id = s.shape_id
where list_contains(s.example_trace_ids, $trace) limit $most
"""


@dataclass(frozen=True, slots=True)
class Met:
    """Where some words are met."""

    services: list[Json]
    rpcs: list[Json]
    incidents: list[str]  # with such an example trace
    patterns: list[str]  # likewise


def calls_between(home: Workspace, from_ns: int, until_ns: int, service: str) -> list[Json]:
    """Pairs of services that called each other, the busiest first; those of one if given."""
    return _rows(
        home, CALLS.format(rpcs=_rpcs(home)), from_ns=from_ns, until_ns=until_ns, service=service
    )


def watched_since_ns(home: Workspace) -> int:
    """From when on there can be news: what was met on the first day was there before."""
    first = home.engine.query("select min(step_start_ns) as t from steps")["t"][0].as_py()
    return int(first or 0) + DAY_NS


def new_rpcs(home: Workspace, from_ns: int, until_ns: int, *, most: int) -> list[Json]:
    """Rpcs whose first call lies in a range, the newest first; `known` = they were learned."""
    parts = [NEW_RPCS.format(table="rpcs", known="true")]
    if home.engine.has("met_rpcs"):
        parts.append(NEW_RPCS.format(table="met_rpcs", known="false"))
    sql = " union all ".join(parts) + " order by first_seen_ns desc, rpc_id limit $most"
    return _rows(home, sql, from_ns=from_ns, until_ns=until_ns, most=most)


def new_versions(home: Workspace, from_ns: int, until_ns: int, *, most: int) -> list[Json]:
    """Versions of services that were not there before a range, the newest first."""
    before_ns = max(from_ns - (until_ns - from_ns), 0)
    given = {"from_ns": from_ns, "until_ns": until_ns, "before_ns": before_ns, "most": most}
    return _rows(home, VERSIONS, **given)


def met(home: Workspace, words: str, *, most: int) -> Met:
    """Services and rpcs with these words in their names; incidents and patterns with this trace."""
    low, rpcs = words.lower().strip(), _rpcs(home)
    is_trace = TRACE.fullmatch(words.strip()) is not None
    incidents = patterns = list[Json]()
    if is_trace:
        trace = words.strip()
        incidents = _rows(home, WITH_TRACE, quoted=f'"{trace}"', most=most)
        patterns = _rows(home, SHAPES_WITH_TRACE, trace=trace, most=most)
    return Met(
        _rows(home, SERVICES.format(rpcs=rpcs), words=low, most=most),
        _rows(home, RPCS.format(rpcs=rpcs), words=low, most=most),
        [row["incident_id"] for row in incidents],
        sorted({row["pattern_id"] for row in patterns} - {"-1"}),
    )


def labels_of(home: Workspace, found: Met) -> dict[str, str]:
    """How the patterns are called that were met, by their ids."""
    ids = {p for rpc in found.rpcs for p in rpc["patterns"] or ()} | set(found.patterns)
    rows = _rows(home, LABELS, ids=sorted(ids))
    return {row["pattern_id"]: row["label"] for row in rows}


def _rpcs(home: Workspace) -> str:
    """All rpcs ever met, as SQL."""
    columns = "rpc_id, caller, callee, method"
    if not home.engine.has("met_rpcs"):
        return "rpcs"
    return (
        f"(select {columns} from rpcs union all select {columns} from met_rpcs "
        "where rpc_id not in (select rpc_id from rpcs))"
    )


def _rows(home: Workspace, sql: str, **given: object) -> list[Json]:
    rows: list[Json] = home.engine.query(sql, **given).to_pylist()
    return rows
