-- One row is an edge in the tree of a signature's example, between the rpcs of `form_rpcs`.
create or replace table form_edges as
select distinct a.trace_id, a.up_rpc_id as from_rpc_id, a.rpc_id as to_rpc_id
from ascents as a
inner join signatures as s on s.trace_id = a.trace_id
inner join rpcs as r on r.rpc_id = a.rpc_id
inner join rpcs as u on u.rpc_id = a.up_rpc_id
where not (s.partial and (r.caller = 'unknown' or u.caller = 'unknown'))
