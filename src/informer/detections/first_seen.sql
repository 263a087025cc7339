-- One row is a thing learned: an edge between services, a method or a form of chain.
-- Its calls are those that were met: what these stand for makes nothing more certain.
with called as (
    select c.rpc_id, c.caller, c.callee, h.start_ns
    from calls as c
    join chains as h on h.trace_id = c.trace_id
    where c.caller <> 'unknown' and c.callee <> 'unknown'
)
select 'edge' as what, min(start_ns) as first_seen_ns, count(*) as calls
from called
group by caller, callee
union all
select 'method' as what, min(start_ns) as first_seen_ns, count(*) as calls
from called
group by rpc_id
union all
select 'shape' as what, s.first_seen_ns, h.chains as calls
from shapes as s
join (select shape_id, count(*) as chains from chains group by shape_id) as h
    on h.shape_id = s.shape_id
where not s.partial and s.failed_chains < s.chains;
