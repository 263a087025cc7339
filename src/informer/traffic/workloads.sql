-- One row is a service, a version and a step in which that version answered a call.
create or replace table workloads as
select r.callee as service, c.version, c.step_start_ns, sum(c.calls_e6) / 1000000 as calls
from called as c
join rpcs as r on r.rpc_id = c.rpc_id
where
    c.version is not null
    and c.step_start_ns >= $from_ns
    and c.step_start_ns < $until_ns
group by r.callee, c.version, c.step_start_ns;
