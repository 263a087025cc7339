-- One row is a call that an incident is about: a bounded sample, the telling calls first. Calls that
-- are missing are told by chains without them, each by the call that began it (`lacking`).
with holding as (
    select distinct s.incident_id, c.trace_id
    from suspects as s
    join calls as c on c.rpc_id = s.rpc_id
    where s.missing
),
lacking_chains as (
    select
        s.incident_id,
        h.trace_id,
        h.entry_rpc_id,
        -- Where spans were lost the call may have been made; what was learned may be without it.
        case when h.partial then 2 when k.shape_id is not null then 1 else 0 end as rank
    from suspects as s
    join members as m on m.pattern_id = s.pattern_id
    join chains as h on h.shape_id = m.shape_id
    left join holding as g on g.incident_id = s.incident_id and g.trace_id = h.trace_id
    left join known_shapes as k on k.shape_id = h.shape_id
    where
        s.missing
        and g.trace_id is null
        and h.start_ns >= s.from_ns
        and h.start_ns < s.until_ns
        -- Of fewer chains than expected, those that came as learned say nothing.
        and (s.signal = 'share' or k.shape_id is null)
),
per_chain as (
    select s.incident_id, c.trace_id, count(*) as calls
    from suspects as s
    join calls as c on c.rpc_id = s.rpc_id
    where s.signal = 'share' and not s.missing
    group by s.incident_id, c.trace_id
),
told as (
    select
        s.incident_id,
        c.trace_id,
        c.span_id,
        c.rpc_id,
        c.version,
        0 as lacking,
        case
            when s.signal = 'failures' and c.failed then 0
            when s.signal = 'refusals' and c.refused then 0
            when s.signal = 'latency' and c.duration_ns > 1.5e6 * s.usual_ms then 0
            else 1
        end as rank,
        coalesce(n.calls, 0) as calls,
        1 as nth
    from suspects as s
    join calls as c on c.rpc_id = s.rpc_id
    join chains as h on h.trace_id = c.trace_id
    left join per_chain as n on n.incident_id = s.incident_id and n.trace_id = c.trace_id
    where h.start_ns >= s.from_ns and h.start_ns < s.until_ns
    union all
    select
        l.incident_id,
        c.trace_id,
        c.span_id,
        c.rpc_id,
        c.version,
        1 as lacking,
        l.rank,
        0 as calls,
        row_number() over (
            partition by l.incident_id, l.trace_id order by c.start_ns, c.span_id
        ) as nth
    from lacking_chains as l
    join calls as c on c.trace_id = l.trace_id and c.rpc_id = l.entry_rpc_id
),
sampled as (
    select
        *,
        row_number() over (
            partition by incident_id, lacking order by rank, calls desc, trace_id, span_id
        ) as place
    from told
    where nth = 1
)
select distinct
    t.incident_id,
    t.lacking,
    t.place,
    t.trace_id,
    t.rpc_id,
    t.version,
    p.status_code,
    p.attributes
from sampled as t
join spans as p on p.trace_id = t.trace_id and p.span_id = t.span_id
where t.place <= $most
order by t.incident_id, t.lacking, t.place;
