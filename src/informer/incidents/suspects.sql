-- One row is a call that an incident is about: a bounded sample, the telling calls first.
with told as (
    select
        s.incident_id,
        c.trace_id,
        c.span_id,
        c.version,
        case
            when s.signal = 'failures' and c.failed then 0
            when s.signal = 'refusals' and c.refused then 0
            when s.signal = 'latency' and c.duration_ns > 1.5e6 * s.usual_ms then 0
            else 1
        end as rank
    from suspects as s
    join calls as c on c.rpc_id = s.rpc_id
    join chains as h on h.trace_id = c.trace_id
    where h.start_ns >= s.from_ns and h.start_ns < s.until_ns
),
sampled as (
    select
        *,
        row_number() over (partition by incident_id order by rank, trace_id, span_id) as place
    from told
)
select distinct
    t.incident_id,
    t.place,
    t.trace_id,
    t.version,
    p.status_code,
    p.attributes
from sampled as t
join spans as p on p.trace_id = t.trace_id and p.span_id = t.span_id
where t.place <= $most
order by t.incident_id, t.place;
