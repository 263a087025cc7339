-- One row is a method of a service that is mostly called from where nobody exports spans.
-- Ten heads and half of the calls: a gateway that loses some of its spans stays a gateway.
create or replace table remote_entries as
with heads as (
    select h.service, h.method, sum(coalesce(f.chains, 1)) as heads
    from remote_heads as h
    left join counts_as as f on f.trace_id = h.trace_id
    group by h.service, h.method
    having sum(coalesce(f.chains, 1)) >= 10
),

with_kinds as (
    select distinct trace_id
    from acyclic_spans
    where kind in ('server', 'consumer', 'client', 'producer')
),

served as (
    select
        s.service,
        coalesce(m.method, s.operation) as method,
        coalesce(f.chains, 1) as traces
    from acyclic_spans as s
    left join counts_as as f on f.trace_id = s.trace_id
    left join with_kinds as k on k.trace_id = s.trace_id
    left join methods as m on m.service = s.service and m.operation = s.operation
    where
        (
            s.kind in ('server', 'consumer')
            and (
                s.up_span_id is null
                or s.up_kind not in ('server', 'consumer')
                or s.up_service <> s.service
            )
        )
        or (k.trace_id is null and (s.up_span_id is null or s.up_service <> s.service))
)

select h.service, h.method
from heads as h
inner join served as s on s.service = h.service and s.method = h.method
group by h.service, h.method, h.heads
having 2 * h.heads >= sum(s.traces)
