-- One row is a thing learned: an edge between services, a method or a form of chain.
with called as (
    select
        c.rpc_id,
        c.caller,
        c.callee,
        c.weight * coalesce(f.chains, 1) as weight,
        coalesce(f.first_ns, h.start_ns) as start_ns
    from calls as c
    join chains as h on h.trace_id = c.trace_id
    left join stands_for as f on f.trace_id = c.trace_id
    where coalesce(f.chains, 1) > 0 and c.caller <> 'unknown' and c.callee <> 'unknown'
)
select 'edge' as what, min(start_ns) as first_seen_ns, sum(weight) as calls
from called
group by caller, callee
union all
select 'method' as what, min(start_ns) as first_seen_ns, sum(weight) as calls
from called
group by rpc_id
union all
select 'shape' as what, first_seen_ns, chains as calls
from shapes
where not partial and failed_chains < chains;
