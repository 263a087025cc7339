-- One row is a pattern, an rpc and a step: a covered step without a call is 0 with seen = true.
create or replace table traffic as
select
    p.pattern_id,
    p.rpc_id,
    s.step_start_ns,
    coalesce(t.calls, 0.0) as calls,
    coalesce(t.failures, 0.0) as failures,
    coalesce(t.refusals, 0.0) as refusals,
    t.latency_p50_ms,
    t.latency_p95_ms,
    t.latency_mean_ms,
    s.seen
from (select distinct pattern_id, rpc_id from traffic_called) as p
cross join steps as s
left join traffic_called as t
    on t.pattern_id = p.pattern_id and t.rpc_id = p.rpc_id and t.step_start_ns = s.step_start_ns;
drop table traffic_called;
