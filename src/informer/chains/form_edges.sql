-- One row is an edge in the tree of a signature's example, between the rpcs of `form_rpcs`.
create or replace table form_edges as
select distinct a.trace_id, b.rpc_id as from_rpc_id, a.rpc_id as to_rpc_id
from call_parents as a
inner join call_parents as b
    on b.trace_id = a.trace_id and b.span_id = a.up_span_id and b.twin = a.up_twin
inner join signatures as s on s.trace_id = a.trace_id
inner join rpcs as r on r.rpc_id = a.rpc_id
inner join rpcs as u on u.rpc_id = b.rpc_id
where not (s.partial and (r.caller = 'unknown' or u.caller = 'unknown'))
