-- One row is an rpc in the tree of a signature's example; lost callers are left out of broken trees.
create or replace table form_rpcs as
select
    d.trace_id,
    d.rpc_id,
    count(*) as calls,
    min(d.depth) as depth
from call_depths as d
inner join signatures as s on s.trace_id = d.trace_id
inner join rpcs as r on r.rpc_id = d.rpc_id
where not (s.partial and r.caller = 'unknown')
group by d.trace_id, d.rpc_id
