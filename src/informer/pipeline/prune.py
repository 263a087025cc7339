"""Forgets what is older than the settings say: never what learning needs, never what is open."""

from collections.abc import Iterable

from informer.config.retention import RetentionSettings
from informer.core.types import NS_PER_S
from informer.detections.calibrate import SECONDS_A_DAY
from informer.pipeline.workspace import Workspace

DAY_NS = SECONDS_A_DAY * NS_PER_S
# After the last step, at most, the clock of the machine is believed: one that leaps by years must
# not take incidents and the audit log with it.
BELIEVED_NS = 7 * DAY_NS
BY_STEP = "delete from {table} where step_start_ns < $before_ns"
# An accept names the incidents that reverting it would open again. What was rejected, or not
# decided on, keeps its steps from teaching for as long as they are there.
INCIDENTS = """
delete from incidents
where resolved_ns is not null and resolved_ns < $before_ns
    and resolved_ns <= coalesce((select min(step_start_ns) from steps), 0)
    and incident_id not in (select unnest(incidents) from accepts)
"""
BLIND_INCIDENTS = """
delete from incidents where kind = 'blind' and resolved_ns is not null and resolved_ns < $before_ns
"""
# Of an incident that was told as open all notices stay: the last says how it was told.
OLD_NOTICES = """
create or replace temp table old_notices as
select notice_id from notices
where incident_id in (
    select incident_id from notices group by incident_id
    having max(made_ns) < $before_ns and max_by(state, sequence) = 'resolved'
)
and incident_id not in (
    select n.incident_id from notices as n
    cross join (select unnest($sinks) as sink) as s
    left join deliveries as d on d.notice_id = n.notice_id and d.sink = s.sink
    where coalesce(d.state, 'waiting') = 'waiting'
)
and incident_id not in (select incident_id from incidents where resolved_ns is null)
"""
NOTICES = """
delete from deliveries where notice_id in (select notice_id from old_notices);
delete from notices where notice_id in (select notice_id from old_notices);
drop table old_notices
"""


def prune(
    home: Workspace, settings: RetentionSettings, *, sinks: Iterable[str], now_ns: int
) -> dict[str, int]:
    """Delete what is too old; how many rows of each table, where there were any.

    Steps are as old as they are before the last one that was looked at: nothing goes while nothing
    comes. All else is as old as it is before `now_ns`, no later than a while after that step.
    `sinks` are the names of those that notices are for.
    """
    engine = home.engine
    tables = ("traffic", "workloads", "steps", "irregular_steps", "forecasts", "detections")
    kept = [
        t
        for t in (*tables, "hours", "incidents", "notices", "deliveries", "audit")
        if engine.has(t)
    ]
    with engine.transaction():  # in which the rows that others write meanwhile are not counted
        before = {table: _rows(home, table) for table in kept}
        last_ns = engine.query("select max(step_start_ns) as t from steps")["t"][0].as_py()
        if last_ns is not None:
            now_ns = min(now_ns, last_ns + BELIEVED_NS)
        if settings.traffic_days and last_ns is not None:
            before_ns = last_ns - settings.traffic_days * DAY_NS
            for table in tables[:4]:
                engine.run(BY_STEP.format(table=table), before_ns=before_ns)
            if "hours" in before:
                engine.run(
                    "delete from hours where hour_start_ns < $before_ns", before_ns=before_ns
                )
        if settings.forecasts_days and last_ns is not None:
            before_ns = last_ns - settings.forecasts_days * DAY_NS
            for table in tables[4:]:
                engine.run(BY_STEP.format(table=table), before_ns=before_ns)
        if settings.incidents_days:
            before_ns = now_ns - settings.incidents_days * DAY_NS
            engine.run(INCIDENTS, before_ns=before_ns)
            engine.run(BLIND_INCIDENTS, before_ns=before_ns)
        if settings.notices_days and {"notices", "deliveries"} <= before.keys():
            before_ns = now_ns - settings.notices_days * DAY_NS
            engine.run(OLD_NOTICES, before_ns=before_ns, sinks=sorted(sinks))
            engine.run(NOTICES)
        if settings.audit_days and "audit" in before:
            before_ns = now_ns - settings.audit_days * DAY_NS
            engine.run("delete from audit where at_ns < $before_ns", before_ns=before_ns)
        after = {table: _rows(home, table) for table in kept}
    return {t: before[t] - after[t] for t in kept if before[t] != after[t]}


def _rows(home: Workspace, table: str) -> int:
    return int(home.engine.query(f'select count(*) as n from "{table}"')["n"][0].as_py())
