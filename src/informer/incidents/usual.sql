-- One row is a call of the training range: a bounded sample of every rpc.
with placed as (
    select
        rpc_id,
        trace_id,
        span_id,
        version,
        row_number() over (partition by rpc_id order by span_id, trace_id) as place
    from calls
)
select distinct c.rpc_id, c.place, c.version, p.status_code, p.attributes
from placed as c
join spans as p on p.trace_id = c.trace_id and p.span_id = c.span_id
where c.place <= $most
order by c.rpc_id, c.place;
