-- One row is a call of the training range: a bounded sample of every rpc.
with placed as (
    select
        c.rpc_id,
        c.trace_id,
        c.span_id,
        c.version,
        row_number() over (
            partition by c.rpc_id
            -- Traces that were kept for their rare form come after those that were drawn from all.
            order by coalesce(f.sampled, true) desc, c.span_id, c.trace_id
        ) as place
    from calls as c
    left join counts_as as f on f.trace_id = c.trace_id
)
select distinct c.rpc_id, c.place, c.version, p.status_code, p.attributes
from placed as c
join spans as p on p.trace_id = c.trace_id and p.span_id = c.span_id
where c.place <= $most
order by c.rpc_id, c.place;
