-- One row is a thing learned: an edge between services, a method or a form of chain.
-- Its calls are those that were met: what these stand for makes nothing more certain.
with called as (
    select
        c.rpc_id,
        c.caller,
        c.callee,
        coalesce(f.first_ns, h.start_ns) as start_ns,
        coalesce(f.chains, 1) as met
    from calls as c
    join chains as h on h.trace_id = c.trace_id
    left join counts_as as f on f.trace_id = c.trace_id
    where coalesce(f.chains, 1) > 0 and c.caller <> 'unknown' and c.callee <> 'unknown'
)
select 'edge' as what, min(start_ns) as first_seen_ns, cast(sum(met) as double) as calls
from called
group by caller, callee
union all
select 'method' as what, min(start_ns) as first_seen_ns, cast(sum(met) as double) as calls
from called
group by rpc_id
union all
select 'shape' as what, s.first_seen_ns, h.met as calls
from shapes as s
join (
    select c.shape_id, cast(sum(coalesce(f.chains, 1)) as double) as met
    from chains as c
    left join counts_as as f on f.trace_id = c.trace_id
    group by c.shape_id
) as h on h.shape_id = s.shape_id
where not s.partial and s.failed_chains < s.chains;
