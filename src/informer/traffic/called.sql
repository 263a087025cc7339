-- One row is a kind of call (shape, rpc and version, numbered in `call_kinds`) that counts alike (a cell of
-- `cell_shares`) in a step in which the chains began, with a bucket of latency (`called`, until these are counts of
-- cells); and in `chain_steps`, a step with its chains. Weights are in millionths, as integers: a sum of floats would
-- depend on their order.
create or replace table call_kinds as
select row_number() over (order by shape_id, rpc_id, version) as call_kind, shape_id, rpc_id, version
from (
    select distinct h.shape_id, c.rpc_id, c.version
    from calls as c
    join chains as h on h.trace_id = c.trace_id
) as d;
create or replace table called as
select
    k.call_kind,
    cast(round(c.weight * 1000000) as bigint) as weight_e6,
    c.failed,
    c.refused,
    h.start_ns - h.start_ns % $step_ns as step_start_ns,
    cast(floor(ln(greatest(c.duration_ns, 1000) / 1000.0) / ln(2) * 8) as integer) as bucket,
    count(*) as calls
from calls as c
join chains as h on h.trace_id = c.trace_id
join call_kinds as k
    on k.shape_id = h.shape_id and k.rpc_id = c.rpc_id and k.version is not distinct from c.version
group by 1, 2, 3, 4, 5, 6;
create or replace table cell_shares as
select
    row_number() over (order by call_kind, weight_e6, failed, refused) - 1 as cell,
    call_kind,
    weight_e6,
    failed,
    refused,
    cast(1 as double) as share
from (select distinct call_kind, weight_e6, failed, refused from called) as d;
create or replace table chain_steps as
select
    start_ns - start_ns % $step_ns as step_start_ns,
    min(start_ns) as first_ns,
    max(start_ns) as last_ns,
    count(*) as chains
from chains
group by 1;
