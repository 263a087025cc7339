-- One row is a service, a version and a step in which that version answered a call.
create or replace table workloads as
select
    c.callee as service,
    c.version,
    h.start_ns - h.start_ns % $step_ns as step_start_ns,
    sum(c.weight) as calls
from calls as c
join chains as h on h.trace_id = c.trace_id
where c.version is not null and h.start_ns >= $from_ns and h.start_ns < $until_ns
group by c.callee, c.version, h.start_ns - h.start_ns % $step_ns;
