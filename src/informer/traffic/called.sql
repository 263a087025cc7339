-- One row is a shape, an rpc, a version and a step in which the rpc was called by such a chain, with
-- a bucket of latency; and in `chain_steps`, a step with its chains. Counts are in millionths, as integers: a
-- sum of floats would depend on their order.
create or replace table called as
select
    h.shape_id,
    c.rpc_id,
    c.version,
    h.start_ns - h.start_ns % $step_ns as step_start_ns,
    cast(floor(ln(greatest(c.duration_ns, 1000) / 1000.0) / ln(2) * 8) as integer) as bucket,
    sum(round(c.weight * 1000000)) as calls_e6,
    sum(case when c.failed then round(c.weight * 1000000) else 0 end) as failures_e6,
    sum(case when c.refused then round(c.weight * 1000000) else 0 end) as refusals_e6
from calls as c
join chains as h on h.trace_id = c.trace_id
group by 1, 2, 3, 4, 5;
create or replace table chain_steps as
select
    start_ns - start_ns % $step_ns as step_start_ns,
    min(start_ns) as first_ns,
    max(start_ns) as last_ns,
    count(*) as chains
from chains
group by 1;
