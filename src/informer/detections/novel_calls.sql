-- One row is a thing never learned and a step in which it was called.
-- An rpc is an `edge` when its two services never met before, else a `method`. A `shape` is news
-- only when it is whole, did not fail and holds no news of its own: broken traces are no novelty.
with known_edges as (
    select distinct caller, callee from known_rpcs
),
fresh_calls as (
    select
        case when e.caller is null then 'edge' else 'method' end as what,
        c.rpc_id,
        c.trace_id,
        c.weight
    from calls as c
    left join known_rpcs as k on k.rpc_id = c.rpc_id
    left join known_edges as e on e.caller = c.caller and e.callee = c.callee
    where k.rpc_id is null and c.caller <> 'unknown' and c.callee <> 'unknown'
),
fresh_shapes as (
    select h.trace_id, h.shape_id, h.entry_rpc_id, h.weight
    from chains as h
    left join known_shapes as k on k.shape_id = h.shape_id
    left join (select distinct trace_id from fresh_calls) as f on f.trace_id = h.trace_id
    where k.shape_id is null and f.trace_id is null and not h.partial and not h.failed
),
fresh as (
    select what, rpc_id as name, rpc_id, trace_id, weight from fresh_calls
    union all
    select 'shape' as what, shape_id as name, entry_rpc_id as rpc_id, trace_id, weight
    from fresh_shapes
)
select
    f.what,
    f.name,
    coalesce(min(m.pattern_id), '-1') as pattern_id,
    f.rpc_id,
    h.start_ns - h.start_ns % $step_ns as step_start_ns,
    sum(f.weight) as calls,
    count(*) as met
from fresh as f
join chains as h on h.trace_id = f.trace_id
left join members as m on m.shape_id = h.shape_id
where h.start_ns >= $from_ns and h.start_ns < $until_ns
group by f.what, f.name, f.rpc_id, h.start_ns - h.start_ns % $step_ns
order by 1, 2, 5;
